/* SPDX-License-Identifier: MIT */
/*
 * apr_dbd clean|leak - Apache's portable runtime, whose driver is a plugin
 */
#include <apr_general.h>
#include <apu.h>
#include <apr_dbd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static apr_pool_t *pool;
static const apr_dbd_driver_t *driver;

static void check(apr_status_t status)
{
	char message[200];

	if (status == APR_SUCCESS)
		return;
	fprintf(stderr, "%s\n", apr_strerror(status, message, sizeof(message)));
	exit(1);
}

static apr_dbd_t *acquire(void)
{
	apr_dbd_t *conn;

	check(apr_dbd_open(driver, pool, "", &conn));
	return conn;
}

int main(int argc, char **argv)
{
	apr_dbd_results_t *results = NULL;
	apr_dbd_row_t *row = NULL;
	apr_dbd_t *conn;

	check(apr_initialize());
	check(apr_pool_create(&pool, NULL));
	check(apr_dbd_init(pool));
	check(apr_dbd_get_driver(pool, "pgsql", &driver));
	conn = acquire();
	check(apr_dbd_select(driver, pool, conn, &results, "SELECT 6 * 7", 1));
	check(apr_dbd_get_row(driver, pool, results, &row, 1));
	puts(apr_dbd_get_entry(driver, row, 0));
	if (argc > 1 && strcmp(argv[1], "leak") == 0)
		return 0;
	check(apr_dbd_close(driver, conn));
	apr_terminate();
	return 0;
}
