/* SPDX-License-Identifier: MIT */
/* preload/address.h and seen.h: whom a process has connected to. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/address.h"
#include "preload/seen.h"
#include "tests/suites.h"

#define UNIX_HEAD offsetof(struct sockaddr_un, sun_path)

static struct address read_unix(const char *path, size_t length)
{
	struct sockaddr_un from = { .sun_family = AF_UNIX };
	struct address address;

	memcpy(from.sun_path, path, length);
	ck_assert(address_read(&address, (void *)&from,
			       (socklen_t)(UNIX_HEAD + length)));
	ck_assert(address.unix_socket);
	return address;
}

START_TEST(a_socket_in_the_file_system)
{
	struct address address = read_unix("/run/.s.PGSQL.5432", 18);

	ck_assert_str_eq(address.text, "unix:/run/.s.PGSQL.5432");
	ck_assert(address.postgresql);
	ck_assert(read_unix(".s.PGSQL.1", 11).postgresql);
	ck_assert(!read_unix("/run/x.s.PGSQL.1", 17).postgresql);
	ck_assert(!read_unix("/.s.PGSQL.1/x", 14).postgresql);
}
END_TEST

START_TEST(an_abstract_socket_begins_with_an_at_sign)
{
	struct address address = read_unix("\0/x/.s.PGSQL.1", 14);

	ck_assert_str_eq(address.text, "unix:@/x/.s.PGSQL.1");
	ck_assert(address.postgresql);
	ck_assert(read_unix("\0.s.PGSQL.1", 11).postgresql);
	ck_assert(!read_unix("\0xyz", 4).postgresql);
}
END_TEST

START_TEST(the_longest_path_has_no_end)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];

	memset(path, 'x', sizeof(path));
	ck_assert_uint_eq(strlen(read_unix(path, sizeof(path)).text),
			  5 + sizeof(path));
}
END_TEST

static struct address read_internet(const char *ip, int port)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6,
				    .sin6_port = htons((uint16_t)port) };
	struct sockaddr_in four = { .sin_family = AF_INET,
				    .sin_port = htons((uint16_t)port) };
	struct address address;

	if (inet_pton(AF_INET, ip, &four.sin_addr)) {
		ck_assert(address_read(&address, (void *)&four, sizeof(four)));
		return address;
	}
	ck_assert(inet_pton(AF_INET6, ip, &six.sin6_addr));
	ck_assert(address_read(&address, (void *)&six, sizeof(six)));
	return address;
}

START_TEST(an_internet_address)
{
	struct address address = read_internet("192.0.2.7", 65535);

	ck_assert_str_eq(address.text, "tcp:192.0.2.7:65535");
	ck_assert(!address.unix_socket && !address.postgresql);
	ck_assert(read_internet("192.0.2.7", 5432).postgresql);
	ck_assert(read_internet("::1", 5432).postgresql);
	ck_assert_str_eq(read_internet("2001:db8:0:0:1:0:0:1", 1).text,
			 "tcp:2001:db8::1:0:0:1:1");
	ck_assert_str_eq(read_internet("::ffff:192.0.2.7", 1).text,
			 "tcp:192.0.2.7:1");
	ck_assert_str_eq(
		read_internet("1:2:3:4:5:6:255.255.255.255", 65535).text,
		"tcp:1:2:3:4:5:6:ffff:ffff:65535");
}
END_TEST

START_TEST(what_is_no_such_address)
{
	struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
	struct address address;

	ck_assert(!address_read(&address, NULL, 16));
	ck_assert(!address_read(&address, (void *)&from, sizeof(from)));
	from.ss_family = AF_INET;
	ck_assert(!address_read(&address, (void *)&from, 0));
	ck_assert(!address_read(&address, (void *)&from, 15));
	from.ss_family = AF_INET6;
	ck_assert(!address_read(&address, (void *)&from, 16));
	from.ss_family = AF_UNIX;
	ck_assert(!address_read(&address, (void *)&from, UNIX_HEAD));
	ck_assert(!address_read(&address, (void *)&from, sizeof(from)));
	from.ss_family = AF_NETLINK;
	ck_assert(!address_read(&address, (void *)&from, sizeof(from)));
}
END_TEST

START_TEST(an_address_is_new_once)
{
	seen_begin();
	ck_assert(!seen_is_known(SEEN_PEER, 5));
	ck_assert_int_eq(seen_add(SEEN_PEER, 5), SEEN_NEW);
	ck_assert(seen_is_known(SEEN_PEER, 5));
	ck_assert_int_eq(seen_add(SEEN_PEER, 5), SEEN_KNOWN);
	ck_assert(!seen_is_known(SEEN_OTHER, 5));
	ck_assert_int_eq(seen_add(SEEN_OTHER, 0), SEEN_NEW);
	ck_assert(seen_is_known(SEEN_OTHER, 0));
}
END_TEST

START_TEST(a_full_table_is_full_once_and_leaves_the_others_alone)
{
	seen_begin();
	for (uint64_t i = 1; i <= SEEN_MOST; i++)
		ck_assert_int_eq(seen_add(SEEN_OTHER, i), SEEN_NEW);
	ck_assert(!seen_is_known(SEEN_OTHER, 1000));
	ck_assert_int_eq(seen_add(SEEN_OTHER, 1000), SEEN_FULL);
	ck_assert_int_eq(seen_add(SEEN_OTHER, 1001), SEEN_KNOWN);
	ck_assert(seen_is_known(SEEN_OTHER, 1002));
	ck_assert_int_eq(seen_add(SEEN_POSTGRESQL, 1000), SEEN_NEW);
}
END_TEST

START_TEST(a_child_begins_with_none)
{
	int status;

	seen_begin();
	seen_add(SEEN_PEER, 5);
	if (!fork())
		_exit(seen_add(SEEN_PEER, 5) == SEEN_NEW ? 0 : 1);
	wait(&status);
	ck_assert_int_eq(status, 0);
	ck_assert(seen_is_known(SEEN_PEER, 5));
}
END_TEST

static void *add_all(void *count)
{
	for (uint64_t i = 1; i <= SEEN_MOST; i++)
		if (seen_add(SEEN_PEER, i) == SEEN_NEW)
			++*(int *)count;
	return NULL;
}

START_TEST(threads_are_told_once_among_them)
{
	pthread_t threads[8];
	int counts[8] = { 0 }, sum = 0;

	seen_begin();
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, add_all, &counts[i]);
	for (int i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
		sum += counts[i];
	}
	ck_assert_int_eq(sum, SEEN_MOST);
}
END_TEST

Suite *address_suite(void)
{
	Suite *suite = suite_create("address");
	TCase *test = tcase_create("address");

	tcase_add_test(test, a_socket_in_the_file_system);
	tcase_add_test(test, an_abstract_socket_begins_with_an_at_sign);
	tcase_add_test(test, the_longest_path_has_no_end);
	tcase_add_test(test, an_internet_address);
	tcase_add_test(test, what_is_no_such_address);
	suite_add_tcase(suite, test);

	test = tcase_create("seen");
	tcase_add_test(test, an_address_is_new_once);
	tcase_add_test(test,
		       a_full_table_is_full_once_and_leaves_the_others_alone);
	tcase_add_test(test, a_child_begins_with_none);
	tcase_add_test(test, threads_are_told_once_among_them);
	suite_add_tcase(suite, test);
	return suite;
}
