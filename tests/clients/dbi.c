/* SPDX-License-Identifier: MIT */
/*
 * dbi clean|leak - libdbi, whose driver looks up libpq's functions by name
 */
#include <dbi/dbi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void acquire(dbi_conn conn)
{
	const char *message;

	dbi_conn_set_option(conn, "host", getenv("PGHOST"));
	dbi_conn_set_option(conn, "username", getenv("PGUSER"));
	dbi_conn_set_option(conn, "dbname", getenv("PGDATABASE"));
	if (dbi_conn_connect(conn) == 0)
		return;
	dbi_conn_error(conn, &message);
	fprintf(stderr, "%s\n", message);
	exit(1);
}

int main(int argc, char **argv)
{
	dbi_inst instance;
	dbi_result result;
	dbi_conn conn;

	dbi_initialize_r(NULL, &instance);
	conn = dbi_conn_new_r("pgsql", instance);
	if (!conn)
		return 1;
	acquire(conn);
	result = dbi_conn_query(conn, "SELECT 6 * 7 AS answer");
	dbi_result_next_row(result);
	printf("%d\n", dbi_result_get_int(result, "answer"));
	dbi_result_free(result);
	if (argc > 1 && strcmp(argv[1], "leak") == 0)
		return 0;
	dbi_conn_close(conn);
	dbi_shutdown_r(instance);
	return 0;
}
