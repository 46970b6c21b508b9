/* SPDX-License-Identifier: MIT */
/*
 * reports - the figures of a market research company: of 200 users 100 look at
 * single ones, and 100 order reports.  A day in 8 seconds: what takes 1 s here
 * took 100.
 *
 * On call: "the site hangs", three times a week, and no error anywhere: nobody
 * had ever set a time after which to give up.  The database had nothing to do,
 * 50 sessions were idle.  A tool that tells leases older than 60 s told all
 * reports; so a leak was looked for in each, and one was found, and mended; it
 * hung again two days later.  150 minutes, each time.
 *
 * What it was: a report takes a connection for its first query and keeps it
 * while the print service makes pages of it, for minutes; 100 users who do so
 * need more than 50, for work that takes the database a moment.  Release it
 * before printing.  Beside this a report without visitors, which divides by
 * zero, keeps its connection for good: that alone would have taken weeks.
 *
 * connleak says: status, 23
 * connleak says: application-holds, alone, in make_report
 * connleak says: application-holds.query_share, 0 to 0.1
 * connleak says: leak, not alone, in make_report
 * connleak says: leak.leaked, 11
 * connleak says: leak: 11 of 11 times after SQLSTATE 22012, 0 of
 * connleak says: no deadline, in conn_pool_get
 * connleak says: leaked-lease:lost, 11, in make_report
 * near: dry-share=0.683333, a day has a morning and an evening without waits
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 50, READERS = 100, WRITERS = 100 };
enum { REPORTS = 176, NO_VISITORS = 16 /* one report in so many */ };

/* A pipe with the connections that are free in it. */
static struct {
	int take, give;
	PGconn *all[CONNECTIONS];
	int size;
} pool;

static atomic_int looks, orders, reports, writers_left = WRITERS;

static void fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static void offer(PGconn *conn)
{
	if (write(pool.give, &conn, sizeof(conn)) != sizeof(conn))
		fail("write");
}

static void conn_pool_open(const char *conninfo, int size)
{
	int ends[2];

	if (pipe(ends))
		fail("pipe");
	pool.take = ends[0];
	pool.give = ends[1];
	for (pool.size = 0; pool.size < size; pool.size++) {
		PGconn *conn = PQconnectdb(conninfo);

		if (PQstatus(conn) != CONNECTION_OK) {
			fprintf(stderr, "%s", PQerrorMessage(conn));
			exit(EXIT_FAILURE);
		}
		pool.all[pool.size] = conn;
		offer(conn);
	}
}

static void conn_pool_close(void)
{
	while (pool.size)
		PQfinish(pool.all[--pool.size]);
	close(pool.take);
	close(pool.give);
}

/* Waits until there is one; 0, or -1 if it cannot. */
static int conn_pool_get(PGconn **ret)
{
	return read(pool.take, ret, sizeof(*ret)) == sizeof(*ret) ? 0 : -1;
}

static void conn_pool_put(PGconn *conn)
{
	offer(conn);
}

static void pause_ms(long ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

static long between(long least, long most, unsigned *seed)
{
	return least + rand_r(seed) % (most - least + 1);
}

static bool query(PGconn *conn, const char *sql)
{
	PGresult *result = PQexec(conn, sql);
	const bool ok = PQresultStatus(result) == PGRES_TUPLES_OK;

	PQclear(result);
	return ok;
}

static void look_at_figure(void)
{
	PGconn *conn;

	if (conn_pool_get(&conn))
		fail("read");
	query(conn, "SELECT 4711, pg_sleep(0.002)");
	conn_pool_put(conn);
	looks++;
}

/* The print service makes one page after the other. */
static void print(int pages)
{
	while (pages--)
		pause_ms(100);
}

static bool make_report(int number, int pages)
{
	PGconn *conn;
	bool ok;

	if (conn_pool_get(&conn)) /* connleak names this line */
		fail("read");
	ok = query(conn, number % NO_VISITORS ? "SELECT 81000 / 90"
					      : "SELECT 81000 / 0");
	if (!ok)
		return false; /* the leak: conn never goes back */
	print(pages);
	query(conn, "SELECT 'printed'");
	conn_pool_put(conn);
	return true;
}

static void *read_figures(void *user)
{
	unsigned seed = (unsigned)(intptr_t)user;

	while (writers_left) {
		pause_ms(between(400, 2000, &seed));
		look_at_figure();
	}
	return NULL;
}

static void *order_reports(void *user)
{
	unsigned seed = (unsigned)(intptr_t)user;
	int number;

	pause_ms(between(0, 1500, &seed));
	while ((number = ++orders) <= REPORTS) {
		reports += make_report(number, (int)between(6, 18, &seed));
		pause_ms(between(100, 500, &seed));
	}
	writers_left--;
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t users[READERS + WRITERS];

	conn_pool_open(argc > 1 ? argv[1] : "",
		       CONNECTIONS); /* "": as PGHOST says */
	for (intptr_t i = 0; i < READERS + WRITERS; i++)
		if (pthread_create(&users[i], NULL,
				   i < READERS ? read_figures : order_reports,
				   (void *)i))
			return EXIT_FAILURE;
	for (int i = 0; i < READERS + WRITERS; i++)
		pthread_join(users[i], NULL);
	conn_pool_close();
	printf("%d figures, %d reports\n", looks, reports);
	return EXIT_SUCCESS;
}
