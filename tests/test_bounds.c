/* SPDX-License-Identifier: MIT */
/*
 * What preload/bounds.h promises.  libpq itself says what a connection string
 * means: whatever it takes, we must have read alike.
 */
#include <dlfcn.h>
#include <errno.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "preload/bounds.h"
#include "record/format.h"
#include "tests/suites.h"

#define UNKNOWN	     (-1)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void clean_environment(void)
{
	unsetenv("PGSERVICE");
	unsetenv("PGCONNECT_TIMEOUT");
}

static long seconds_of(const struct bounds *b)
{
	return b->flags & SERVER_TIMEOUT ? (long)b->connect_timeout_s : UNKNOWN;
}

static long of_string(const char *info)
{
	struct bounds b = { 0 };

	bounds_by_string(&b, info);
	return seconds_of(&b);
}

static long of_name(const char *dbname)
{
	struct bounds b = { 0 };

	bounds_by_name(&b, dbname);
	return seconds_of(&b);
}

static long of_arrays(const char *const *keys, const char *const *values,
		      bool expands)
{
	struct bounds b = { 0 };

	bounds_by_arrays(&b, keys, values, expands);
	return seconds_of(&b);
}

static const struct {
	const char *info;
	long seconds;
} strings[] = {
	{ "", 0 },
	{ "host=db1", 0 },
	{ "host=db1 connect_timeout=10", 10 },
	{ "connect_timeout = '10'", 10 },
	{ "connect_timeout=1\\0", 10 },
	{ "connect_timeout=10 connect_timeout=3", 3 },
	{ "connect_timeout=-1", 0 },
	{ "connect_timeout=' 7 '", 7 },
	{ "connect_timeout=7s", UNKNOWN },
	{ "connect_timeout=99999999999", UNKNOWN },
	{ "service=x", UNKNOWN },
	{ "service=x connect_timeout=5", 5 },
	{ "password='x connect_timeout=5'", 0 },
	{ "password=x\\ connect_timeout=5", 0 },
	{ "password='x\\' connect_timeout=5 '", 0 },
	{ "password='it never ends connect_timeout=5", UNKNOWN },
	{ "connect_timeout", UNKNOWN },
	{ "postgresql://", 0 },
	{ "postgres://db1/orders?connect_timeout=10", 10 },
	{ "postgresql://db1?sslmode=disable&connect%5Ftimeout=%310", 10 },
	{ "postgresql://app:a?connect_timeout=5@db1/", 0 },
	{ "postgresql://app:p@[::1]:5433,db2/x?connect_timeout=4", 4 },
	{ "postgresql://[?connect_timeout=5],db2?connect_timeout=4", 4 },
	{ "postgresql://db1?service=x", UNKNOWN },
	{ "postgresql://db1?connect_timeout=%3", UNKNOWN },
};

START_TEST(a_connection_string_says_how_long_to_try)
{
	clean_environment();
	ck_assert_msg(of_string(strings[_i].info) == strings[_i].seconds,
		      "%s: %ld", strings[_i].info, of_string(strings[_i].info));
}
END_TEST

START_TEST(nothing_is_read_where_there_is_nothing)
{
	ck_assert_int_eq(of_string(NULL), UNKNOWN);
	ck_assert_int_eq(of_arrays(NULL, NULL, true), UNKNOWN);
}
END_TEST

START_TEST(the_environment_says_what_the_call_does_not)
{
	clean_environment();
	setenv("PGCONNECT_TIMEOUT", "12", 1);
	ck_assert_int_eq(of_string("host=db1"), 12);
	ck_assert_int_eq(of_string("connect_timeout=3"), 3);
	ck_assert_int_eq(of_name(NULL), 12);
	setenv("PGCONNECT_TIMEOUT", "soon", 1);
	ck_assert_int_eq(of_string("host=db1"), UNKNOWN);
}
END_TEST

