/* SPDX-License-Identifier: MIT */
/* preload/memory.h, guard.h, lock.h, line.h and config.h */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/config.h"
#include "preload/gaps.h"
#include "preload/guard.h"
#include "preload/line.h"
#include "preload/lock.h"
#include "preload/memory.h"
#include "tests/scratch.h"
#include "tests/suites.h"

START_TEST(pieces_are_aligned_and_do_not_overlap)
{
	static char *pieces[500];
	size_t sizes[500], wrong = 0;

	for (int i = 0; i < 500; i++) {
		sizes[i] = 1 + (size_t)(i * 7919) % 3000;
		pieces[i] = memory_take(sizes[i]);
		ck_assert_ptr_nonnull(pieces[i]);
		ck_assert_uint_eq((uintptr_t)pieces[i] % 16, 0);
		memset(pieces[i], i & 255, sizes[i]);
	}
	for (int i = 0; i < 500; i++)
		for (size_t n = 0; n < sizes[i]; n++)
			wrong += (unsigned char)pieces[i][n] !=
				 (unsigned)(i & 255);
	ck_assert_uint_eq(wrong, 0);
}
END_TEST

START_TEST(what_was_given_back_is_used_again)
{
	void *first = memory_take(100);

	memory_give(first, 100);
	ck_assert_ptr_eq(memory_take(120), first);
}
END_TEST

START_TEST(a_large_piece_has_a_mapping_of_its_own)
{
	char *large = memory_take(10 << 20);

	ck_assert_ptr_nonnull(large);
	large[(10 << 20) - 1] = 1;
	memory_give(large, 10 << 20);
	ck_assert_ptr_null(memory_take((size_t)1 << 62));
}
END_TEST

static volatile int caught;

static void catch (int number)
{
	caught = number;
}

START_TEST(inside_a_guard_no_handler_runs_and_errno_comes_back)
{
	struct guard guard;

	signal(SIGUSR1, catch);
	errno = 33;
	guard_enter(&guard);
	raise(SIGUSR1);
	ck_assert_int_eq(caught, 0);
	ck_assert(guard_is_inside());
	errno = 44;
	guard_leave(&guard);
	ck_assert(!guard_is_inside());
	ck_assert_int_eq(errno, 33);
	ck_assert_int_eq(caught, SIGUSR1);
}
END_TEST

static void *cancelled(void *reached)
{
	struct guard guard;

	guard_enter(&guard);
	pthread_cancel(pthread_self());
	pthread_testcancel();
	*(int *)reached = 1;
	guard_leave(&guard);
	pthread_testcancel();
	*(int *)reached = 2;
	return NULL;
}

/* The kernel would end us if it were blocked. */
START_TEST(a_trap_of_a_sandbox_is_handled_inside_a_guard)
{
	struct guard guard;
	sigset_t set;

	signal(SIGSYS, catch);
	guard_enter(&guard);
	raise(SIGSYS);
	ck_assert_int_eq(caught, SIGSYS);
	guard_leave(&guard);
	caught = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGSYS);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGSYS);
	guard_enter(&guard);
	ck_assert_int_eq(caught, 0);
	guard_leave(&guard);
}
END_TEST

START_TEST(a_thread_is_cancelled_after_the_guard_and_not_inside)
{
	pthread_t thread;
	int reached = 0;

	pthread_create(&thread, NULL, cancelled, &reached);
	pthread_join(thread, NULL);
	ck_assert_int_eq(reached, 1);
}
END_TEST

static void *try_lock(void *ret_taken)
{
	struct guard guard;

	guard_enter(&guard);
	*(bool *)ret_taken = lock_try(LOCK_RECORDING);
	if (*(bool *)ret_taken)
		lock_give(LOCK_RECORDING);
	guard_leave(&guard);
	return NULL;
}

static bool another_thread_gets_the_lock(void)
{
	pthread_t thread;
	bool taken;

	pthread_create(&thread, NULL, try_lock, &taken);
	pthread_join(thread, NULL);
	return taken;
}

START_TEST(a_lock_that_nobody_gives_back_is_not_waited_for_at_the_end)
{
	alarm(20);
	lock_take(LOCK_RECORDING);
	ck_assert(!another_thread_gets_the_lock());
	lock_give(LOCK_RECORDING);
	ck_assert(another_thread_gets_the_lock());
}
END_TEST

