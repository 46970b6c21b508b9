/* SPDX-License-Identifier: MIT */
/*
 * What preload/stubs_x86_64.h promises to the callers of patched functions:
 * arguments, results and registers arrive, and a frame can be left in every
 * way that there is.
 */
#include <cpuid.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "preload/elf.h"
#include "preload/patch.h"
#include "preload/stack.h"
#include "preload/stubs_x86_64.h"
#include "preload/vectors_x86_64.h"
#include "tests/made_module.h"
#include "tests/suites.h"

#define APART		   __attribute__((noinline))
#define HIDDEN		   __attribute__((visibility("hidden")))
#define MANY		   16 /* words of arguments on the stack, at most */
#define CODE(f)		   (__extension__(uint8_t *)(f))
#define ORIGINAL(function) ((__typeof__(function) *)patch.original)

static struct patch patch;
static struct patch_near near;
static unsigned calls; /* of a hook */
static unsigned before_calls, after_calls, left_calls;
static struct stub_frame seen; /* by the one after */

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

/* Of this program, or of a library that a test has made. */
static int find_object(struct dl_phdr_info *object, size_t size, void *data)
{
	const uintptr_t address = (uintptr_t)patch.function;
	uintptr_t start, end;

	(void)size;
	elf_range(object, &start, &end);
	if (address < start || address >= end)
		return 0;
	*(struct dl_phdr_info *)data = *object;
	return 1;
}

static void apply(void)
{
	struct dl_phdr_info object;
	const char *why = NULL;

	patch.size = size_of(patch.function);
	ck_assert_int_eq(dl_iterate_phdr(find_object, &object), 1);
	ck_assert_msg(patch_open(&why), "%s", why);
	ck_assert_msg(patch_prepare(&patch, 1, &object, &near) == 1, "%s",
		      patch.why);
	patch_close();
	ck_assert(patch_apply(&patch, 1, &near));
}

static void patch_with(uint8_t *function, patch_code *hook,
		       enum patch_result result)
{
	patch = (struct patch){
		.function = function,
		.hook = hook,
		.result = result,
		.stack_words = MANY,
	};
	apply();
}

/* Leaves nothing of what it may change. */
static void use_all_registers(void)
{
	__asm__ volatile("movq $-1, %%rax\nmovq $-1, %%rcx\nmovq $-1, %%rdx\n"
			 "movq $-1, %%rsi\nmovq $-1, %%rdi\nmovq $-1, %%r8\n"
			 "movq $-1, %%r9\nmovq $-1, %%r10\nmovq $-1, %%r11\n"
			 ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
			 "pcmpeqb %%xmm\\n, %%xmm\\n\n.endr\n"
			 "fninit\nfldpi\nfldpi\n" ::
				 : "rax", "rcx", "rdx", "rsi", "rdi", "r8",
				   "r9", "r10", "r11", "memory", "xmm0", "xmm1",
				   "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
				   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
				   "xmm12", "xmm13", "xmm14", "xmm15");
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile(
			".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
			"vcmptrueps %%ymm\\n, %%ymm\\n, %%ymm\\n\n.endr" ::
				: "memory");
	if (__builtin_cpu_supports("avx512f"))
		__asm__ volatile(
			".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,"
			"16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
			"vpternlogd $255, %%zmm\\n, %%zmm\\n, %%zmm\\n\n"
			".endr\n.irp n, 0,1,2,3,4,5,6,7\n"
			"kxnorw %%k\\n, %%k\\n, %%k\\n\n.endr" ::
				: "memory");
}

/* Any C: it may use all registers. */
static uint64_t spoil(void *frame)
{
	static const uint32_t control = 0x7f80; /* to zero */

	seen = *(struct stub_frame *)frame;
	use_all_registers();
	__asm__ volatile("ldmxcsr %0" ::"m"(control));
	return 1;
}

static uint64_t look_before(struct stub_frame *frame)
{
	before_calls++;
	return vectors_keep(spoil, frame);
}

static void look_after(struct stub_frame *frame)
{
	after_calls++;
	vectors_keep(spoil, frame);
}

