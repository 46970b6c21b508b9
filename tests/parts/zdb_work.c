/* SPDX-License-Identifier: MIT */
/*
 * zdb_work - a program that uses much of libzdb, and prints what it is told
 */
#include <stdio.h>
#include <stdlib.h>
#include <zdb.h>

static URL_T url_of_server(void)
{
	char url[500];

	snprintf(url, sizeof(url),
		 "postgresql://localhost:%s/%s?user=%s&password=x"
		 "&unix-socket=%s",
		 getenv("PGPORT"), getenv("PGDATABASE"), getenv("PGUSER"),
		 getenv("PGHOST"));
	return URL_new(url);
}

static void print_rows(ResultSet_T rows)
{
	while (ResultSet_next(rows)) {
		for (int i = 1; i <= ResultSet_getColumnCount(rows); i++)
			printf("%s=%s ", ResultSet_getColumnName(rows, i),
			       ResultSet_getString(rows, i));
		printf("%d %.3f\n", ResultSet_getInt(rows, 1),
		       ResultSet_getDouble(rows, 2));
	}
}

static void work(Connection_T conn)
{
	PreparedStatement_T insert;

	Connection_execute(conn, "CREATE TEMP TABLE t (i int, f float8)");
	Connection_beginTransaction(conn);
	insert = Connection_prepareStatement(conn,
					     "INSERT INTO t VALUES (?, ?)");
	for (int i = 0; i < 20; i++) {
		PreparedStatement_setInt(insert, 1, i);
		PreparedStatement_setDouble(insert, 2, i / 7.0);
		PreparedStatement_execute(insert);
	}
	Connection_commit(conn);
	print_rows(Connection_executeQuery(
		conn, "SELECT * FROM t WHERE i < %d ORDER BY i", 9));
}

/* libzdb throws by longjmp, over the frames of its own functions. */
static void fail(Connection_T conn)
{
	TRY Connection_execute(conn, "SELECT nothing");
	puts("it did not fail");
	CATCH(SQLException)
	printf("caught: %s\n", Exception_frame.message);
	FINALLY
	puts("finally");
	END_TRY;
}

int main(void)
{
	URL_T url = url_of_server();
	ConnectionPool_T pool = ConnectionPool_new(url);
	Connection_T all[3];

	ConnectionPool_setInitialConnections(pool, 1);
	ConnectionPool_setMaxConnections(pool, 2);
	ConnectionPool_start(pool);
	for (int i = 0; i < 3; i++)
		all[i] = ConnectionPool_getConnection(pool);
	printf("%d %d %s\n", ConnectionPool_size(pool),
	       ConnectionPool_active(pool), all[2] ? "more" : "none");
	for (int i = 0; i < 2; i++) {
		work(all[i]);
		fail(all[i]);
		Connection_close(all[i]);
	}
	ConnectionPool_stop(pool);
	ConnectionPool_free(&pool);
	URL_free(&url);
	return 0;
}
