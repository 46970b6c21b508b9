/* SPDX-License-Identifier: MIT */
/*
 * own pointer|out|number|session - pools as people write them themselves
 *
 * The same four connections behind functions of four shapes, all of them
 * static.  A customer's query may be refused by the database, and then the
 * connection is not given back: once in main, once in a thread that has ended,
 * twice more in main.  That was the last one: the next customer is given none.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY 4

static struct desk {
	pthread_mutex_t lock;
	PGconn *conns[CAPACITY];
	int out[CAPACITY];
	int limit;
} desk = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int is_answered(PGconn *conn, int customer)
{
	char query[50];
	PGresult *result;
	int answered;

	snprintf(query, sizeof(query), "SELECT 6 / %d", customer);
	result = PQexec(conn, query);
	answered = PQresultStatus(result) == PGRES_TUPLES_OK;
	PQclear(result);
	return answered;
}

static void desk_limit(struct desk *from, int limit)
{
	from->limit = limit;
}

/* A number, or -1. */
static int desk_number(struct desk *from)
{
	int i;

	pthread_mutex_lock(&from->lock);
	for (i = from->limit - 1; i >= 0 && from->out[i]; i--)
		;
	if (i >= 0) {
		from->out[i] = 1;
		if (!from->conns[i])
			from->conns[i] = PQconnectdb("");
	}
	pthread_mutex_unlock(&from->lock);
	return i;
}

static void desk_put_back(struct desk *to, int number)
{
	pthread_mutex_lock(&to->lock);
	to->out[number] = 0;
	pthread_mutex_unlock(&to->lock);
}

/* The connection, or NULL. */
static PGconn *desk_take(struct desk *from)
{
	const int number = desk_number(from);

	return number < 0 ? NULL : from->conns[number];
}

static void desk_drop(struct desk *to, PGconn *conn)
{
	int number = 0;

	while (to->conns[number] != conn)
		number++;
	desk_put_back(to, number);
}

/* 0, or an error. */
static int desk_borrow(PGconn **out, struct desk *from)
{
	*out = desk_take(from);
	return *out ? 0 : 70007;
}

/* One that has the connection inside. */
struct session {
	PGconn *conn;
};

static struct session *session_begin(struct desk *from)
{
	PGconn *conn = desk_take(from);
	struct session *session;

	if (!conn)
		return NULL;
	session = malloc(sizeof(*session));
	session->conn = conn;
	return session;
}

static void session_end(struct session *session)
{
	desk_drop(&desk, session->conn);
	free(session);
}

static int serve_pointer(int customer)
{
	PGconn *conn = desk_take(&desk); /* at: pointer */

	if (!conn)
		return 0;
	if (is_answered(conn, customer))
		desk_drop(&desk, conn);
	return 1;
}

static int serve_out(int customer)
{
	PGconn *conn;

	if (desk_borrow(&conn, &desk) != 0) /* at: out */
		return 0;
	if (is_answered(conn, customer))
		desk_drop(&desk, conn);
	return 1;
}

static int serve_number(int customer)
{
	int number = desk_number(&desk); /* at: number */

	if (number < 0)
		return 0;
	if (is_answered(desk.conns[number], customer))
		desk_put_back(&desk, number);
	return 1;
}

static int serve_session(int customer)
{
	struct session *session = session_begin(&desk); /* at: session */

	if (!session)
		return 0;
	if (is_answered(session->conn, customer))
		session_end(session);
	return 1;
}

static const struct shape {
	const char *name;
	int (*serve)(int);
} shapes[] = {
	{ "pointer", serve_pointer },
	{ "out", serve_out },
	{ "number", serve_number },
	{ "session", serve_session },
};

static void *shift(void *arg)
{
	const struct shape *shape = arg;

	for (int customer = 3; customer >= 0; customer--)
		shape->serve(customer);
	return NULL;
}

int main(int argc, char **argv)
{
	const struct shape *shape = shapes;
	pthread_t thread;

	while (argc > 1 && strcmp(shape->name, argv[1]) != 0)
		shape++;
	desk_limit(&desk, CAPACITY);
	shift((void *)shape);
	pthread_create(&thread, NULL, shift, (void *)shape);
	pthread_join(thread, NULL);
	for (int i = 0; i < 2; i++)
		shape->serve(0);
	puts(shape->serve(1) ? "served" : "sold out");
	return 0;
}
