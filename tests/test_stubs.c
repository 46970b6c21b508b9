/* SPDX-License-Identifier: MIT */
/*
 * What preload/stubs_x86_64.h promises to the callers of patched functions:
 * arguments, results and registers arrive, and a frame can be left in every
 * way that there is.
 */
#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#include "preload/patch.h"
#include "preload/stack.h"
#include "preload/stubs_x86_64.h"
#include "tests/made_module.h"
#include "tests/suites.h"

#define APART		   __attribute__((noinline))
#define HIDDEN		   __attribute__((visibility("hidden")))
#define MANY		   16 /* words of arguments on the stack, at most */
#define CODE(f)		   (__extension__(uint8_t *)(f))
#define ORIGINAL(function) ((__typeof__(function) *)patch.original)

static struct patch patch;
static unsigned calls;

/* A function of this program says its size in its own symbol only. */
static size_t size_of(const void *function)
{
	ElfW(Sym) *symbol = NULL;
	Dl_info info;

	ck_assert(dladdr1(function, &info, (void **)&symbol, RTLD_DL_SYMENT));
	ck_assert_ptr_nonnull(symbol);
	ck_assert_ptr_eq(info.dli_saddr, function);
	return symbol->st_size;
}

static void patch_with(uint8_t *function, patch_code *hook,
		       enum patch_result result)
{
	patch = (struct patch){
		.function = function,
		.size = size_of(function),
		.result = result,
		.stack_words = MANY,
	};
	ck_assert_msg(patch_prepare(&patch, 1) == 1, "%s", patch.why);
	patch.hook = hook ? hook : patch.original;
	ck_assert(patch_apply(&patch, 1));
}

/* --- arguments and results ------------------------------------------------ */

/* Keeps the compiler from knowing what a function does, and not calling it. */
#define UNKNOWN() __asm__ volatile("" ::: "memory")

int stubs_sum(int, int, int, int, int, int, int, double, double, long, char);
double stubs_half(double);
struct stubs_wide {
	long words[9];
} stubs_fill(long, struct stubs_wide);
struct stubs_mixed {
	long word;
	double number;
} stubs_mix(long, double);
__extension__ typedef __int128 stubs_long_long;
stubs_long_long stubs_product(long, long);
long double stubs_third(long double);
int stubs_print(char *, size_t, const char *, ...);

APART int stubs_sum(int a, int b, int c, int d, int e, int f, int g, double x,
		    double y, long h, char i)
{
	UNKNOWN();
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + (int)x +
	       2 * (int)y + 8 * (int)h + 9 * i;
}

APART double stubs_half(double x)
{
	UNKNOWN();
	return x / 2;
}

APART struct stubs_wide stubs_fill(long first, struct stubs_wide by)
{
	UNKNOWN();
	for (int i = 0; i < 9; i++)
		by.words[i] += first + i;
	return by;
}

APART struct stubs_mixed stubs_mix(long word, double number)
{
	UNKNOWN();
	return (struct stubs_mixed){ word + 1, number + 1 };
}

APART stubs_long_long stubs_product(long a, long b)
{
	UNKNOWN();
	return (stubs_long_long)a * b;
}

APART long double stubs_third(long double x)
{
	UNKNOWN();
	return x / 3;
}

APART int stubs_print(char *out, size_t size, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(out, size, format, arguments);
	va_end(arguments);
	return length;
}

static int hooked_sum(int a, int b, int c, int d, int e, int f, int g, double x,
		      double y, long h, char i)
{
	calls++;
	return 1000 + ORIGINAL(stubs_sum)(a, b, c, d, e, f, g, x, y, h, i);
}

START_TEST(arguments_in_all_places)
{
	int without = stubs_sum(1, 2, 3, 4, 5, 6, 7, 8.0, 9.0, 10, 11);

	patch_with(CODE(stubs_sum), (patch_code *)hooked_sum,
		   PATCH_RETURNS_WORD);
	ck_assert_int_eq(stubs_sum(1, 2, 3, 4, 5, 6, 7, 8.0, 9.0, 10, 11),
			 1000 + without);
	ck_assert_uint_eq(calls, 1);
}
END_TEST