static void look_left(struct stub_frame *frame)
{
	seen = *frame;
	left_calls++;
}

static const struct stub_around looks = {
	.before = look_before,
	.after = look_after,
	.left = look_left,
};

static void patch_around(uint8_t *function)
{
	patch = (struct patch){ .function = function, .around = &looks };
	apply();
}

static void check_around(unsigned times)
{
	ck_assert_uint_eq(before_calls, times);
	ck_assert_uint_eq(after_calls, times);
	ck_assert_uint_eq(left_calls, 0);
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
int stubs_factorial(int);
int stubs_difference(int, int);
int stubs_ninth(int, int);

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

APART int stubs_factorial(int n)
{
	const int rest = n < 2 ? 1 : stubs_factorial(n - 1);

	UNKNOWN();
	return n * rest;
}

APART int stubs_difference(int a, int b)
{
	UNKNOWN();
	return a - b;
}

/* The third word of its arguments on the stack. */
__asm__(".text\n.p2align 4\n.globl stubs_ninth\n"
	".type stubs_ninth, @function\nstubs_ninth:\n"
	"movl 24(%rsp), %eax\nnopl 0(%rax)\nret\n"
	".size stubs_ninth, . - stubs_ninth\n");

static int hooked_sum(int a, int b, int c, int d, int e, int f, int g, double x,
		      double y, long h, char i)
{
	calls++;
	return 1000 + ORIGINAL(stubs_sum)(a, b, c, d, e, f, g, x, y, h, i);
}

START_TEST(a_hook_gets_arguments_in_all_places)
{
	int without = stubs_sum(1, 2, 3, 4, 5, 6, 7, 8.0, 9.0, 10, 11);

	patch_with(CODE(stubs_sum), (patch_code *)hooked_sum,
		   PATCH_RETURNS_WORD);
	ck_assert_int_eq(stubs_sum(1, 2, 3, 4, 5, 6, 7, 8.0, 9.0, 10, 11),
			 1000 + without);
	ck_assert_uint_eq(calls, 1);
}
END_TEST

START_TEST(arguments_in_all_places)
{
	int without = stubs_sum(1, 2, 3, 4, 5, 6, 7, 8.0, 9.0, 10, 11);

	patch_around(CODE(stubs_sum));
	ck_assert_int_eq(stubs_sum(1, 2, 3, 4, 5, 6, 7, 8.0, 9.0, 10, 11),
			 without);
	check_around(1);
	ck_assert_uint_eq((int)seen.called.rdi, 1);
	ck_assert_uint_eq((int)seen.called.r9, 6);
	ck_assert_int_eq((int)seen.returned.rax, without);
}
END_TEST

START_TEST(arguments_of_any_number)
{
	char without[64], with[64];

#define PRINT(to)                                                             \
	stubs_print(to, sizeof(to), "%d %d %d %d %d %g %g %d %g", 1, 2, 3, 4, \
		    5, 6.5, 7.5, 8, 9.5)
	PRINT(without);
	patch_around(CODE(stubs_print));
	PRINT(with);
#undef PRINT
	ck_assert_str_eq(with, without);
	ck_assert_str_eq(with, "1 2 3 4 5 6.5 7.5 8 9.5");
	check_around(1);
}
END_TEST

START_TEST(a_result_in_floating_point)
{
	patch_around(CODE(stubs_half));
	ck_assert(stubs_half(5.0) == 2.5);
	check_around(1);
}
END_TEST

START_TEST(a_result_on_the_x87_stack)
{
	patch_around(CODE(stubs_third));
	ck_assert(stubs_third(6.0L) == 2.0L);
	check_around(1);
}
END_TEST

START_TEST(a_structure_by_the_stack_and_back_through_a_hidden_pointer)
{
	struct stubs_wide got, by = { .words = { 1, 2, 3, 4, 5, 6, 7, 8, 9 } };

	patch_around(CODE(stubs_fill));
	got = stubs_fill(100, by);
	for (int i = 0; i < 9; i++)
		ck_assert_int_eq(got.words[i], 101 + 2 * i);
	check_around(1);
	ck_assert_uint_eq(seen.returned.rax, seen.called.rdi);
}
END_TEST

START_TEST(a_structure_in_registers_of_two_kinds)
{
	struct stubs_mixed got;

	patch_around(CODE(stubs_mix));
	got = stubs_mix(1, 2.0);
	ck_assert_int_eq(got.word, 2);
	ck_assert(got.number == 3.0);
	check_around(1);
}
END_TEST

START_TEST(a_number_in_two_registers)
{
	patch_around(CODE(stubs_product));
	ck_assert(stubs_product(1L << 40, 1L << 40) == (stubs_long_long)1
							       << 80);
	check_around(1);
}
END_TEST

START_TEST(a_function_that_calls_itself)
{
	patch_around(CODE(stubs_factorial));
	ck_assert_int_eq(stubs_factorial(10), 3628800);
	check_around(10);
}
END_TEST

/*
 * A stack whose first function is called right below its end; what comes behind
 * may not be read.
 */
static int call_at_end(uint8_t *end, int (*function)(int, int))
{
	int result;

	__asm__ volatile("movq %%rsp, %%rbx\n"
			 "movq %1, %%rsp\n"
			 "call *%2\n"
			 "movq %%rbx, %%rsp\n"
			 : "=a"(result)
			 : "r"(end), "r"(function), "D"(3), "S"(4)
			 : "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11",
			   "memory", "cc");
	return result;
}

START_TEST(a_stack_that_ends_above_the_call)
{
	const size_t size = 65536;
	uint8_t *pages = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_int_eq(mprotect(pages + size, 4096, PROT_NONE), 0);
	patch_around(CODE(stubs_difference));
	for (unsigned room = 0; room < 160; room += 16)
		ck_assert_int_eq(
			call_at_end(pages + size - room, stubs_difference), -1);
	check_around(10);
}
END_TEST

START_TEST(arguments_on_two_pages_of_a_stack)
{
	uint8_t *pages = mmap(NULL, 65536, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	patch_around(CODE(stubs_ninth));
	for (uint64_t *at = (uint64_t *)(pages + 32768) - 2 * 16, i = 0; i < 32;
	     at += 2, i++) {
		at[2] = 1000 + i;
		ck_assert_int_eq(call_at_end((uint8_t *)at, stubs_ninth),
				 1000 + (int)i);
	}
	check_around(32);
}
END_TEST

/* --- registers ------------------------------------------------------------ */

#define STATES 0xe7 /* x87, SSE, AVX, AVX-512 */

/*
 * Sets every register that a call may change, calls `function` with a stack
 * that is off by 8, and notes what the registers are afterwards.
 */
struct registers_of_call {
	uint64_t general[9]; /* rax rcx rdx rsi rdi r8 r9 r10 r11 */
	_Alignas(64) uint8_t state[4096]; /* as xsave has it */
};

HIDDEN void stubs_probe(const struct registers_of_call *before,
			struct registers_of_call *after, const void *function);

__asm__(".text\n.p2align 4\n.type stubs_probe, @function\nstubs_probe:\n"
	".cfi_startproc\n"
	"pushq %rbp\n.cfi_def_cfa_offset 16\n.cfi_offset %rbp, -16\n"
	"movq %rsp, %rbp\n.cfi_def_cfa_register %rbp\n"
	"pushq %rsi\npushq %rdx\n"
	"subq $8, %rsp\n" /* off by 8 in the function */
	"movl $0xe7, %eax\nxorl %edx, %edx\nxrstor64 128(%rdi)\n"
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
	"movl $0xe7, %eax\nxorl %edx, %edx\nxsave64 128(%rdi)\n"
	"movl $0x1f80, -8(%rbp)\nldmxcsr -8(%rbp)\nfninit\n"
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
	use_all_registers();
}

static struct registers_of_call before, after;

/* Where xsave puts what it keeps; 0: the processor has no such registers. */
static unsigned offset_of(unsigned state, unsigned *ret_size)
{
	unsigned offset, c, d;

	__cpuid_count(13, state, *ret_size, offset, c, d);
	return offset;
}

static uint32_t states_here(void)
{
	uint32_t low, high;

	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low & STATES;
}

/* Everywhere something else, and nothing as a program begins with it. */
static void fill(void)
{
	uint8_t *state = before.state;

	ck_assert_uint_eq((uintptr_t)state - (uintptr_t)&before, 128);
	for (unsigned i = 0; i < sizeof(before); i++)
		((uint8_t *)&before)[i] = (uint8_t)(i * 7 + i / 256 + 1);
	memset(state, 0, 32);	     /* the control words */
	memset(state + 416, 0, 160); /* behind %xmm15; the head */
	*(uint16_t *)state = 0x027f;
	*(uint16_t *)(state + 2) = 0x3000; /* %st(0) is the sixth of them */
	state[4] = 0xff;
	*(uint32_t *)(state + 24) = 0x9fc0;
	*(uint32_t *)(state + 28) = 0xffff;
	for (unsigned i = 0; i < 8; i++)
		memset(state + 32 + 16 * i + 10, 0, 6);
	*(uint64_t *)(state + 512) = states_here();
}

static void expect_state(const char *what, unsigned offset, unsigned size)
{
	ck_assert_msg(
		!memcmp(before.state + offset, after.state + offset, size),
		"changed: %s", what);
}

static void expect_all(void)
{
	const uint32_t here = states_here();

	ck_assert_mem_eq(before.general, after.general, sizeof(before.general));
	expect_state("x87 control and status", 0, 5);
	expect_state("mxcsr", 24, 4);
	expect_state("x87", 32, 128);
	expect_state("xmm", 160, 256);
	for (unsigned state = 2; state < 8; state++) {
		unsigned size = 0, offset = offset_of(state, &size);

		if (here >> state & 1)
			expect_state("wide vectors, or masks", offset, size);
	}
}

static void probe(enum patch_result result)
{
	fill();
	patch_with(CODE(stubs_nothing), hook_that_uses_all, result);
	stubs_probe(&before, &after, CODE(stubs_nothing));
	ck_assert_uint_eq(calls, 1);
	ck_assert(was_aligned);
}

START_TEST(no_register_is_changed_where_nothing_is_returned)
{
	probe(PATCH_RETURNS_NOTHING);
	expect_all();
}
END_TEST

START_TEST(a_word_is_returned_in_one_register)
{
	probe(PATCH_RETURNS_WORD);
	ck_assert_uint_ne(before.general[0], after.general[0]);
	before.general[0] = after.general[0];
	expect_all();
}
END_TEST

START_TEST(no_register_is_changed_around_a_function)
{
	fill();
	patch_around(CODE(stubs_nothing));
	stubs_probe(&before, &after, CODE(stubs_nothing));
	check_around(1);
	expect_all();
	ck_assert_uint_eq(seen.called.r11, before.general[8]);
	ck_assert_uint_eq(seen.called.rax, before.general[0]);
}
END_TEST

/* Without the registers that only some processors have. */
START_TEST(no_register_is_changed_on_an_old_processor)
{
	vectors_mask = 0;
	fill();
	*(uint64_t *)(before.state + 512) = 3;
	patch_around(CODE(stubs_nothing));
	stubs_probe(&before, &after, CODE(stubs_nothing));
	check_around(1);
	expect_state("x87", 32, 128);
	expect_state("xmm", 160, 256);
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
	while (how == 3)
		pause();
}

START_TEST(a_longjmp_out_of_it)
{
	patch_around(CODE(stubs_leave));
	for (volatile int i = 0; i < 3; i++)
		if (!setjmp(back))
			stubs_leave(1);
	stubs_leave(0);
	ck_assert_uint_eq(before_calls, 4);
	ck_assert_uint_eq(after_calls, 1);
	ck_assert_uint_eq(left_calls, 0); /* nobody can know */
}
END_TEST

static int cleaned;

static void clean(void *unused)
{
	(void)unused;
	cleaned++;
}

static void *leave_thread(void *how)
{
	pthread_cleanup_push(clean, NULL);
	stubs_leave((int)(intptr_t)how);
	pthread_cleanup_pop(0);
	return NULL;
}

static void check_end_of_thread(int how)
{
	pthread_t thread;
	void *result;

	patch_around(CODE(stubs_leave));
	pthread_create(&thread, NULL, leave_thread, (void *)(intptr_t)how);
	if (how == 3)
		pthread_cancel(thread);
	pthread_join(thread, &result);
	ck_assert_ptr_eq(result, how == 3 ? PTHREAD_CANCELED : (void *)&calls);
	ck_assert_int_eq(cleaned, 1);
	ck_assert_uint_eq(before_calls, 1);
	ck_assert_uint_eq(after_calls, 0);
	ck_assert_uint_eq(left_calls, 1);
	ck_assert_uint_eq((int)seen.called.rdi, how);
}

START_TEST(the_end_of_a_thread_inside_it)
{
	check_end_of_thread(2);
}
END_TEST

START_TEST(a_thread_that_is_cancelled_inside_it)
{
	check_end_of_thread(3);
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

static void check_exception(const char *flags)
{
	int (*catching)(int, int *), destroyed = 0;
	void *library;

	scratch_write("throw.cc", thrower);
	run("c++ -shared -fPIC -O2 -Wl,-Bsymbolic %s -o throw.so throw.cc",
	    flags);
	library = dlopen(scratch_path("throw.so"), RTLD_NOW);
	ck_assert_msg(library != NULL, "%s", dlerror());
	*(void **)&catching = dlsym(library, "catching");
	patch_around(dlsym(library, "throwing"));
	ck_assert_int_eq(catching(5, &destroyed), 5);
	check_around(1);
	ck_assert_int_eq(catching(50, &destroyed), -50);
	ck_assert_int_eq(destroyed, 4);
	ck_assert_uint_eq(before_calls, 2);
	ck_assert_uint_eq(after_calls, 1);
}

START_TEST(an_exception_out_of_it)
{
	check_exception("");
	ck_assert_uint_eq(left_calls, 1);
	ck_assert_uint_eq((int)seen.called.rdi, 50);
}
END_TEST

/* Nobody can ask that one whose frame it is. */
START_TEST(an_exception_with_an_unwinder_that_is_linked_in)
{
	check_exception("-static-libgcc -static-libstdc++");
	ck_assert_uint_eq(left_calls, 0);
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

static uint64_t capture(void *frame)
{
	const struct stub_frame *at = frame;

	stack_capture(&stack, at->caller);
	frame_count = backtrace(walked, 64);
	return 0;
}

static uint64_t capture_before(struct stub_frame *frame)
{
	return vectors_keep(capture, frame);
}

static void check_stack(void)
{
	int at = 0;

	stubs_probe(&before, &after, CODE(stubs_nothing));
	ck_assert(!stack.alone && !stack.broken);
	ck_assert_uint_gt(stack.count, 3);
	while (at < frame_count && walked[at] != (void *)stack.frames[0])
		at++;
	ck_assert_int_eq(frame_count - at, (int)stack.count);
	for (unsigned i = 0; i < stack.count; i++)
		ck_assert_ptr_eq(walked[at + (int)i], (void *)stack.frames[i]);
}

START_TEST(a_stack_goes_on_below_a_hook)
{
	stack_open();
	fill();
	patch_with(CODE(stubs_nothing), hook_that_captures,
		   PATCH_RETURNS_NOTHING);
	check_stack();
}
END_TEST

START_TEST(a_stack_goes_on_below_what_is_around)
{
	const struct stub_around captures = { .before = capture_before };

	stack_open();
	fill();
	patch = (struct patch){ .function = CODE(stubs_nothing),
				.around = &captures };
	apply();
	check_stack();
}
END_TEST

void stubs_capture(void);

APART void stubs_capture(void)
{
	UNKNOWN();
	stack_capture(&stack, __builtin_return_address(0));
}

void stubs_outer(void);

APART void stubs_outer(void)
{
	stubs_capture();
	UNKNOWN();
}

/* Of a connection that is opened in an acquire. */
START_TEST(a_stack_has_no_frame_of_a_stub_on_the_way)
{
	struct stack without;

	stack_open();
	for (int i = 0; i < 2; i++) {
		if (i)
			patch_around(CODE(stubs_outer));
		stubs_outer();
		if (!i)
			without = stack;
	}
	check_around(1);
	ck_assert_uint_gt(stack.count, 3);
	ck_assert_uint_eq(stack.count, without.count);
	ck_assert_uint_eq(stack.frames[0], without.frames[0]);
	ck_assert_mem_eq(stack.frames + 2, without.frames + 2,
			 (stack.count - 2) * sizeof(stack.frames[0]));
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

static uint64_t note_caller(struct stub_frame *frame)
{
	behind_call = (uintptr_t)frame->caller;
	return 1;
}

static void note_nothing(struct stub_frame *frame)
{
	(void)frame;
}

static void check_each_step(unsigned least)
{
	/* A trap that comes while traps are held back ends the process. */
	const struct sigaction action = { .sa_sigaction = on_step,
					  .sa_flags = SA_SIGINFO | SA_NODEFER };

	backtrace(walked, 1); /* its first call loads a library */
	fill();
	apply();
	stubs_probe(&before, &after, CODE(stubs_nothing));
	sigaction(SIGTRAP, &action, NULL);
	set_trap_flag(true);
	stubs_probe(&before, &after, CODE(stubs_nothing));
	set_trap_flag(false);
	ck_assert_uint_gt(steps, least);
	ck_assert_uint_eq(found, steps);
}

START_TEST(a_profiler_finds_the_caller_at_every_instruction_of_a_stub)
{
	patch = (struct patch){ .function = CODE(stubs_nothing),
				.hook = hook_that_notes_its_caller };
	check_each_step(60);
}
END_TEST

START_TEST(a_profiler_finds_the_caller_at_every_instruction_around_a_function)
{
	const struct stub_around notes = { .before = note_caller,
					   .after = note_nothing };

	patch = (struct patch){ .function = CODE(stubs_nothing),
				.around = &notes };
	check_each_step(80);
}
END_TEST

Suite *stubs_suite(void)
{
	Suite *suite = suite_create("stubs");
	TCase *test = tcase_create("arguments and results");

	tcase_add_test(test, a_hook_gets_arguments_in_all_places);
	tcase_add_test(test, arguments_in_all_places);
	tcase_add_test(test, arguments_of_any_number);
	tcase_add_test(test, a_result_in_floating_point);
	tcase_add_test(test, a_result_on_the_x87_stack);
	tcase_add_test(
		test,
		a_structure_by_the_stack_and_back_through_a_hidden_pointer);
	tcase_add_test(test, a_structure_in_registers_of_two_kinds);
	tcase_add_test(test, a_number_in_two_registers);
	tcase_add_test(test, a_function_that_calls_itself);
	tcase_add_test(test, a_stack_that_ends_above_the_call);
	tcase_add_test(test, arguments_on_two_pages_of_a_stack);
	suite_add_tcase(suite, test);

	test = tcase_create("registers");
	tcase_add_test(test, no_register_is_changed_where_nothing_is_returned);
	tcase_add_test(test, a_word_is_returned_in_one_register);
	tcase_add_test(test, no_register_is_changed_around_a_function);
	tcase_add_test(test, no_register_is_changed_on_an_old_processor);
	suite_add_tcase(suite, test);

	test = module_case(suite, "leaving and unwinding");
	tcase_add_test(test, a_longjmp_out_of_it);
	tcase_add_test(test, the_end_of_a_thread_inside_it);
	tcase_add_test(test, a_thread_that_is_cancelled_inside_it);
	tcase_add_test(test, an_exception_out_of_it);
	tcase_add_test(test, an_exception_with_an_unwinder_that_is_linked_in);
	tcase_add_test(test, a_stack_goes_on_below_a_hook);
	tcase_add_test(test, a_stack_goes_on_below_what_is_around);
	tcase_add_test(test, a_stack_has_no_frame_of_a_stub_on_the_way);
	tcase_add_test(
		test,
		a_profiler_finds_the_caller_at_every_instruction_of_a_stub);
	tcase_add_test(
		test,
		a_profiler_finds_the_caller_at_every_instruction_around_a_function);
	return suite;
}