START_TEST(between_the_fork_handlers_all_locks_are_the_threads_own)
{
	bool taken;

	alarm(20);
	lock_before_fork();
	try_lock(&taken);
	ck_assert(taken);
	ck_assert(!another_thread_gets_the_lock());
	lock_after_fork();
	ck_assert(another_thread_gets_the_lock());
}
END_TEST

static struct config read_settings(char *const *environment)
{
	struct config config;

	config_read(&config, environment);
	return config;
}

START_TEST(what_the_log_cannot_take_is_counted)
{
	struct record_gaps gaps = { .magic = RECORD_MAGIC };
	FILE *file = fopen(scratch_path(RECORD_GAPS), "w+");

	fwrite(&gaps, sizeof(gaps), 1, file);
	fflush(file);
	gaps_begin(scratch);
	ck_assert(gaps_count(GAP_CONNECT));
	ck_assert(gaps_count(GAP_CONNECT));
	rewind(file);
	ck_assert_uint_eq(fread(&gaps, sizeof(gaps), 1, file), 1);
	fclose(file);
	ck_assert_uint_eq(gaps.count[GAP_CONNECT], 2);
	ck_assert_uint_eq(gaps.count[GAP_RECORD], 0);
}
END_TEST

/* To touch what is not there would be SIGBUS. */
START_TEST(without_a_tally_nothing_is_counted)
{
	gaps_begin("");
	gaps_begin(scratch);
	ck_assert(!gaps_count(GAP_RECORD));
	scratch_write(RECORD_GAPS, RECORD_MAGIC);
	gaps_begin(scratch);
	ck_assert(!gaps_count(GAP_RECORD));
	scratch_write(RECORD_GAPS, "Somebody else's file, which is longer than "
				   "a tally would be, and has other words.");
	gaps_begin(scratch);
	ck_assert(!gaps_count(GAP_RECORD));
}
END_TEST

START_TEST(settings_come_from_the_environment_given)
{
	char *environment[] = { "CONNLEAK_DIRX=/no", "CONNLEAK_DIR=/some/where",
				"CONNLEAK_RECORD_LIMIT=2M", NULL };
	struct config config = read_settings(environment);

	ck_assert_str_eq(config.folder, "/some/where");
	ck_assert(!config.is_default);
	ck_assert_uint_eq(config.record_limit, 2 << 20);
}
END_TEST

START_TEST(a_report_comes_at_the_exit_or_not_at_all)
{
	char *asked[] = { "CONNLEAK_REPORT=exit", NULL };
	char *otherwise[] = { "CONNLEAK_REPORT=1", NULL };

	ck_assert(read_settings(asked).report_at_exit);
	ck_assert(!read_settings(asked).report_unknown);
	ck_assert(!read_settings(otherwise).report_at_exit);
	ck_assert(read_settings(otherwise).report_unknown);
	ck_assert(!read_settings(NULL).report_unknown);
}
END_TEST

START_TEST(a_relative_folder_lies_below_the_current_one)
{
	char *environment[] = { "CONNLEAK_DIR=records", NULL };

	ck_assert_int_eq(chdir(scratch), 0);
	ck_assert_str_eq(read_settings(environment).folder,
			 scratch_path("records"));
	ck_assert_int_eq(chdir("/"), 0);
}
END_TEST

START_TEST(without_settings_the_defaults_count)
{
	char *environment[] = { "HOME=/home/x", "XDG_STATE_HOME=/state", NULL };
	struct config config = read_settings(environment);

	ck_assert_uint_eq(config.record_limit, 64 << 20);
	ck_assert(config.is_default);
	ck_assert_str_eq(config.folder, geteuid() ? "/state/connleak/preload"
						  : "/var/tmp/connleak-root");
	ck_assert_uint_eq(read_settings(NULL).record_limit, 64 << 20);
}
END_TEST

START_TEST(the_default_folder_is_made_for_its_owner_alone)
{
	struct config config = { .is_default = 1 };
	struct stat about;

	strcpy(config.folder, scratch_path("a/b/c"));
	ck_assert_int_eq(config_make_folder(&config), 0);
	ck_assert_int_eq(config_make_folder(&config), 0);
	ck_assert_int_eq(stat(config.folder, &about), 0);
	ck_assert_int_eq(about.st_mode & 07777, 0700);
}
END_TEST

