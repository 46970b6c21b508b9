/* SPDX-License-Identifier: MIT */
/* What preload/stack.h promises; glibc's backtrace() is the other opinion. */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/lock.h"
#include "preload/stack.h"
#include "tests/suites.h"

#define DEEP __attribute__((noinline))

static struct stack stack;
static void *second[RECORD_MAX_FRAMES + 8];
static int second_count;

/* Stands where a hook stands: its caller is the program. */
DEEP static void hook(void)
{
	stack_capture(&stack, __builtin_return_address(0));
	second_count = backtrace(second, RECORD_MAX_FRAMES + 8);
}

DEEP static int descend(int depth, volatile char *room)
{
	/* Frames of different sizes. */
	volatile char *more = __builtin_alloca(64 + 16 * (size_t)(depth & 3));

	more[0] = room[0];
	if (!depth)
		hook();
	else
		return descend(depth - 1, more) + more[0];
	return more[0];
}

/* Where the hook's caller is: below hook(), and a sanitizer's backtrace(). */
static int own_frames(void)
{
	int skip = 1;

	while (skip < 3 && (uintptr_t)second[skip] != stack.frames[0])
		skip++;
	return skip;
}

/* From the program's first frame on, both tell the same. */
static void expect_equal(void)
{
	const int skip = own_frames();

	ck_assert(!stack.alone);
	ck_assert_uint_eq(stack.count, (unsigned)(second_count - skip));
	for (unsigned i = 0; i < stack.count; i++)
		ck_assert_ptr_eq((void *)stack.frames[i], second[i + skip]);
}

static void open_unwinder(void)
{
	stack_open();
	/* Its first call loads a library, which a handler must not. */
	backtrace(second, 1);
}

START_TEST(a_stack_begins_with_the_caller_of_the_hook)
{
	volatile char none[1] = { 0 };

	descend(0, none);
	expect_equal();
	ck_assert(!stack.cut);
	ck_assert(!stack.broken);
}
END_TEST

START_TEST(every_frame_is_there_up_to_the_beginning)
{
	volatile char none[1] = { 0 };

	descend(40, none);
	ck_assert_uint_ge(stack.count, 41);
	expect_equal();
}
END_TEST

START_TEST(a_deeper_stack_is_cut_and_says_so)
{
	volatile char none[1] = { 0 };

	descend(RECORD_MAX_FRAMES + 50, none);
	ck_assert(stack.cut);
	ck_assert_uint_eq(stack.count, RECORD_MAX_FRAMES);
}
END_TEST

static void *in_thread(void *unused)
{
	volatile char none[1] = { 0 };

	descend(3, none);
	return unused;
}

START_TEST(a_thread_with_a_small_stack_has_all_its_frames)
{
	pthread_attr_t attributes;
	pthread_t thread;

	/* glibc takes its share of it for thread-local variables. */
	pthread_attr_init(&attributes);
	ck_assert_int_eq(pthread_attr_setstacksize(&attributes, 65536), 0);
	ck_assert_int_eq(pthread_create(&thread, &attributes, in_thread, NULL),
			 0);
	pthread_join(thread, NULL);
	expect_equal();
}
END_TEST

static void on_signal(int number)
{
	volatile char none[1] = { (char)number };

	descend(2, none);
}

START_TEST(a_stack_goes_on_below_a_signal_handler)
{
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	expect_equal();
}
END_TEST

START_TEST(a_stack_goes_on_below_an_alternate_signal_stack)
{
	static char room[65536];
	stack_t alternate = { .ss_sp = room, .ss_size = sizeof(room) };
	struct sigaction action = { .sa_handler = on_signal,
				    .sa_flags = SA_ONSTACK };

	ck_assert_int_eq(sigaltstack(&alternate, NULL), 0);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	expect_equal();
}
END_TEST

/* Calls hook() from code that no unwind table knows. */
static void call_from(const unsigned char *code, size_t size)
{
	void (*call)(void (*)(void));
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(page, MAP_FAILED);
	memcpy(page, code, size);
	*(void **)&call = page;
	call(hook);
	ck_assert(stack.broken);
	ck_assert_uint_eq(stack.count, 1);
	ck_assert_uint_eq(stack.frames[0], (uintptr_t)page + size - 2);
}

START_TEST(code_without_unwind_information_ends_the_stack)
{
	/* push rbp; mov rbp, rsp; call *rdi; pop rbp; ret */
	static const unsigned char code[] = { 0x55, 0x48, 0x89, 0xe5,
					      0xff, 0xd7, 0x5d, 0xc3 };

	call_from(code, sizeof(code));
}
END_TEST

START_TEST(a_frame_pointer_that_points_nowhere_is_not_followed)
{
	/* push rbp; mov rbp, 8; call *rdi; pop rbp; ret */
	static const unsigned char code[] = { 0x55, 0x48, 0xc7, 0xc5,
					      0x08, 0x00, 0x00, 0x00,
					      0xff, 0xd7, 0x5d, 0xc3 };

	call_from(code, sizeof(code));
}
END_TEST

