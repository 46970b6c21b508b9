/* SPDX-License-Identifier: MIT */
/*
 * odbc clean|leak - unixODBC and PostgreSQL's driver, which it loads
 */
#include <sql.h>
#include <sqlext.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static SQLHDBC conn;

static void check(SQLRETURN status)
{
	SQLCHAR state[6], message[200];
	SQLINTEGER number;

	if (SQL_SUCCEEDED(status))
		return;
	SQLGetDiagRec(SQL_HANDLE_DBC, conn, 1, state, &number, message,
		      sizeof(message), NULL);
	fprintf(stderr, "%s\n", message);
	exit(1);
}

static void acquire(void)
{
	char text[500];

	snprintf(text, sizeof(text),
		 "Driver=psqlodbcw.so;Servername=%s;Port=%s;Database=%s;UID=%s",
		 getenv("PGHOST"), getenv("PGPORT"), getenv("PGDATABASE"),
		 getenv("PGUSER"));
	check(SQLDriverConnect(conn, NULL, (SQLCHAR *)text, SQL_NTS, NULL, 0,
			       NULL, SQL_DRIVER_NOPROMPT));
}

int main(int argc, char **argv)
{
	SQLHENV environment;
	SQLHSTMT query;
	SQLINTEGER answer;

	SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &environment);
	SQLSetEnvAttr(environment, SQL_ATTR_ODBC_VERSION,
		      (SQLPOINTER)SQL_OV_ODBC3, 0);
	SQLAllocHandle(SQL_HANDLE_DBC, environment, &conn);
	acquire();
	SQLAllocHandle(SQL_HANDLE_STMT, conn, &query);
	check(SQLExecDirect(query, (SQLCHAR *)"SELECT 6 * 7", SQL_NTS));
	check(SQLFetch(query));
	check(SQLGetData(query, 1, SQL_C_LONG, &answer, 0, NULL));
	printf("%d\n", (int)answer);
	if (argc > 1 && strcmp(argv[1], "leak") == 0)
		return 0;
	SQLFreeHandle(SQL_HANDLE_STMT, query);
	check(SQLDisconnect(conn));
	SQLFreeHandle(SQL_HANDLE_DBC, conn);
	SQLFreeHandle(SQL_HANDLE_ENV, environment);
	return 0;
}