START_TEST(arguments_of_any_number)
{
	char without[64], with[64];

#define PRINT(to)                                                             \
	stubs_print(to, sizeof(to), "%d %d %d %d %d %g %g %d %g", 1, 2, 3, 4, \
		    5, 6.5, 7.5, 8, 9.5)
	PRINT(without);
	patch_with(CODE(stubs_print), NULL, PATCH_RETURNS_WORD);
	PRINT(with);
#undef PRINT
	ck_assert_str_eq(with, without);
	ck_assert_str_eq(with, "1 2 3 4 5 6.5 7.5 8 9.5");
}
END_TEST

static double hooked_half(double x)
{
	calls++;
	return ORIGINAL(stubs_half)(x);
}

START_TEST(a_result_in_floating_point)
{
	patch_with(CODE(stubs_half), (patch_code *)hooked_half,
		   PATCH_RETURNS_WIDE);
	ck_assert(stubs_half(5.0) == 2.5);
	ck_assert_uint_eq(calls, 1);
}
END_TEST

static long double hooked_third(long double x)
{
	calls++;
	return ORIGINAL(stubs_third)(x);
}

START_TEST(a_result_on_the_x87_stack)
{
	patch_with(CODE(stubs_third), (patch_code *)hooked_third,
		   PATCH_RETURNS_WIDE);
	ck_assert(stubs_third(6.0L) == 2.0L);
	ck_assert_uint_eq(calls, 1);
}
END_TEST

static struct stubs_wide hooked_fill(long first, struct stubs_wide by)
{
	calls++;
	return ORIGINAL(stubs_fill)(first, by);
}

START_TEST(a_structure_by_the_stack_and_back_through_a_hidden_pointer)
{
	struct stubs_wide got, by = { .words = { 1, 2, 3, 4, 5, 6, 7, 8, 9 } };

	patch_with(CODE(stubs_fill), (patch_code *)hooked_fill,
		   PATCH_RETURNS_WORD);
	got = stubs_fill(100, by);
	for (int i = 0; i < 9; i++)
		ck_assert_int_eq(got.words[i], 101 + 2 * i);
	ck_assert_uint_eq(calls, 1);
}
END_TEST

static struct stubs_mixed hooked_mix(long word, double number)
{
	calls++;
	return ORIGINAL(stubs_mix)(word, number);
}

START_TEST(a_structure_in_registers_of_two_kinds)
{
	struct stubs_mixed got;

	patch_with(CODE(stubs_mix), (patch_code *)hooked_mix,
		   PATCH_RETURNS_WIDE);
	got = stubs_mix(1, 2.0);
	ck_assert_int_eq(got.word, 2);
	ck_assert(got.number == 3.0);
	ck_assert_uint_eq(calls, 1);
}
END_TEST

static stubs_long_long hooked_product(long a, long b)
{
	calls++;
	return ORIGINAL(stubs_product)(a, b);
}

START_TEST(a_number_in_two_registers)
{
	patch_with(CODE(stubs_product), (patch_code *)hooked_product,
		   PATCH_RETURNS_WIDE);
	ck_assert(stubs_product(1L << 40, 1L << 40) == (stubs_long_long)1
							       << 80);
	ck_assert_uint_eq(calls, 1);
}
END_TEST

/* --- registers ------------------------------------------------------------ */

/*
 * Sets every register that a call may change, calls `function` with a stack
 * that is off by 8, and notes what the registers are afterwards.
 */
struct registers_of_call {
	uint64_t general[9]; /* rax rcx rdx rsi rdi r8 r9 r10 r11 */
	uint64_t vector[16][2];
};

HIDDEN void stubs_probe(const struct registers_of_call *before,
			struct registers_of_call *after, const void *function);