START_TEST(a_default_folder_that_is_a_link_is_not_trusted)
{
	struct config config = { .is_default = 1 };

	strcpy(config.folder, scratch_path("link"));
	ck_assert_int_eq(symlink("/tmp", config.folder), 0);
	ck_assert_int_eq(config_make_folder(&config), -EPERM);
}
END_TEST

static void *wait_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void leave_first_thread(void)
{
	pthread_t thread;

	pthread_create(&thread, NULL, wait_for_ever, NULL);
	pthread_exit(NULL);
}

/* A child that says when it started and goes on by `body`, or ends. */
static pid_t start_child(uint64_t *ret_start, void (*body)(void))
{
	pid_t child;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	if (!child) {
		*ret_start = line_start_ticks();
		if (write(ends[1], ret_start, sizeof(*ret_start)) < 0 || !body)
			_exit(0);
		body();
	}
	ck_assert_int_eq(read(ends[0], ret_start, sizeof(*ret_start)),
			 sizeof(*ret_start));
	close(ends[0]);
	close(ends[1]);
	return child;
}

START_TEST(who_has_ended_is_known_for_certain)
{
	const uint64_t own = line_start_ticks();
	uint64_t start;
	pid_t child;

	ck_assert(!line_has_ended(getpid(), own));
	ck_assert(line_has_ended(getpid(), own + 1)); /* another one had it */
	ck_assert(!line_has_ended(getpid(), 0));
	child = start_child(&start, NULL);
	waitid(P_PID, (id_t)child, NULL, WEXITED | WNOWAIT);
	ck_assert(line_has_ended(child, start));
	waitpid(child, NULL, 0);
	ck_assert(line_has_ended(child, start));
}
END_TEST

START_TEST(who_has_lost_its_first_thread_lives)
{
	char path[64], state = 0;
	uint64_t start;
	const pid_t child = start_child(&start, leave_first_thread);
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)child);
	while (state != 'Z') {
		usleep(1000);
		file = fopen(path, "r");
		ck_assert_ptr_nonnull(file);
		ck_assert_int_eq(fscanf(file, "%*d (%*[^)]) %c", &state), 1);
		fclose(file);
	}
	ck_assert(!line_has_ended(child, start));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}
END_TEST

Suite *shim_basics_suite(void)
{
	Suite *suite = suite_create("shim_basics");
	TCase *test = tcase_create("memory");

	tcase_add_test(test, pieces_are_aligned_and_do_not_overlap);
	tcase_add_test(test, what_was_given_back_is_used_again);
	tcase_add_test(test, a_large_piece_has_a_mapping_of_its_own);
	suite_add_tcase(suite, test);

	test = tcase_create("guard");
	tcase_add_test(test,
		       inside_a_guard_no_handler_runs_and_errno_comes_back);
	tcase_add_test(test,
		       a_thread_is_cancelled_after_the_guard_and_not_inside);
	tcase_add_test(test, a_trap_of_a_sandbox_is_handled_inside_a_guard);
	suite_add_tcase(suite, test);

	test = tcase_create("lock");
	tcase_add_test(
		test,
		a_lock_that_nobody_gives_back_is_not_waited_for_at_the_end);
	tcase_add_test(test,
		       between_the_fork_handlers_all_locks_are_the_threads_own);
	suite_add_tcase(suite, test);

	test = tcase_create("line");
	tcase_add_test(test, who_has_ended_is_known_for_certain);
	tcase_add_test(test, who_has_lost_its_first_thread_lives);
	suite_add_tcase(suite, test);

	test = tcase_create("config");
	tcase_add_checked_fixture(test, scratch_make, scratch_remove);
	tcase_add_test(test, what_the_log_cannot_take_is_counted);
	tcase_add_test(test, without_a_tally_nothing_is_counted);
	tcase_add_test(test, settings_come_from_the_environment_given);
	tcase_add_test(test, a_report_comes_at_the_exit_or_not_at_all);
	tcase_add_test(test, a_relative_folder_lies_below_the_current_one);
	tcase_add_test(test, without_settings_the_defaults_count);
	tcase_add_test(test, the_default_folder_is_made_for_its_owner_alone);
	tcase_add_test(test, a_default_folder_that_is_a_link_is_not_trusted);
	suite_add_tcase(suite, test);
	return suite;
}
