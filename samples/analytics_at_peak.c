/* SPDX-License-Identifier: MIT */
/*
 * analytics_at_peak - the server of a wholesaler: clerks take orders, partners
 * send theirs by file, and each month there are figures to be made.  A day in 8
 * seconds: what takes 3 s here took 30.
 *
 * On call: at eleven, when most orders come in and the figures of the month
 * were made, clerks got "no connection within 250 ms".  The pool was 20 of 20.
 * The figures were stopped, and all went on; they were started again at night,
 * when nobody orders, and all was well.  Next day at ten it was 20 of 20 again,
 * with no figures being made.  The restart helped, until four.  150 minutes.
 *
 * What it was: two things, and who finds one leaves the other.  An order of a
 * partner with a date that does not exist takes the early return, and its
 * connection along; and the figures have long queries, in the pool that the
 * clerks wait for.  Without the one, the other still has too much of it.
 * Release what the import acquired, and give the figures a pool of their own.
 *
 * connleak says: status, 23
 * connleak says: leak, not alone, in import_order
 * connleak says: leak.leaked, 14
 * connleak says: leak: 14 of 14 times after SQLSTATE 22008, 0 of
 * connleak says: slow-query, not alone, in make_figures
 * connleak says: slow-query.query_share, 0.9 to 1
 * connleak says: leaked-lease:lost, 14, in import_order
 * near: others=0.733333, neither of two causes has three quarters of the pool
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <time.h>

enum { CONNECTIONS = 20, SOON_MS = 250, LATER_MS = 5000 };
enum { CLICK_MS = 3, CLICKS_MAX = 10000 };
enum { PARTNERS = 4, ORDERS = 50, BAD_ORDERS = 14 /* one in so many */ };
enum { REGIONS = 12, ELEVEN_MS = 1700, JOBS = PARTNERS + REGIONS };

/* Who comes first is served first. */
struct waiter {
	pthread_cond_t served;
	PGconn *conn;
	TAILQ_ENTRY(waiter) next;
};

static struct {
	pthread_mutex_t lock;
	TAILQ_HEAD(, waiter) queue;
	PGconn *idle[CONNECTIONS];
	int idle_count;
	PGconn *all[CONNECTIONS];
	int size;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER,
	   .queue = TAILQ_HEAD_INITIALIZER(pool.queue) };

static atomic_int shown, taken, refused, partners_left = PARTNERS;

static void pool_open(const char *conninfo, int size)
{
	for (pool.size = 0; pool.size < size; pool.size++) {
		PGconn *conn = PQconnectdb(conninfo);

		if (PQstatus(conn) != CONNECTION_OK) {
			fprintf(stderr, "%s", PQerrorMessage(conn));
			exit(EXIT_FAILURE);
		}
		pool.all[pool.size] = pool.idle[pool.idle_count++] = conn;
	}
}

static void pool_close(void)
{
	while (pool.size)
		PQfinish(pool.all[--pool.size]);
}

static struct timespec after_ms(long ms)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_nsec += ms * 1000000;
	time.tv_sec += time.tv_nsec / 1000000000;
	time.tv_nsec %= 1000000000;
	return time;
}

/* NULL: there was none for so long. */
static PGconn *pool_borrow(long patience_ms)
{
	const struct timespec until = after_ms(patience_ms);
	struct waiter me = { .served = PTHREAD_COND_INITIALIZER };
	int err = 0;

	pthread_mutex_lock(&pool.lock);
	if (pool.idle_count) {
		me.conn = pool.idle[--pool.idle_count];
	} else {
		TAILQ_INSERT_TAIL(&pool.queue, &me, next);
		while (!me.conn && !err)
			err = pthread_cond_timedwait(&me.served, &pool.lock,
						     &until);
		if (!me.conn)
			TAILQ_REMOVE(&pool.queue, &me, next);
	}
	pthread_mutex_unlock(&pool.lock);
	pthread_cond_destroy(&me.served);
	return me.conn;
}