__asm__(".text\n.p2align 4\n.type stubs_probe, @function\nstubs_probe:\n"
	".cfi_startproc\n"
	"pushq %rbp\n.cfi_def_cfa_offset 16\n.cfi_offset %rbp, -16\n"
	"movq %rsp, %rbp\n.cfi_def_cfa_register %rbp\n"
	"pushq %rsi\npushq %rdx\n"
	"subq $8, %rsp\n" /* off by 8 in the function */
	".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	"movups 72+16*\\n(%rdi), %xmm\\n\n.endr\n"
	"movq 0(%rdi), %rax\nmovq 8(%rdi), %rcx\nmovq 16(%rdi), %rdx\n"
	"movq 24(%rdi), %rsi\nmovq 40(%rdi), %r8\nmovq 48(%rdi), %r9\n"
	"movq 56(%rdi), %r10\nmovq 64(%rdi), %r11\nmovq 32(%rdi), %rdi\n"
	"call *-16(%rbp)\n"
	"pushq %rdi\n"
	"movq -8(%rbp), %rdi\n"
	"popq 32(%rdi)\n"
	"movq %rax, 0(%rdi)\nmovq %rcx, 8(%rdi)\nmovq %rdx, 16(%rdi)\n"
	"movq %rsi, 24(%rdi)\nmovq %r8, 40(%rdi)\nmovq %r9, 48(%rdi)\n"
	"movq %r10, 56(%rdi)\nmovq %r11, 64(%rdi)\n"
	".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
	"movups %xmm\\n, 72+16*\\n(%rdi)\n.endr\n"
	"leave\n.cfi_def_cfa %rsp, 8\nret\n.cfi_endproc\n"
	".size stubs_probe, . - stubs_probe\n");

/* What a compiler would use of the registers if it knew that it uses none. */
void stubs_nothing(void);
__asm__(".text\n.p2align 4\n.globl stubs_nothing\n"
	".type stubs_nothing, @function\nstubs_nothing:\n"
	".cfi_startproc\nnopl 0(%rax)\nnopl 0(%rax)\nret\n.cfi_endproc\n"
	".size stubs_nothing, . - stubs_nothing\n");

static bool was_aligned;

static void hook_that_uses_all(void)
{
	_Alignas(16) volatile char room[16] = { 0 };

	calls++;
	was_aligned = !((uintptr_t)__builtin_frame_address(0) % 16) &&
		      !((uintptr_t)room % 16);
	__asm__ volatile("movq $-1, %%rax\nmovq $-1, %%rcx\nmovq $-1, %%rdx\n"
			 "movq $-1, %%rsi\nmovq $-1, %%rdi\nmovq $-1, %%r8\n"
			 "movq $-1, %%r9\nmovq $-1, %%r10\nmovq $-1, %%r11\n"
			 ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
			 "pcmpeqb %%xmm\\n, %%xmm\\n\n.endr\n" ::
				 : "rax", "rcx", "rdx", "rsi", "rdi", "r8",
				   "r9", "r10", "r11", "memory", "xmm0", "xmm1",
				   "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
				   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
				   "xmm12", "xmm13", "xmm14", "xmm15");
}

static struct registers_of_call before, after;

static void probe(enum patch_result result)
{
	memset(&before, 0x5a, sizeof(before));
	for (unsigned i = 0; i < sizeof(before) / sizeof(uint64_t); i++)
		((uint64_t *)&before)[i] += i;
	patch_with(CODE(stubs_nothing), hook_that_uses_all, result);
	stubs_probe(&before, &after, CODE(stubs_nothing));
	ck_assert_uint_eq(calls, 1);
	ck_assert(was_aligned);
}

START_TEST(no_register_is_changed_where_nothing_is_returned)
{
	probe(PATCH_RETURNS_NOTHING);
	ck_assert_mem_eq(&before, &after, sizeof(before));
}
END_TEST

