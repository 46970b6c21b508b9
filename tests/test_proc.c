/* SPDX-License-Identifier: MIT */
/* What analyzer/proc.h and sockets.h promise, of the test's own process. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analyzer/proc.h"
#include "analyzer/sockets.h"
#include "tests/scratch.h"
#include "tests/suites.h"

static char told[10][200];
static int told_count;

static void remember(void *data, const char *address)
{
	ck_assert_ptr_eq(data, told);
	ck_assert_int_lt(told_count, 10);
	snprintf(told[told_count++], sizeof(told[0]), "%s", address);
}

static void list(void)
{
	told_count = 0;
	sockets_list(getpid(), remember, told);
}

static bool is_told(const char *address)
{
	for (int i = 0; i < told_count; i++)
		if (!strcmp(told[i], address))
			return true;
	return false;
}

/* Returns a client of a server at this address, which gets it back. */
static int connect_to(struct sockaddr *to, socklen_t length)
{
	const int server = socket(to->sa_family, SOCK_STREAM, 0);
	const int client = socket(to->sa_family, SOCK_STREAM, 0);
	socklen_t room = length;

	ck_assert_int_eq(bind(server, to, length), 0);
	ck_assert_int_eq(listen(server, 1), 0);
	if (to->sa_family != AF_UNIX)
		ck_assert_int_eq(getsockname(server, to, &room), 0);
	ck_assert_int_eq(connect(client, to, length), 0);
	ck_assert_int_ge(accept(server, NULL, NULL), 0);
	return client;
}

static void connect_unix(const char *path, size_t length)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	memcpy(to.sun_path, path, length);
	connect_to(
		(struct sockaddr *)&to,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
}

START_TEST(a_client_of_a_unix_socket_is_told_by_the_servers_name)
{
	char wanted[200];
	const char *path = scratch_path(".s.PGSQL.5432");

	connect_unix(path, strlen(path) + 1);
	snprintf(wanted, sizeof(wanted), "unix:%s", path);
	list();
	ck_assert(is_told(wanted));
	ck_assert_int_eq(told_count, 1); /* not the server's own end */
}
END_TEST

START_TEST(an_abstract_socket_begins_with_an_at_sign)
{
	char path[64] = "\0connleak-", wanted[80];

	snprintf(path + 10, sizeof(path) - 10, "%d", (int)getpid());
	connect_unix(path, 10 + strlen(path + 10));
	snprintf(wanted, sizeof(wanted), "unix:@%s", path + 1);
	list();
	ck_assert(is_told(wanted));
}
END_TEST

START_TEST(an_internet_socket_is_told_by_its_other_end)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(0x7f000001) };
	char wanted[64];

	connect_to((struct sockaddr *)&to, sizeof(to));
	snprintf(wanted, sizeof(wanted), "tcp:127.0.0.1:%u",
		 ntohs(to.sin_port));
	list();
	ck_assert(is_told(wanted));
	ck_assert_int_eq(told_count, 2); /* the server's end leads here */
}
END_TEST

START_TEST(ipv4_in_the_form_of_ipv6_is_ipv4)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6 };
	char wanted[64];

	if (socket(AF_INET6, SOCK_STREAM, 0) < 0)
		return; /* this machine has none */
	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:127.0.0.1", &to.sin6_addr),
			 1);
	connect_to((struct sockaddr *)&to, sizeof(to));
	snprintf(wanted, sizeof(wanted), "tcp:127.0.0.1:%u",
		 ntohs(to.sin6_port));
	list();
	ck_assert(is_told(wanted));
}
END_TEST

START_TEST(what_is_not_connected_is_not_told)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	const int server = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(server, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(server, 1), 0);
	ck_assert_int_ge(socket(AF_UNIX, SOCK_STREAM, 0), 0);
	ck_assert_int_ge(socket(AF_INET, SOCK_DGRAM, 0), 0);
	list();
	ck_assert_int_eq(told_count, 0);
}
END_TEST

