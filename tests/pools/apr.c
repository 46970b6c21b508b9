/* SPDX-License-Identifier: MIT */
/*
 * apr clean|leak|destroy|other - connections of apr_dbd in a list of APR's
 *
 * Letters are posted by three threads and by main.  One whose address the
 * database refuses is returned from without its connection.  When the list is
 * empty an acquire first comes back with APR_TIMEUP, then a thread waits in it
 * until main releases.  `destroy` ends as a server does: with the pool of
 * memory that all of it is in.  In `other` what the list has is none of
 * PostgreSQL's, of which there is one connection beside it.
 */
#include <apr_dbd.h>
#include <apr_general.h>
#include <apr_reslist.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>
#include <apu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wait.h"

#define CAPACITY 4

static apr_pool_t *memory;
static apr_reslist_t *list;
static const apr_dbd_driver_t *driver;
static int tidy;
static int refused;

static void check(apr_status_t status)
{
	char message[200];

	if (status == APR_SUCCESS)
		return;
	fprintf(stderr, "%s\n", apr_strerror(status, message, sizeof(message)));
	exit(1);
}

static apr_status_t open_one(void **conn, void *unused, apr_pool_t *pool)
{
	(void)unused;
	return apr_dbd_open(driver, pool, "", (apr_dbd_t **)conn);
}

static apr_status_t close_one(void *conn, void *unused, apr_pool_t *pool)
{
	(void)unused;
	(void)pool;
	return apr_dbd_close(driver, conn);
}

static apr_status_t make_number(void **number, void *unused, apr_pool_t *pool)
{
	(void)unused;
	*number = apr_pcalloc(pool, sizeof(int));
	return APR_SUCCESS;
}

static apr_status_t drop_number(void *number, void *unused, apr_pool_t *pool)
{
	(void)number;
	(void)unused;
	(void)pool;
	return APR_SUCCESS;
}

static int ask(apr_dbd_t *conn, int number)
{
	apr_dbd_results_t *results = NULL;
	apr_dbd_row_t *row = NULL;
	apr_pool_t *pool;
	int answer = 0;

	check(apr_pool_create(&pool, NULL));
	if (apr_dbd_select(driver, pool, conn, &results,
			   apr_psprintf(pool, "SELECT 6 / %d", number),
			   1) == 0) {
		while (apr_dbd_get_row(driver, pool, results, &row, -1) == 0)
			answer = atoi(apr_dbd_get_entry(driver, row, 0));
	}
	apr_pool_destroy(pool);
	return answer;
}

/* The address 0 is one that the database refuses. */
static int post(int address)
{
	void *conn;

	check(apr_reslist_acquire(list, &conn)); /* at: post */
	if (!ask(conn, address)) {
		__atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
		if (!tidy)
			return 0;
	}
	check(apr_reslist_release(list, conn));
	return 1;
}

static void *APR_THREAD_FUNC deliver(apr_thread_t *thread, void *unused)
{
	(void)unused;
	for (int address = 3; address >= 0; address--)
		post(address);
	apr_thread_exit(thread, APR_SUCCESS);
	return NULL;
}

static void *APR_THREAD_FUNC wait_for_one(apr_thread_t *thread, void *unused)
{
	void *conn;

	(void)unused;
	going_to_wait();
	check(apr_reslist_acquire(list, &conn));
	ask(conn, 1);
	check(apr_reslist_release(list, conn));
	apr_thread_exit(thread, APR_SUCCESS);
	return NULL;
}

static void join(apr_thread_t *thread)
{
	apr_status_t status;

	check(apr_thread_join(&status, thread));
}

/* A connection that does not answer is not put back. */
static void audit(void)
{
	void *conns[CAPACITY], *none;
	apr_thread_t *thread;
	int count = 0;

	while (count + (tidy ? 0 : 3) < CAPACITY)
		check(apr_reslist_acquire(list, &conns[count++]));
	apr_reslist_timeout_set(list, 20000);
	printf("%s\n", APR_STATUS_IS_TIMEUP(apr_reslist_acquire(list, &none))
			       ? "none in time"
			       : "one too many");
	apr_reslist_timeout_set(list, 60 * APR_USEC_PER_SEC);
	check(apr_thread_create(&thread, NULL, wait_for_one, NULL, memory));
	until_it_waits();
	while (count > 1)
		check(apr_reslist_release(list, conns[--count]));
	check(apr_reslist_invalidate(list, conns[0]));
	join(thread);
}

static int forget_numbers(void)
{
	apr_dbd_t *conn;
	void *number;

	check(apr_dbd_open(driver, memory, "", &conn));
	printf("%d\n", ask(conn, 1));
	check(apr_dbd_close(driver, conn));
	check(apr_reslist_create(&list, 0, 2, 2, 0, make_number, drop_number,
				 NULL, memory));
	check(apr_reslist_acquire(list, &number));
	check(apr_reslist_acquire(list, &number));
	check(apr_reslist_release(list, number));
	printf("%u out\n", apr_reslist_acquired_count(list));
	return 0;
}

int main(int argc, char **argv)
{
	apr_thread_t *threads[2];

	tidy = argc > 1 && strcmp(argv[1], "leak") != 0;
	check(apr_initialize());
	check(apr_pool_create(&memory, NULL));
	check(apr_dbd_init(memory));
	check(apr_dbd_get_driver(memory, "pgsql", &driver));
	if (strcmp(argv[1], "other") == 0)
		return forget_numbers();
	check(apr_reslist_create(&list, 1, 2, CAPACITY, 0, open_one, close_one,
				 NULL, memory));
	post(1);
	post(0);
	for (int i = 0; i < 2; i++)
		check(apr_thread_create(&threads[i], NULL, deliver, NULL,
					memory));
	for (int i = 0; i < 2; i++)
		join(threads[i]);
	audit();
	printf("%d refused, %u out\n", refused,
	       apr_reslist_acquired_count(list));
	if (strcmp(argv[1], "clean") == 0)
		check(apr_reslist_destroy(list));
	if (strcmp(argv[1], "destroy") == 0)
		apr_pool_destroy(memory);
	return 0;
}
