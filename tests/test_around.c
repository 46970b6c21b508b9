/* SPDX-License-Identifier: MIT */
/*
 * What a hooked call costs where nothing is to be done: a fixed number of
 * instructions.  What is done otherwise is told by whole programs, in
 * tests/e2e/engine.sh.
 */
#include <check.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "preload/around.h"
#include "preload/guard.h"
#include "preload/lifecycle.h"
#include "preload/patch.h"
#include "tests/suites.h"

/* Of those that the call of a function takes, more than these are a surprise.
 */
#ifdef __SANITIZE_ADDRESS__
#define MOST 300 /* with what the sanitizer adds */
#else
#define MOST 110
#endif

/* The shim's own stands in a file that would begin to watch the tests. */
bool lifecycle_ready(void)
{
	return true;
}

int around_add(int, int);

/* Two instructions of its own. */
__asm__(".text\n.p2align 4\n.globl around_add\n"
	".type around_add, @function\naround_add:\n"
	"leal (%rdi,%rsi), %eax\nnopl 0(%rax)\nret\n"
	".size around_add, . - around_add\n");

static volatile unsigned steps;

static void on_step(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	(void)context;
	steps++;
}

static void watch_steps(void)
{
	const struct sigaction action = { .sa_sigaction = on_step,
					  .sa_flags = SA_SIGINFO };

	sigaction(SIGTRAP, &action, NULL);
}

/*
 * The instructions of one call, counted by the processor's trap flag.  They are
 * a few more where the arguments on the stack may lie on two pages: so it is
 * done on a stack of its own.
 */
static unsigned count(int (*function)(int, int), int a, int b)
{
	static _Alignas(4096) uint8_t stack[65536];
	int sum;

	steps = 0;
	__asm__ volatile("movq %%rsp, %%rbx\nmovq %2, %%rsp\n"
			 "pushfq\norl $0x100, (%%rsp)\npopfq\n"
			 "call *%1\n"
			 "pushfq\nandl $0xfffffeff, (%%rsp)\npopfq\n"
			 "movq %%rbx, %%rsp\n"
			 : "=a"(sum)
			 : "r"(function), "r"(stack + sizeof(stack) - 2048),
			   "D"(a), "S"(b)
			 : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11",
			   "memory", "cc");
	ck_assert_int_eq(sum, a + b);
	return steps;
}

/* A stub before the function, as it stands in the loader's tables. */
static int (*stub_with(const struct around *around))(int, int)
{
	static struct patch patch;
	int (*function)(int, int);

	patch = (struct patch){
		.function = (__extension__(uint8_t *) around_add),
		.around = &around_calls,
		.data = around,
	};
	*(void **)&function = patch_detour(&patch);
	return function;
}

START_TEST(an_empty_rule_costs_a_fixed_number_of_instructions)
{
	static const struct around empty = { .empty = true };
	int (*stub)(int, int) = stub_with(&empty);
	unsigned bare, hooked;

	watch_steps();
	bare = count(around_add, 1, 2);
	hooked = count(stub, 1, 2);
	ck_assert_uint_gt(hooked, bare + 10);
	ck_assert_uint_le(hooked, bare + MOST);
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(count(stub, i, 1 << i % 31), hooked);
}
END_TEST

/* A pool inside a pool; the shim's own calls. */
START_TEST(so_does_a_call_that_does_not_count)
{
	static const struct around acquires;
	int (*stub)(int, int) = stub_with(&acquires);
	struct around_thread *thread = around_thread();
	unsigned inside, nested;

	watch_steps();
	guard_depth++;
	inside = count(stub, 1, 2);
	guard_depth--;
	thread->call[0].frame = (const char *)UINTPTR_MAX;
	thread->count = 1;
	nested = count(stub, 1, 2);
	ck_assert_uint_le(inside, nested);
	ck_assert_uint_le(nested, count(around_add, 1, 2) + MOST);
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(count(stub, i, 1 << i % 31), nested);
	thread->count = 0;
}
END_TEST

Suite *around_suite(void)
{
	Suite *suite = suite_create("around");
	TCase *test = tcase_create("cost");

	tcase_add_test(test,
		       an_empty_rule_costs_a_fixed_number_of_instructions);
	tcase_add_test(test, so_does_a_call_that_does_not_count);
	suite_add_tcase(suite, test);
	return suite;
}