START_TEST(what_a_service_file_says_is_not_known)
{
	clean_environment();
	setenv("PGSERVICE", "orders", 1);
	setenv("PGCONNECT_TIMEOUT", "12", 1);
	ck_assert_int_eq(of_string("host=db1"), UNKNOWN);
	ck_assert_int_eq(of_name("orders"), UNKNOWN);
	ck_assert_int_eq(of_string("connect_timeout=3"), 3);
}
END_TEST

START_TEST(a_name_of_a_database_may_be_a_whole_string)
{
	clean_environment();
	ck_assert_int_eq(of_name("orders"), 0);
	ck_assert_int_eq(of_name("dbname=orders connect_timeout=8"), 8);
	ck_assert_int_eq(of_name("postgres://db1?connect_timeout=8"), 8);
}
END_TEST

START_TEST(in_arrays_the_last_one_that_is_not_empty_counts)
{
	const char *const keys[] = { "connect_timeout", "password",
				     "connect_timeout", "connect_timeout",
				     NULL };
	const char *const values[] = { "3", "connect_timeout=9", "6", "",
				       NULL };

	clean_environment();
	ck_assert_int_eq(of_arrays(keys, values, false), 6);
	ck_assert_int_eq(
		of_arrays(keys + 1, (const char *[]){ "x", NULL, "" }, false),
		0);
}
END_TEST

START_TEST(the_first_database_in_arrays_is_expanded_where_it_stands)
{
	const char *const keys[] = { "connect_timeout", "dbname",
				     "connect_timeout", NULL };
	const char *const second[] = { "dbname", "dbname", NULL };
	const char *const info = "host=db1 connect_timeout=4";

	clean_environment();
	ck_assert_int_eq(
		of_arrays(keys, (const char *[]){ "9", info, NULL }, true), 4);
	ck_assert_int_eq(
		of_arrays(keys, (const char *[]){ "9", info, "2" }, true), 2);
	ck_assert_int_eq(
		of_arrays(keys, (const char *[]){ "9", info, NULL }, false), 9);
	ck_assert_int_eq(
		of_arrays(second, (const char *[]){ "orders", info }, true), 0);
	ck_assert_int_eq(
		of_arrays(second, (const char *[]){ NULL, info }, true), 4);
}
END_TEST

static void *libpq(const char *function)
{
	void *const address = dlsym(dlopen("libpq.so.5", RTLD_NOW), function);

	ck_assert_ptr_nonnull(address);
	return address;
}

static long expected(const char *timeout, bool service)
{
	char *end;
	long value;

	if (!timeout)
		return service ? UNKNOWN : 0;
	value = strtol(timeout, &end, 10);
	while (end != timeout && *end == ' ')
		end++;
	if (end == timeout || *end || value != (int)value)
		return UNKNOWN;
	return value > 0 ? value : 0;
}

/* What it means to libpq; false if it does not take it. */
static bool ask_libpq(const char *info, long *ret_seconds, bool *ret_given)
{
	static PQconninfoOption *(*parse)(const char *, char **);
	static void (*give_back)(PQconninfoOption *), (*give)(void *);
	const char *timeout = NULL;
	PQconninfoOption *options;
	bool service = false;
	char *error = NULL;

	if (!parse) {
		*(void **)&parse = libpq("PQconninfoParse");
		*(void **)&give_back = libpq("PQconninfoFree");
		*(void **)&give = libpq("PQfreemem");
	}
	options = parse(info, &error);
	for (PQconninfoOption *o = options; o && o->keyword; o++) {
		if (!strcmp(o->keyword, "connect_timeout"))
			timeout = o->val;
		if (!strcmp(o->keyword, "service"))
			service = o->val;
	}
	*ret_given = timeout;
	*ret_seconds = expected(timeout, service);
	give_back(options);
	give(error);
	return options;
}

static const char *const pieces[] = {
	"connect_timeout",
	"=",
	"=",
	" ",
	"10",
	"'",
	"\\",
	"password",
	"service",
	"host",
	"&",
	"?",
	"@",
	"/",
	":",
	"%31",
	"%",
	"-",
	"x",
	"dbname",
	"[",
	"]",
	"connect%5ftimeout=",
	" connect_timeout=",
	"&connect_timeout=",
	" 5 ",
	",",
};