static pid_t child_seen;

static void see_child(void *data, pid_t child)
{
	(void)data;
	child_seen = child;
}

START_TEST(a_process_that_has_ended_has_no_start)
{
	pid_t child;

	ck_assert_uint_ne(proc_start(getpid()), 0);
	child = fork();
	if (!child)
		_exit(0);
	ck_assert_int_gt(child, 0);
	proc_children(getpid(), see_child, NULL);
	ck_assert_int_eq(child_seen, child);
	waitid(P_PID, (id_t)child, NULL, WEXITED | WNOWAIT);
	ck_assert_uint_eq(proc_start(child), 0); /* nobody has reaped it */
	waitpid(child, NULL, 0);
	ck_assert_uint_eq(proc_start(child), 0);
}
END_TEST

static void *stay(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static _Noreturn void leave_to_another_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, stay, NULL);
	pthread_exit(NULL);
}

START_TEST(a_process_lives_as_long_as_any_of_its_threads)
{
	const pid_t child = fork();
	siginfo_t info;

	if (!child)
		leave_to_another_thread();
	for (int i = 0; i < 100; i++) {
		ck_assert_uint_ne(proc_start(child), 0);
		usleep(1000);
	}
	kill(child, SIGKILL);
	ck_assert_int_eq(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT),
			 0);
	ck_assert_uint_eq(proc_start(child), 0);
	waitpid(child, NULL, 0);
}
END_TEST

START_TEST(a_process_is_named_by_its_file_or_by_itself)
{
	char exe[4096], self[4096] = "", name[32];
	struct proc_maps maps;

	ck_assert_int_gt(readlink("/proc/self/exe", self, sizeof(self) - 1), 0);
	proc_exe(getpid(), exe, sizeof(exe));
	ck_assert_str_eq(exe, self);
	prctl(PR_SET_NAME, "a name");
	proc_name(getpid(), name, sizeof(name));
	ck_assert_str_eq(name, "a name");
	ck_assert(!proc_is_foreign(getpid()));
	proc_maps(getpid(), &maps);
	ck_assert(maps.readable);
	ck_assert(!maps.shim);
}
END_TEST

START_TEST(libpq_is_known_by_its_name)
{
	ck_assert(proc_is_libpq("libpq.so.5"));
	ck_assert(proc_is_libpq("libpq.so.5.15"));
	ck_assert(proc_is_libpq("libpq-0123abcd.so.5.17"));
	ck_assert(!proc_is_libpq("libpqxx-6.4.so"));
	ck_assert(!proc_is_libpq("libpqwalreceiver.so"));
	ck_assert(!proc_is_libpq("libpq.txt"));
	ck_assert(!proc_is_libpq("psql"));
}
END_TEST

Suite *proc_suite(void)
{
	Suite *suite = suite_create("proc");
	TCase *test = tcase_create("processes");

	tcase_add_test(test, a_process_that_has_ended_has_no_start);
	tcase_add_test(test, a_process_lives_as_long_as_any_of_its_threads);
	tcase_add_test(test, a_process_is_named_by_its_file_or_by_itself);
	tcase_add_test(test, libpq_is_known_by_its_name);
	suite_add_tcase(suite, test);

	test = tcase_create("sockets");
	tcase_add_checked_fixture(test, scratch_make, scratch_remove);
	tcase_add_test(test,
		       a_client_of_a_unix_socket_is_told_by_the_servers_name);
	tcase_add_test(test, an_abstract_socket_begins_with_an_at_sign);
	tcase_add_test(test, an_internet_socket_is_told_by_its_other_end);
	tcase_add_test(test, ipv4_in_the_form_of_ipv6_is_ipv4);
	tcase_add_test(test, what_is_not_connected_is_not_told);
	suite_add_tcase(suite, test);
	return suite;
}
