/* SPDX-License-Identifier: MIT */
/*
 * zdb clean|leak - a pool of libzdb with three connections, stopped or not
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zdb.h>

static ConnectionPool_T acquire(void)
{
	ConnectionPool_T pool;
	char url[500];

	snprintf(url, sizeof(url),
		 "postgresql://localhost:%s/%s?user=%s&password=x"
		 "&unix-socket=%s",
		 getenv("PGPORT"), getenv("PGDATABASE"), getenv("PGUSER"),
		 getenv("PGHOST"));
	pool = ConnectionPool_new(URL_new(url));
	ConnectionPool_setInitialConnections(pool, 3);
	ConnectionPool_start(pool);
	return pool;
}

int main(int argc, char **argv)
{
	ConnectionPool_T pool = acquire();
	Connection_T conn = ConnectionPool_getConnection(pool);
	ResultSet_T result = Connection_executeQuery(conn, "SELECT 6 * 7");

	ResultSet_next(result);
	puts(ResultSet_getString(result, 1));
	Connection_close(conn);
	if (argc > 1 && strcmp(argv[1], "leak") == 0)
		return 0;
	ConnectionPool_stop(pool);
	ConnectionPool_free(&pool);
	return 0;
}
