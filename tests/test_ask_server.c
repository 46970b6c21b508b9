/* SPDX-License-Identifier: MIT */
/*
 * What analyzer/libpq.h and ask_server.h promise without a server; with one it
 * is tests/e2e/ask_server.sh.
 */
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "analyzer/ask_server.h"
#include "analyzer/libpq.h"
#include "analyzer/options.h"
#include "tests/suites.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *setting;
	double seconds;
} settings[] = {
	{ "0", 0 },	   { "30000", 30 }, { "30s", 30 },   { "500ms", 0.5 },
	{ "1.5 min", 90 }, { "2h", 7200 },  { "1d", 86400 },
};

START_TEST(a_setting_is_a_time_in_whatever_unit)
{
	ck_assert_double_eq_tol(ask_server_seconds(settings[_i].setting),
				settings[_i].seconds, 1e-9);
}
END_TEST

START_TEST(what_is_no_time_is_not_known)
{
	ck_assert(isnan(ask_server_seconds(NULL)));
	ck_assert(isnan(ask_server_seconds("")));
	ck_assert(isnan(ask_server_seconds("soon")));
	ck_assert(isnan(ask_server_seconds("5 weeks")));
	ck_assert(isnan(ask_server_seconds("inf")));
}
END_TEST

START_TEST(what_libpq_would_not_take_is_known_before)
{
	ck_assert(libpq_takes("host=db1 user=me"));
	ck_assert(libpq_takes("postgresql://me@db1/orders"));
	ck_assert(libpq_takes("orders"));
	ck_assert(!libpq_takes("host=db1 me"));
	ck_assert(!libpq_takes("hots=db1"));
	ck_assert(!libpq_takes("postgresql://db1?hots=1"));
}
END_TEST

/* Somebody who takes the call, and says nothing. */
static int listen_silently(char *conninfo, size_t size)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t length = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	getsockname(fd, (struct sockaddr *)&at, &length);
	snprintf(conninfo, size, "host=127.0.0.1 port=%d", ntohs(at.sin_port));
	return fd;
}

START_TEST(a_server_that_does_not_answer_is_not_waited_for)
{
	const struct libpq_calls *pq = libpq_open();
	char conninfo[64];
	const int fd = listen_silently(conninfo, sizeof(conninfo));
	const char *why = NULL;
	uint64_t deadline_ns;

	ck_assert_ptr_nonnull(pq);
	ck_assert_ptr_null(libpq_connect(pq, conninfo, 1, &deadline_ns, &why));
	ck_assert_str_eq(why, "it did not answer in time");
	close(fd);
}
END_TEST

/* A message of the protocol; `text` may have zeros in it. */
static void tell(int fd, char type, const void *text, size_t size)
{
	const uint32_t length = htonl((uint32_t)size + 4);

	if (write(fd, &type, 1) != 1 || write(fd, &length, 4) != 4 ||
	    write(fd, text, size) != (ssize_t)size)
		_exit(1);
}

/* One row of columns that have no names; NULL is none. */
static void tell_row(int fd, const char *const values[4])
{
	unsigned char row[256] = { 0, 4 };
	size_t size = 2;

	for (int i = 0; i < 4; i++) {
		const uint32_t length =
			values[i] ? (uint32_t)strlen(values[i]) : UINT32_MAX;

		row[size] = row[size + 1] = row[size + 2] = values[i] ? 0 : 255;
		row[size + 3] = (unsigned char)length;
		size += 4;
		if (values[i])
			memcpy(row + size, values[i], length);
		size += values[i] ? length : 0;
	}
	tell(fd, 'D', row, size);
}

#define COLUMN "\0\0\0\0\0\0\0\0\0\0\x19\377\377\377\377\377\377\0\0"

/* Lets whoever comes in, and answers a question with these. */
static void answer(int listener, const char *const rows[][4], int count)
{
	static const char columns[] = "\0\4" COLUMN COLUMN COLUMN COLUMN;
	const int fd = accept(listener, NULL, NULL);
	char asked[8192];

	if (read(fd, asked, sizeof(asked)) <= 0)
		_exit(1);
	tell(fd, 'R', "\0\0\0", 4);
	tell(fd, 'Z', "I", 1);
	if (read(fd, asked, sizeof(asked)) <= 0)
		_exit(1);
	tell(fd, '1', "", 0);
	tell(fd, '2', "", 0);
	tell(fd, 'T', columns, sizeof(columns) - 1);
	for (int i = 0; i < count; i++)
		tell_row(fd, rows[i]);
	tell(fd, 'C', "SELECT", 7);
	tell(fd, 'Z', "I", 1);
	while (read(fd, asked, sizeof(asked)) > 0)
		; /* until it has gone */
	_exit(0);
}

START_TEST(what_only_looks_like_a_server_may_say_anything)
{
	static const char *const rows[][4] = {
		{ NULL, NULL, NULL, NULL },
		{ NULL, NULL, "connections", "-1" },
		{ NULL, NULL, "reserved_connections", "7 or so" },
		{ NULL, NULL, "statement_timeout", NULL },
		{ NULL, NULL, "max_connections", "100" },
	};
	char address[64], conninfo[128];
	const int fd = listen_silently(address, sizeof(address));
	const struct evidence nothing = { 0 };
	struct report_asked asked;
	struct arena arena;

	if (!fork())
		answer(fd, rows, (int)COUNT(rows));
	close(fd);
	snprintf(conninfo, sizeof(conninfo),
		 "%s user=app dbname=app sslmode=disable gssencmode=disable",
		 address);
	arena_init(&arena);
	ask_server(&asked, &arena, conninfo, &nothing);
	ck_assert_msg(!asked.why_not, "%s", asked.why_not);
	ck_assert_uint_eq(asked.max_connections, 100);
	ck_assert_uint_eq(asked.connections, 0);
	ck_assert_uint_eq(asked.reserved, 0);
	arena_release(&arena);
}
END_TEST

static void blot_out(char *option, char *value)
{
	char program[] = "./app", name[] = "run";
	char *argv[] = { name, option, value ? value : program,
			 value ? program : NULL, NULL };
	const char *error = NULL;
	struct options o;
	struct arena arena;

	arena_init(&arena);
	ck_assert_msg(!options_parse(&o, COMMAND_RUN, value ? 4 : 3, argv,
				     &arena, &error),
		      "%s", error);
	ck_assert_str_eq(option_text(&o, SETTING_ASK_SERVER), "password=x");
	arena_release(&arena);
}

START_TEST(it_does_not_stay_among_the_arguments)
{
	char flag[] = "--ask-server", value[] = "password=x";
	char both[] = "--ask-server=password=x";

	blot_out(flag, value);
	ck_assert_str_eq(flag, "--ask-server");
	ck_assert_str_eq(value, "**********");
	blot_out(both, NULL);
	ck_assert_str_eq(both, "--ask-server=**********");
}
END_TEST

Suite *ask_server_suite(void)
{
	Suite *s = suite_create("ask_server");
	TCase *c = tcase_create("without a server");

	tcase_add_loop_test(c, a_setting_is_a_time_in_whatever_unit, 0,
			    (int)COUNT(settings));
	tcase_add_test(c, what_is_no_time_is_not_known);
	tcase_add_test(c, what_libpq_would_not_take_is_known_before);
	tcase_add_test(c, a_server_that_does_not_answer_is_not_waited_for);
	tcase_add_test(c, what_only_looks_like_a_server_may_say_anything);
	tcase_add_test(c, it_does_not_stay_among_the_arguments);
	suite_add_tcase(s, c);
	return s;
}