START_TEST(a_word_is_returned_in_one_register)
{
	probe(PATCH_RETURNS_WORD);
	before.general[0] = after.general[0];
	ck_assert_mem_eq(&before, &after, sizeof(before));
}
END_TEST

START_TEST(what_is_wide_is_returned_in_four_registers)
{
	probe(PATCH_RETURNS_WIDE);
	before.general[0] = after.general[0];
	before.general[2] = after.general[2];
	memcpy(before.vector, after.vector, 32);
	ck_assert_mem_eq(&before, &after, sizeof(before));
	ck_assert_uint_eq(after.vector[0][0], UINT64_MAX);
}
END_TEST

/* --- leaving -------------------------------------------------------------- */

static jmp_buf back;

void stubs_leave(int);

APART void stubs_leave(int how)
{
	calls++;
	if (how == 1)
		longjmp(back, 1);
	if (how == 2)
		pthread_exit(&calls);
}

static void hooked_leave(int how)
{
	ORIGINAL(stubs_leave)(how);
}

START_TEST(a_longjmp_out_of_it)
{
	patch_with(CODE(stubs_leave), (patch_code *)hooked_leave,
		   PATCH_RETURNS_NOTHING);
	for (volatile int i = 0; i < 3; i++)
		if (!setjmp(back))
			stubs_leave(1);
	stubs_leave(0);
	ck_assert_uint_eq(calls, 4);
}
END_TEST

static int cleaned;

static void clean(void *unused)
{
	(void)unused;
	cleaned++;
}

static void *leave_thread(void *unused)
{
	pthread_cleanup_push(clean, NULL);
	stubs_leave(2);
	pthread_cleanup_pop(0);
	return unused;
}

START_TEST(the_end_of_a_thread_inside_it)
{
	pthread_t thread;
	void *result;

	patch_with(CODE(stubs_leave), (patch_code *)hooked_leave,
		   PATCH_RETURNS_NOTHING);
	pthread_create(&thread, NULL, leave_thread, NULL);
	pthread_join(thread, &result);
	ck_assert_ptr_eq(result, &calls);
	ck_assert_int_eq(cleaned, 1);
}
END_TEST

static const char thrower[] =
	"struct guard { int *count; ~guard() { ++*count; } };\n"
	"extern \"C\" __attribute__((noinline)) int throwing(int number)\n"
	"{ if (number > 10) throw number; return number; }\n"
	"extern \"C\" int catching(int number, int *destroyed)\n"
	"{ guard g = { destroyed };\n"
	"  try { guard g = { destroyed }; return throwing(number); }\n"
	"  catch (int caught) { return -caught; } }\n";

static int hooked_throwing(int number)
{
	calls++;
	return 1000 + ORIGINAL(hooked_throwing)(number);
}

START_TEST(an_exception_out_of_it)
{
	int (*catching)(int, int *), destroyed = 0;
	void *library;

	scratch_write("throw.cc", thrower);
	run("c++ -shared -fPIC -O2 -Wl,-Bsymbolic -o throw.so throw.cc");
	library = dlopen(scratch_path("throw.so"), RTLD_NOW);
	ck_assert_msg(library != NULL, "%s", dlerror());
	*(void **)&catching = dlsym(library, "catching");
	patch_with(dlsym(library, "throwing"), (patch_code *)hooked_throwing,
		   PATCH_RETURNS_WORD);
	ck_assert_int_eq(catching(5, &destroyed), 1005);
	ck_assert_int_eq(catching(50, &destroyed), -50);
	ck_assert_int_eq(destroyed, 4);
	ck_assert_uint_eq(calls, 2);
}
END_TEST

/* --- unwinding ------------------------------------------------------------ */

static struct stack stack;
static void *walked[64];
static int frame_count;

static void hook_that_captures(void)
{
	const void *caller = patch_caller(__builtin_frame_address(0));

	stack_capture(&stack, caller);
	frame_count = backtrace(walked, 64);
}