static void make_string(char *text, size_t size)
{
	static const char *const begin[] = { "", "postgres://",
					     "postgresql://app:x@" };
	const int count = rand() % 9;

	snprintf(text, size, "%s", begin[rand() % (int)COUNT(begin)]);
	for (int i = 0; i < count; i++)
		strncat(text, pieces[rand() % (int)COUNT(pieces)],
			size - strlen(text) - 1);
}

START_TEST(whatever_libpq_takes_means_the_same_to_us)
{
	char text[256];
	int taken = 0, given = 0;
	bool has_timeout;
	long seconds;

	clean_environment();
	srand(1);
	for (int i = 0; i < 200000; i++) {
		make_string(text, sizeof(text));
		if (!ask_libpq(text, &seconds, &has_timeout))
			continue;
		taken++;
		given += has_timeout;
		ck_assert_msg(of_string(text) == seconds, "%s: %ld, not %ld",
			      text, of_string(text), seconds);
	}
	ck_assert_int_gt(taken, 1000);
	ck_assert_int_gt(given, 100);
}
END_TEST

static struct bounds of_socket(int domain, const char *host)
{
	struct bounds b = { 0 };
	int fd = socket(domain, SOCK_STREAM, 0);

	ck_assert_int_ge(fd, 0);
	bounds_of_socket(&b, fd, host);
	close(fd);
	return b;
}

/* A look at what is behind them ends the test. */
static const void *before_nothing(const char *const *texts, size_t size)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	ck_assert_int_eq(mprotect(memory + page, page, PROT_NONE), 0);
	return memcpy(memory + page - size, texts, size);
}

/* Both end where libpq gives up, which must do so as well. */
static void give_up(const char *key, const char *value)
{
	const char *const keys[] = { "connect_timeout", key };
	const char *const values[] = { "3", value };
	const char *const *k = before_nothing(keys, sizeof(keys));
	const char *const *v = before_nothing(values, sizeof(values));
	PGconn *(*start)(const char *const *, const char *const *, int);
	ConnStatusType (*status)(const PGconn *);
	void (*finish)(PGconn *);
	PGconn *conn;

	*(void **)&start = libpq("PQconnectStartParams");
	*(void **)&status = libpq("PQstatus");
	*(void **)&finish = libpq("PQfinish");
	conn = start(k, v, !strcmp(key, "dbname"));
	ck_assert_int_eq(status(conn), CONNECTION_BAD);
	finish(conn);
	ck_assert_int_eq(of_arrays(k, v, true), UNKNOWN);
}

START_TEST(arrays_are_read_as_far_as_libpq_reads_them)
{
	give_up("dbname", "host=db1 orders");
	give_up("dbname", "hots=db1");
	give_up("dbname", "postgresql://db1/orders?hots");
	give_up("dbname", "postgresql://db1/orders?hots=1");
	give_up("hots", "db1");
	give_up("", "db1");
}
END_TEST

START_TEST(whatever_libpq_knows_is_no_end_of_arrays)
{
	PQconninfoOption *(*defaults)(void), *options;
	void (*give_back)(PQconninfoOption *);

	*(void **)&defaults = libpq("PQconndefaults");
	*(void **)&give_back = libpq("PQconninfoFree");
	options = defaults();
	ck_assert_ptr_nonnull(options);
	for (const PQconninfoOption *o = options; o->keyword; o++) {
		const char *const keys[] = { o->keyword, "connect_timeout",
					     NULL };

		ck_assert_msg(of_arrays(keys, (const char *[]){ "1", "7" },
					false) == 7,
			      "%s", o->keyword);
	}
	give_back(options);
}
END_TEST

