/* SPDX-License-Identifier: MIT */
/* odd_names NAME - leaks a failed connect to a database of exactly this name */
#include <libpq-fe.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	const char *const keys[] = { "dbname", NULL };
	const char *const values[] = { argc > 1 ? argv[1] : "", NULL };
	PGconn *conn = PQconnectdbParams(keys, values, 0);

	printf("%s\n", PQstatus(conn) == CONNECTION_OK ? "up" : "failed");
	return 0;
}