START_TEST(a_stack_goes_on_below_it)
{
	int at = 0;

	stack_open();
	patch_with(CODE(stubs_nothing), hook_that_captures,
		   PATCH_RETURNS_NOTHING);
	stubs_probe(&before, &after, CODE(stubs_nothing));
	ck_assert(!stack.alone && !stack.broken);
	ck_assert_uint_gt(stack.count, 3);
	while (at < frame_count && walked[at] != (void *)stack.frames[0])
		at++;
	ck_assert_int_eq(frame_count - at, (int)stack.count);
	for (unsigned i = 0; i < stack.count; i++)
		ck_assert_ptr_eq(walked[at + (int)i], (void *)stack.frames[i]);
}
END_TEST

/* Where stubs_probe() goes on behind its call. */
static uintptr_t behind_call;
static unsigned steps, found;

/* Called after every single instruction. */
static void on_step(int number, siginfo_t *info, void *context)
{
	const ucontext_t *at = context;
	const uintptr_t ip = (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
	void *here[16];
	int count;

	(void)number;
	(void)info;
	if (ip < (uintptr_t)stubs_start || ip >= (uintptr_t)stubs_end)
		return;
	steps++;
	count = backtrace(here, 16);
	for (int i = 0; i < count; i++)
		if ((uintptr_t)here[i] == behind_call) {
			found++;
			return;
		}
}

static void set_trap_flag(bool on)
{
	if (on)
		__asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq" ::
					 : "memory", "cc");
	else
		__asm__ volatile("pushfq; andl $0xfffffeff, (%%rsp); popfq" ::
					 : "memory", "cc");
}

static void hook_that_notes_its_caller(void)
{
	behind_call = (uintptr_t)patch_caller(__builtin_frame_address(0));
}

START_TEST(a_profiler_finds_the_caller_at_every_instruction_of_a_stub)
{
	const struct sigaction action = { .sa_sigaction = on_step,
					  .sa_flags = SA_SIGINFO };

	backtrace(walked, 1); /* its first call loads a library */
	patch_with(CODE(stubs_nothing), hook_that_notes_its_caller,
		   PATCH_RETURNS_NOTHING);
	stubs_probe(&before, &after, CODE(stubs_nothing));
	sigaction(SIGTRAP, &action, NULL);
	set_trap_flag(true);
	stubs_probe(&before, &after, CODE(stubs_nothing));
	set_trap_flag(false);
	ck_assert_uint_gt(steps, 70);
	ck_assert_uint_eq(found, steps);
}
END_TEST

Suite *stubs_suite(void)
{
	Suite *suite = suite_create("stubs");
	TCase *test = tcase_create("arguments and results");

	tcase_add_test(test, arguments_in_all_places);
	tcase_add_test(test, arguments_of_any_number);
	tcase_add_test(test, a_result_in_floating_point);
	tcase_add_test(test, a_result_on_the_x87_stack);
	tcase_add_test(
		test,
		a_structure_by_the_stack_and_back_through_a_hidden_pointer);
	tcase_add_test(test, a_structure_in_registers_of_two_kinds);
	tcase_add_test(test, a_number_in_two_registers);
	suite_add_tcase(suite, test);

	test = tcase_create("registers");
	tcase_add_test(test, no_register_is_changed_where_nothing_is_returned);
	tcase_add_test(test, a_word_is_returned_in_one_register);
	tcase_add_test(test, what_is_wide_is_returned_in_four_registers);
	suite_add_tcase(suite, test);

	test = module_case(suite, "leaving and unwinding");
	tcase_add_test(test, a_longjmp_out_of_it);
	tcase_add_test(test, the_end_of_a_thread_inside_it);
	tcase_add_test(test, an_exception_out_of_it);
	tcase_add_test(test, a_stack_goes_on_below_it);
	tcase_add_test(
		test,
		a_profiler_finds_the_caller_at_every_instruction_of_a_stub);
	return suite;
}
