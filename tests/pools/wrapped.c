/* SPDX-License-Identifier: MIT */
/*
 * wrapped - one's own functions around a pool of libzdb
 *
 * One of them comes back by a longjmp when there is nothing left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <zdb.h>

#define CAPACITY 2

static ConnectionPool_T pool;
static Exception_T NoneLeft = { "there is none left" };

static void start(void)
{
	char url[500];

	snprintf(url, sizeof(url),
		 "postgresql://localhost:%s/%s?user=%s&password=x"
		 "&unix-socket=%s",
		 getenv("PGPORT"), getenv("PGDATABASE"), getenv("PGUSER"),
		 getenv("PGHOST"));
	pool = ConnectionPool_new(URL_new(url));
	ConnectionPool_setInitialConnections(pool, 1);
	ConnectionPool_setMaxConnections(pool, CAPACITY);
	ConnectionPool_start(pool);
}

Connection_T db_take(void)
{
	Connection_T conn = ConnectionPool_getConnection(pool); /* at: inside */

	if (!conn)
		THROW(NoneLeft, NULL);
	return conn;
}

void db_drop(Connection_T conn)
{
	Connection_close(conn);
}

static void ask(Connection_T conn)
{
	ResultSet_T result = Connection_executeQuery(conn, "SELECT 6 * 7");

	ResultSet_next(result);
	puts(ResultSet_getString(result, 1));
}

int main(void)
{
	Connection_T conn;

	start();
	for (int i = 0; i < 3; i++) {
		conn = db_take();
		ask(conn);
		db_drop(conn);
	}
	conn = db_take();
	for (volatile int i = 0; i < 3; i++) {
		TRY
		{
			ask(db_take()); /* at: wrapped */
		}
		CATCH(NoneLeft)
		{
			puts("none");
		}
		END_TRY;
	}
	db_drop(conn);
	conn = db_take();
	ask(conn);
	db_drop(conn);
	return 0;
}