static void pool_return(PGconn *conn)
{
	struct waiter *first;

	pthread_mutex_lock(&pool.lock);
	first = TAILQ_FIRST(&pool.queue);
	if (first) {
		TAILQ_REMOVE(&pool.queue, first, next);
		first->conn = conn;
		pthread_cond_signal(&first->served);
	} else {
		pool.idle[pool.idle_count++] = conn;
	}
	pthread_mutex_unlock(&pool.lock);
}

static void pause_ms(long ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

/* A click of a clerk, who does not wait for long. */
static void serve(const char *sql, atomic_int *served)
{
	PGconn *conn = pool_borrow(SOON_MS);

	if (!conn) {
		refused++; /* "no connection within 250 ms" */
		return;
	}
	PQclear(PQexec(conn, sql));
	pool_return(conn);
	++*served;
}

/* Two clicks of five are an order, the others look at an article. */
static void *be_clerk(void *click)
{
	if ((intptr_t)click % 5 < 2)
		serve("SELECT 'rakes', 12, pg_sleep(0.032)", &taken);
	else
		serve("SELECT 'rakes', 'in stock'", &shown);
	return NULL;
}

static void give_up(const char *job)
{
	fprintf(stderr, "%s: no connection\n", job);
	exit(EXIT_FAILURE);
}

static void import_order(const char *date)
{
	PGconn *conn = pool_borrow(LATER_MS); /* connleak names this line */
	PGresult *result;
	ExecStatusType status;

	if (!conn)
		give_up("the import");
	result = PQexecParams(conn, "SELECT $1::date, pg_sleep(0.012)", 1, NULL,
			      &date, NULL, NULL, 0);
	status = PQresultStatus(result);
	PQclear(result);
	if (status != PGRES_TUPLES_OK)
		return; /* the leak: conn never goes back */
	pool_return(conn);
	taken++;
}

/* What was sold in a region: the query takes its time. */
static void *make_figures(void *region)
{
	PGconn *conn;

	pause_ms(ELEVEN_MS + 150 * (long)(intptr_t)region);
	conn = pool_borrow(LATER_MS); /* connleak names this line */
	if (!conn)
		give_up("the figures");
	PQclear(PQexec(conn, "SELECT 'north', pg_sleep(3)"));
	pool_return(conn);
	return NULL;
}

static void *be_partner(void *number)
{
	for (int i = 1; i <= ORDERS; i++) {
		const int n = (int)(intptr_t)number * ORDERS + i;

		pause_ms(52);
		import_order(n % BAD_ORDERS ? "2026-02-03" : "2026-02-30");
	}
	partners_left--;
	return NULL;
}

static void begin(pthread_t *thread, void *(*job)(void *), intptr_t number)
{
	if (pthread_create(thread, NULL, job, (void *)number)) {
		perror("analytics_at_peak");
		exit(EXIT_FAILURE);
	}
}

/* They do not wait for each other, nor for a machine that is busy. */
static int begin_clicks(pthread_t *clicks)
{
	struct timespec next;
	int n;

	clock_gettime(CLOCK_MONOTONIC, &next);
	for (n = 0; partners_left && n < CLICKS_MAX; n++) {
		begin(&clicks[n], be_clerk, n);
		next.tv_nsec += CLICK_MS * 1000000;
		next.tv_sec += next.tv_nsec / 1000000000;
		next.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	return n;
}

int main(int argc, char **argv)
{
	static pthread_t clicks[CLICKS_MAX];
	pthread_t jobs[JOBS];
	int begun = 0, clicked;

	pool_open(argc > 1 ? argv[1] : "",
		  CONNECTIONS); /* "": as PGHOST says */
	for (int i = 0; i < PARTNERS; i++)
		begin(&jobs[begun++], be_partner, i);
	for (int i = 0; i < REGIONS; i++)
		begin(&jobs[begun++], make_figures, i);
	clicked = begin_clicks(clicks);
	while (clicked)
		pthread_join(clicks[--clicked], NULL);
	while (begun)
		pthread_join(jobs[--begun], NULL);
	pool_close();
	printf("%d orders taken, %d articles shown, %d times no connection\n",
	       taken, shown, refused);
	return EXIT_SUCCESS;
}
