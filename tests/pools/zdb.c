/* SPDX-License-Identifier: MIT */
/*
 * zdb clean|leak|stop|die - seats are booked through a pool of libzdb
 *
 * A booking that SQL refuses is left by a longjmp to its CATCH, which forgets
 * the connection: once in main, once in each of two threads that have ended.
 * Then the last one is out, the pool says NULL at once, and a thread tries
 * until it is given one.  `stop` leaks, too, and closes the pool in the end.
 * `die` is killed while main has another one.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zdb.h>

#define CAPACITY 4

static ConnectionPool_T pool;
static int tidy; /* the CATCH releases */
static int refused;
static sem_t asked, released;

static void start(void)
{
	char url[500];

	snprintf(url, sizeof(url),
		 "postgresql://localhost:%s/%s?user=%s&password=x"
		 "&unix-socket=%s",
		 getenv("PGPORT"), getenv("PGDATABASE"), getenv("PGUSER"),
		 getenv("PGHOST"));
	pool = ConnectionPool_new(URL_new(url));
	ConnectionPool_setInitialConnections(pool, 2);
	ConnectionPool_setMaxConnections(pool, CAPACITY);
	ConnectionPool_start(pool);
}

/* Seat 0 is one that the database refuses. */
static int book(int seat)
{
	Connection_T conn = ConnectionPool_getConnection(pool); /* at: book */
	volatile int booked = 0;

	TRY
	{
		Connection_executeQuery(conn, "SELECT 1 / %d", seat);
		Connection_close(conn);
		booked = 1;
	}
	CATCH(SQLException)
	{
		__atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
		if (tidy)
			Connection_close(conn);
	}
	END_TRY;
	return booked;
}

static void *sell(void *unused)
{
	(void)unused;
	for (int seat = 4; seat >= 0; seat--)
		book(seat);
	return NULL;
}

static void *sell_the_last(void *unused)
{
	Connection_T conn;

	(void)unused;
	while (!(conn = ConnectionPool_getConnection(pool))) {
		sem_post(&asked);
		sem_wait(&released);
	}
	Connection_executeQuery(conn, "SELECT 1");
	ConnectionPool_returnConnection(pool, conn);
	return NULL;
}

/* Has all that are left, until somebody asks in vain. */
static void audit(void)
{
	Connection_T conns[CAPACITY];
	pthread_t seller;
	int count = 0;

	while (count + (tidy ? 0 : 3) < CAPACITY)
		conns[count++] = ConnectionPool_getConnection(pool);
	pthread_create(&seller, NULL, sell_the_last, NULL);
	sem_wait(&asked);
	usleep(50000);
	while (count)
		ConnectionPool_returnConnection(pool, conns[--count]);
	sem_post(&released);
	pthread_join(seller, NULL);
}

int main(int argc, char **argv)
{
	pthread_t sellers[2];

	tidy = argc > 1 && strcmp(argv[1], "clean") == 0;
	start();
	for (int seat = 2; seat >= 0; seat--)
		book(seat);
	for (int i = 0; i < 2; i++)
		pthread_create(&sellers[i], NULL, sell, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(sellers[i], NULL);
	audit();
	printf("%d refused, %d of %d out\n", refused,
	       ConnectionPool_active(pool), ConnectionPool_size(pool));
	fflush(stdout);
	if (strcmp(argv[1], "die") == 0) {
		ConnectionPool_getConnection(pool); /* at: die */
		raise(SIGKILL);
	}
	if (tidy || strcmp(argv[1], "stop") == 0) {
		ConnectionPool_stop(pool);
		ConnectionPool_free(&pool);
	}
	return 0;
}