START_TEST(no_descriptor_is_kept_open)
{
	int before = dup(0);
	volatile char none[1] = { 0 };

	close(before);
	descend(10, none);
	ck_assert_int_eq(dup(0), before);
}
END_TEST

static void *capture_for_ever(void *stop)
{
	while (!atomic_load((atomic_int *)stop))
		stack_capture(&(struct stack){ .count = 0 },
			      __builtin_return_address(0));
	return NULL;
}

START_TEST(a_child_forked_during_a_capture_can_capture)
{
	atomic_int stop = 0;
	pthread_t thread;
	int status;

	pthread_create(&thread, NULL, capture_for_ever, &stop);
	for (int i = 0; i < 200; i++) {
		pid_t child;

		lock_before_fork();
		child = fork();
		if (child)
			lock_after_fork();
		else
			lock_after_fork_in_child();
		if (!child) {
			alarm(10);
			hook();
			_exit(stack.alone);
		}
		waitpid(child, &status, 0);
		ck_assert_int_eq(status, 0);
	}
	stop = 1;
	pthread_join(thread, NULL);
}
END_TEST

START_TEST(without_an_unwinder_the_caller_is_known)
{
	hook();
	ck_assert(stack.alone);
	ck_assert_uint_eq(stack.count, 1);
	ck_assert_ptr_eq((void *)stack.frames[0], second[own_frames()]);
}
END_TEST

/*
 * Four functions that differ in their frames, called in the order that the bits
 * of `way` say.
 */
static void go_on(unsigned way, unsigned depth);

DEEP static void by_one(unsigned way, unsigned depth)
{
	go_on(way, depth);
	__asm__ volatile("");
}

DEEP static void by_two(unsigned way, unsigned depth)
{
	volatile char room[200];

	room[way % 200] = 1;
	go_on(way, depth);
	room[depth] = room[way % 200];
}

DEEP static void by_three(unsigned way, unsigned depth)
{
	volatile char *room = __builtin_alloca(16 + 16 * (way % 7));

	room[0] = 1;
	go_on(way, depth);
	room[1] = room[0];
}

DEEP static void by_four(unsigned way, unsigned depth)
{
	_Alignas(64) volatile char room[64];

	room[way % 64] = 1;
	go_on(way, depth);
	room[depth] = room[way % 64];
}

static void go_on(unsigned way, unsigned depth)
{
	static void (*const ways[])(unsigned, unsigned) = { by_one, by_two,
							    by_three, by_four };

	if (!depth)
		hook();
	else
		ways[way % 4](way / 4, depth - 1);
}

/* Each is walked once, and known when it comes again. */
static void *go_all_ways(void *unused)
{
	(void)unused;
	for (unsigned round = 0; round < 2; round++)
		for (unsigned way = 0; way < 4096; way += 1 + way % 5) {
			go_on(way, 6);
			expect_equal();
			go_on(way, 3);
			expect_equal();
		}
	return NULL;
}

START_TEST(whatever_way_leads_to_it_a_stack_is_told_from_all_others)
{
	pthread_t thread;

	stack_open();
	go_all_ways(NULL);
	pthread_create(&thread, NULL, go_all_ways, NULL);
	pthread_join(thread, NULL);
}
END_TEST

Suite *stack_suite(void)
{
	Suite *suite = suite_create("stack");
	TCase *test = tcase_create("with libunwind");

	tcase_add_checked_fixture(test, open_unwinder, NULL);
	tcase_add_test(test, a_stack_begins_with_the_caller_of_the_hook);
	tcase_add_test(test, every_frame_is_there_up_to_the_beginning);
	tcase_add_test(test, a_deeper_stack_is_cut_and_says_so);
	tcase_add_test(test, a_thread_with_a_small_stack_has_all_its_frames);
	tcase_add_test(test, a_stack_goes_on_below_a_signal_handler);
	tcase_add_test(test, a_stack_goes_on_below_an_alternate_signal_stack);
	tcase_add_test(test, code_without_unwind_information_ends_the_stack);
	tcase_add_test(test,
		       a_frame_pointer_that_points_nowhere_is_not_followed);
	tcase_add_test(test, no_descriptor_is_kept_open);
	tcase_add_test(
		test, whatever_way_leads_to_it_a_stack_is_told_from_all_others);
	tcase_add_test(test, a_child_forked_during_a_capture_can_capture);
	tcase_set_timeout(test, 60);
	suite_add_tcase(suite, test);

	test = tcase_create("without libunwind");
	tcase_add_test(test, without_an_unwinder_the_caller_is_known);
	suite_add_tcase(suite, test);
	return suite;
}