START_TEST(a_socket_tells_what_it_was_told)
{
	const int on = 1, idle_s = 30, limit_ms = 5000;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct bounds b = { 0 };

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms,
		   sizeof(limit_ms));
	bounds_of_socket(&b, fd, "db1");
	close(fd);
	ck_assert_uint_eq(b.flags,
			  SERVER_TCP | SERVER_SOCKET | SERVER_KEEPALIVE);
	ck_assert_uint_eq(b.keepalive_s, 30);
	ck_assert_uint_eq(b.user_timeout_ms, 5000);
}
END_TEST

START_TEST(a_socket_that_was_told_nothing_says_so)
{
	const struct bounds b = of_socket(AF_INET, "db1");

	ck_assert_uint_eq(b.flags, SERVER_TCP | SERVER_SOCKET);
	ck_assert_uint_eq(b.user_timeout_ms, 0);
}
END_TEST

START_TEST(a_socket_of_the_machine_needs_no_bounds)
{
	struct bounds b = of_socket(AF_UNIX, "/run/postgresql");

	ck_assert_uint_eq(b.flags, SERVER_UNIX);
	b.flags |= SERVER_TIMEOUT;
	ck_assert(!bounds_are_missing(&b));
}
END_TEST

static unsigned of_host(const char *host)
{
	struct bounds b = { 0 };

	errno = 33;
	bounds_of_socket(&b, -1, host);
	ck_assert_int_eq(errno, 33);
	return b.flags;
}

START_TEST(where_there_is_no_socket_the_host_says_which_it_was)
{
	ck_assert_uint_eq(of_host("/tmp"), SERVER_UNIX);
	ck_assert_uint_eq(of_host("@abstract"), SERVER_UNIX);
	ck_assert_uint_eq(of_host("db1"), SERVER_TCP);
	ck_assert_uint_eq(of_host(""), 0);
	ck_assert_uint_eq(of_host(NULL), 0);
}
END_TEST

START_TEST(a_bound_is_missing_only_if_that_is_known)
{
	struct bounds b = { .flags = SERVER_TCP | SERVER_TIMEOUT };

	ck_assert(bounds_are_missing(&b));
	b.connect_timeout_s = 10;
	ck_assert(!bounds_are_missing(&b));
	b = (struct bounds){ .flags = SERVER_TCP };
	ck_assert(!bounds_are_missing(&b));
	bounds_by_program(&b);
	ck_assert(!bounds_are_missing(&b));
}
END_TEST

Suite *bounds_suite(void)
{
	Suite *s = suite_create("bounds");
	TCase *arguments = tcase_create("the arguments of a call");
	TCase *sockets = tcase_create("a socket");

	tcase_set_timeout(arguments, 60);
	tcase_add_loop_test(arguments, a_connection_string_says_how_long_to_try,
			    0, (int)COUNT(strings));
	tcase_add_test(arguments, nothing_is_read_where_there_is_nothing);
	tcase_add_test(arguments, the_environment_says_what_the_call_does_not);
	tcase_add_test(arguments, what_a_service_file_says_is_not_known);
	tcase_add_test(arguments, a_name_of_a_database_may_be_a_whole_string);
	tcase_add_test(arguments,
		       in_arrays_the_last_one_that_is_not_empty_counts);
	tcase_add_test(
		arguments,
		the_first_database_in_arrays_is_expanded_where_it_stands);
	tcase_add_test(arguments, whatever_libpq_takes_means_the_same_to_us);
	tcase_add_test(arguments, arrays_are_read_as_far_as_libpq_reads_them);
	tcase_add_test(arguments, whatever_libpq_knows_is_no_end_of_arrays);
	suite_add_tcase(s, arguments);
	tcase_add_test(sockets, a_socket_tells_what_it_was_told);
	tcase_add_test(sockets, a_socket_that_was_told_nothing_says_so);
	tcase_add_test(sockets, a_socket_of_the_machine_needs_no_bounds);
	tcase_add_test(sockets,
		       where_there_is_no_socket_the_host_says_which_it_was);
	tcase_add_test(sockets, a_bound_is_missing_only_if_that_is_known);
	suite_add_tcase(s, sockets);
	return s;
}
