/* SPDX-License-Identifier: MIT */
/*
 * What preload/patch.h promises of functions and of memory; test_stubs.c has
 * what it promises to their callers.  The functions are written by hand, each
 * with one thing that is hard to move.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/linked.h"
#include "preload/patch.h"
#include "preload/stubs_x86_64.h"
#include "tests/suites.h"

#define HIDDEN __attribute__((visibility("hidden")))

/* Followed by padding, or by what is no padding. */
#define MADE(name, code) MADE_BEFORE(".p2align 4, 0x90", name, code)
#define MADE_BEFORE(next, name, code)                             \
	extern HIDDEN uint8_t name[], name##_end[];               \
	__asm__(".text\n.p2align 4\n" #name ":\n" code "\n" #name \
		"_end:\n" next "\n")

MADE(plain, "leal 1(%rdi), %eax\nnopl 0(%rax)\nret");
MADE(with_endbr, "endbr64\nleal 1(%rdi), %eax\nnopl 0(%rax)\nret");
MADE(by_address, "movl number(%rip), %eax\naddl %edi, %eax\nret");
MADE(by_address_and_value, "cmpl $41, number(%rip)\nsete %al\n"
			   "movzbl %al, %eax\naddl %edi, %eax\nret");
MADE(branch, "testl %edi, %edi\nje 1f\nmovl $10, %eax\nret\n"
	     "1: movl $20, %eax\nret");
MADE(long_branch, "testl %edi, %edi\n.byte 0x0f, 0x84\n.long 1f - . - 4\n"
		  "movl $10, %eax\nret\n1: movl $20, %eax\nret");
MADE(short_jump, "jmp 1f\nnopl 0(%rax)\n1: leal 1(%rdi), %eax\nret");
MADE(only_a_jump, "jmp plain");
MADE(calls_it, "call tell\naddl $1, %eax\nret");
MADE(call_by_address, "pushq %rbx\ncall *tell_at(%rip)\npopq %rbx\n"
		      "addl $1, %eax\nret");
MADE(call_by_register, "leaq tell(%rip), %rax\ncall *%rax\nret");
MADE(call_of_argument, "pushq %rbx\nmovl %edi, %ebx\nmovq %rsi, %r11\n"
		       "call *%r11\npopq %rbx\nret");
MADE(call_by_argument, "nop\nnop\ncall *8(%rsi)\nret");
MADE(call_itself, "testl %edi, %edi\nje 1f\ndecl %edi\ncall call_itself\n"
		  "1: xorl %eax, %eax\nret");
MADE(with_loop, "leal 1(%rdi), %eax\nnopl 0(%rax)\nmovl $9, %ecx\n"
		"1: decl %ecx\njnz 1b\nret");
MADE(short_padded, "movl %edi, %eax\nret");

MADE(early_call, "call *%rsi\naddl $1, %eax\nret");
MADE(call_by_stack, "nop\ncall *8(%rsp)\nret");
MADE(begins_with_loop, "movl %edi, %ecx\nloop 1f\nnopl 0(%rax)\n"
		       "1: movl %ecx, %eax\nret");
MADE(begins_with_jrcxz, "movl %edi, %ecx\njrcxz 1f\nnopl 0(%rax)\n"
			"1: movl %ecx, %eax\nret");
MADE(back_to_start, "decl %edi\njnz back_to_start\nxorl %eax, %eax\nret");
MADE(back_inside, "nop\n1: decl %edi\njnz 1b\nxorl %eax, %eax\nret");
MADE(back_behind_endbr, "endbr64\n1: decl %edi\njnz 1b\nxorl %eax, %eax\nret");
MADE_BEFORE("ret", short_unpadded, "movl %edi, %eax\nret");
MADE(no_instruction, "leal 1(%rdi), %eax\nnopl 0(%rax)\nret\n.byte 0x06");

__asm__(".data\nnumber: .long 41\ntell_at: .quad tell\n.text\n"
	"tell: movq (%rsp), %rax\nmovq %rax, told(%rip)\n"
	"movl $5, %eax\nret\n");
extern HIDDEN uint8_t tell[];
HIDDEN const void *told; /* where it was to return to */

typedef int made(int, const void *);

static struct patch patch;
static struct patch_near near;
static unsigned calls;

/* All are functions of this program. */
static size_t prepare_list(struct patch *list, size_t count)
{
	struct dl_phdr_info program;
	const char *why = NULL;
	size_t prepared;

	linked_program(&program);
	ck_assert_msg(patch_open(&why), "%s", why);
	prepared = patch_prepare(list, count, &program, &near);
	patch_close();
	return prepared;
}

static int call_of(const void *function, int number, const void *pointer)
{
	made *call;

	*(const void **)&call = function;
	return call(number, pointer);
}

static int call_original(int number, const void *pointer)
{
	made *original = (made *)patch.original;

	return original(number, pointer);
}

static int hook(int number, const void *pointer)
{
	calls++;
	return 1000 + call_original(number, pointer);
}

static size_t prepare(uint8_t *function, const uint8_t *end)
{
	patch = (struct patch){
		.function = function,
		.size = (size_t)(end - function),
		.hook = (patch_code *)hook,
		.result = PATCH_RETURNS_WORD,
	};
	return prepare_list(&patch, 1);
}

static void apply(uint8_t *function, const uint8_t *end)
{
	ck_assert_msg(prepare(function, end) == 1, "%s", patch.why);
	ck_assert_ptr_null(patch.why);
	ck_assert(patch_apply(&patch, 1, &near));
}

/* As before it was patched, and once by the hook. */
static void expect(const void *function, int number, const void *pointer,
		   int result)
{
	ck_assert_int_eq(call_original(number, pointer), result);
	calls = 0;
	ck_assert_int_eq(call_of(function, number, pointer), 1000 + result);
	ck_assert_uint_eq(calls, 1);
}

#define EXPECT_BOTH(name, number, pointer, result)                        \
	do {                                                              \
		ck_assert_int_eq(call_of(name, number, pointer), result); \
		apply(name, name##_end);                                  \
		expect(name, number, pointer, result);                    \
	} while (0)

START_TEST(the_hook_is_called_and_can_call_what_it_was)
{
	EXPECT_BOTH(plain, 7, NULL, 8);
	ck_assert_uint_eq(plain[0], 0xe9);
}
END_TEST

START_TEST(a_landing_place_of_indirect_branches_stays)
{
	static const uint8_t endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };

	EXPECT_BOTH(with_endbr, 7, NULL, 8);
	ck_assert_mem_eq(with_endbr, endbr64, sizeof(endbr64));
	ck_assert_mem_eq(*(void **)&patch.original, endbr64, sizeof(endbr64));
	ck_assert_uint_eq(with_endbr[4], 0xe9);
}
END_TEST

START_TEST(data_near_the_function_is_still_found)
{
	EXPECT_BOTH(by_address, 1, NULL, 42);
}
END_TEST

START_TEST(data_and_a_constant_in_one_instruction)
{
	EXPECT_BOTH(by_address_and_value, 1, NULL, 2);
}
END_TEST

START_TEST(a_short_branch_goes_to_the_same_place)
{
	EXPECT_BOTH(branch, 0, NULL, 20);
	expect(branch, 1, NULL, 10);
}
END_TEST

START_TEST(a_long_branch_goes_to_the_same_place)
{
	EXPECT_BOTH(long_branch, 0, NULL, 20);
	expect(long_branch, 1, NULL, 10);
}
END_TEST

START_TEST(a_jump_goes_to_the_same_place)
{
	EXPECT_BOTH(short_jump, 7, NULL, 8);
	EXPECT_BOTH(only_a_jump, 7, NULL, 8);
}
END_TEST

/* An unwinder knows the function, and nothing of our copy of its beginning. */
START_TEST(a_call_returns_to_the_function_and_not_to_the_copy)
{
	EXPECT_BOTH(calls_it, 0, NULL, 6);
	ck_assert_ptr_eq(told, calls_it + 5);
	EXPECT_BOTH(call_by_address, 0, NULL, 6);
	ck_assert_ptr_eq(told, call_by_address + 7);
	EXPECT_BOTH(call_by_register, 0, NULL, 5);
	ck_assert_ptr_eq(told, call_by_register + 9);
	EXPECT_BOTH(call_of_argument, 0, tell, 5);
	ck_assert_ptr_eq(told, call_of_argument + 9);
}
END_TEST

START_TEST(a_call_of_what_an_argument_points_to)
{
	const void *const table[] = { NULL, tell };

	EXPECT_BOTH(call_by_argument, 0, table, 5);
	ck_assert_ptr_eq(told, call_by_argument + 5);
}
END_TEST

START_TEST(a_function_that_calls_itself_is_hooked_each_time)
{
	apply(call_itself, call_itself_end);
	ck_assert_int_eq(call_of(call_itself, 3, NULL), 1000);
	ck_assert_uint_eq(calls, 4);
}
END_TEST

START_TEST(a_loop_behind_the_beginning_does_no_harm)
{
	EXPECT_BOTH(with_loop, 7, NULL, 8);
}
END_TEST

START_TEST(a_short_function_takes_its_padding)
{
	EXPECT_BOTH(short_padded, 7, NULL, 7);
}
END_TEST

static void refused(uint8_t *function, const uint8_t *end, const char *why)
{
	uint8_t before[16];

	memcpy(before, function, sizeof(before));
	ck_assert_uint_eq(prepare(function, end), 0);
	ck_assert(!patch.original);
	ck_assert_ptr_nonnull(patch.why);
	ck_assert_str_eq(patch.why, why);
	ck_assert_mem_eq(before, function, sizeof(before));
}

#define REFUSED(name, why) refused(name, name##_end, why)

START_TEST(what_cannot_be_moved_is_refused)
{
	static const char other[] = "it begins with what cannot be moved";

	REFUSED(early_call, "it goes on behind a call too early");
	REFUSED(call_by_stack, "it calls by the stack");
	REFUSED(begins_with_loop, other);
	REFUSED(begins_with_jrcxz, other);
}
END_TEST

START_TEST(what_jumps_back_to_its_beginning_is_refused)
{
	static const char why[] = "it jumps back to its beginning";

	REFUSED(back_to_start, why);
	REFUSED(back_inside, why);
	REFUSED(back_behind_endbr, why);
}
END_TEST

START_TEST(what_has_no_room_is_refused)
{
	REFUSED(short_unpadded, "it is too short");
}
END_TEST

START_TEST(what_cannot_be_read_to_its_end_is_refused)
{
	REFUSED(no_instruction, "it cannot be decoded");
	refused(plain, plain + 5, "it cannot be decoded");
	refused(plain, plain, "its size is not known");
}
END_TEST

START_TEST(what_is_no_code_is_refused)
{
	static uint8_t data[64];
	uint8_t *heap = calloc(1, 64);

	refused(data, data + 64, "it does not lie in loaded code");
	refused(heap, heap + 64, "it does not lie in loaded code");
	free(heap);
}
END_TEST

START_TEST(one_that_is_refused_leaves_the_others_theirs)
{
	struct patch list[3] = {
		{ .function = plain },
		{ .function = back_inside },
		{ .function = by_address },
	};

	list[0].size = (size_t)(plain_end - plain);
	list[1].size = (size_t)(back_inside_end - back_inside);
	list[2].size = (size_t)(by_address_end - by_address);
	ck_assert_uint_eq(prepare_list(list, 3), 2);
	ck_assert(list[0].original && !list[1].original && list[2].original);
	for (int i = 0; i < 3; i++) {
		list[i].hook = (patch_code *)hook;
		list[i].result = PATCH_RETURNS_WORD;
	}
	ck_assert(patch_apply(list, 3, &near));
	patch = list[2];
	ck_assert_int_eq(call_of(by_address, 1, NULL), 1042);
	patch = list[0];
	ck_assert_int_eq(call_of(plain, 1, NULL), 1002);
	ck_assert_int_eq(call_of(back_inside, 3, NULL), 0);
}
END_TEST

static void write_over(uint8_t *code, const uint8_t *bytes, size_t size)
{
	uint8_t *page = (uint8_t *)((uintptr_t)code & ~(uintptr_t)4095);

	ck_assert(!mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC));
	memcpy(code, bytes, size);
	ck_assert(!mprotect(page, 8192, PROT_READ | PROT_EXEC));
}

static uint64_t count_call(struct stub_frame *frame)
{
	(void)frame;
	calls++;
	return 0;
}

static const struct stub_around look_on = { .before = count_call };

START_TEST(when_all_stubs_are_taken_the_next_is_refused)
{
	static struct patch list[STUBS + 1];

	for (int i = 0; i <= STUBS; i++) {
		list[i].function = plain;
		list[i].size = (size_t)(plain_end - plain);
	}
	ck_assert_uint_eq(prepare_list(list, STUBS + 1), STUBS);
	ck_assert_str_eq(list[STUBS].why, "too many functions are hooked");
	patch_forget(list, STUBS + 1, &near);
	ck_assert_uint_eq(prepare_list(list, STUBS), STUBS);
}
END_TEST

/* As if it had been unloaded, and loaded again in its place. */
START_TEST(what_was_forgotten_can_be_patched_again)
{
	uint8_t before[16];

	memcpy(before, plain, sizeof(before));
	for (int i = 0; i < 3; i++) {
		apply(plain, plain_end);
		ck_assert(patch_is_in(&patch));
		expect(plain, 7, NULL, 8);
		write_over(plain, before, sizeof(before));
		ck_assert(!patch_is_in(&patch));
		patch_forget(&patch, 1, &near);
		ck_assert_int_eq(call_of(plain, 7, NULL), 8);
	}
}
END_TEST

START_TEST(a_breakpoint_takes_no_patch_away)
{
	const uint8_t breakpoint = 0xcc;
	uint8_t jump;

	apply(plain, plain_end);
	jump = *patch.jump;
	write_over(patch.jump, &breakpoint, sizeof(breakpoint));
	ck_assert(patch_is_in(&patch));
	write_over(patch.jump, &jump, sizeof(jump));
	expect(plain, 7, NULL, 8);
}
END_TEST

START_TEST(a_detour_leaves_the_function_as_it_is)
{
	uint8_t before[16];
	const void *stub;

	memcpy(before, plain, sizeof(before));
	patch = (struct patch){ .function = plain, .around = &look_on };
	stub = patch_detour(&patch);
	ck_assert_int_eq(call_of(stub, 7, NULL), 8);
	ck_assert_uint_eq(calls, 1);
	ck_assert_int_eq(call_of(plain, 7, NULL), 8);
	ck_assert_uint_eq(calls, 1);
	ck_assert_mem_eq(before, plain, sizeof(before));
}
END_TEST

/* --- other threads -------------------------------------------------------- */

MADE(waits, "syscall\nnopl 0(%rax)\nret");
MADE(crosses_8, "endbr64\nleal 1(%rdi), %eax\nnopl 0(%rax)\nret");
MADE_BEFORE(".p2align 4, 0x90\n.skip 14, 0x90", before_crosses, "nop\nret");
__asm__(".text\ncrosses_16: leal 1(%rdi), %eax\nnopl 0(%rax)\nret\n"
	"crosses_16_end: .p2align 4, 0x90");
extern HIDDEN uint8_t crosses_16[], crosses_16_end[];

static pid_t waiting;

/* In the system call pause(2), which is the function's first instruction. */
static void *wait_in_function(void *function)
{
	waiting = gettid();
	__asm__ volatile("call *%1"
			 :
			 : "a"(SYS_pause), "r"(function)
			 : "rcx", "r11", "memory");
	return NULL;
}

static bool is_waiting(void)
{
	char path[64], text[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", waiting);
	file = fopen(path, "re");
	if (!file || !fgets(text, sizeof(text), file))
		text[0] = 0;
	if (file)
		fclose(file);
	return atoi(text) == SYS_pause && text[0] != 'r';
}

static void start_thread_in(uint8_t *function)
{
	pthread_t thread;

	pthread_create(&thread, NULL, wait_in_function, function);
	while (!waiting || !is_waiting())
		sched_yield();
}

START_TEST(where_a_thread_is_in_its_beginning_it_is_refused)
{
	start_thread_in(waits);
	REFUSED(waits, "a thread is running in its beginning");
}
END_TEST

START_TEST(where_threads_are_elsewhere_it_is_patched)
{
	start_thread_in(waits);
	EXPECT_BOTH(plain, 7, NULL, 8);
	EXPECT_BOTH(crosses_8, 7, NULL, 8);
}
END_TEST

/* In a child: threads stay. */
static bool is_refused_with_threads(uint8_t *function, const uint8_t *end)
{
	const pid_t child = fork();
	int status;

	if (!child) {
		start_thread_in(waits);
		_exit(prepare(function, end) ||
		      strncmp(patch.why,
			      "its beginning cannot be changed at once", 39));
	}
	waitpid(child, &status, 0);
	return !status;
}

START_TEST(a_jump_that_can_be_seen_half_is_put_in_only_if_nobody_looks)
{
	ck_assert_uint_eq((uintptr_t)crosses_16 % 16, 14);
	ck_assert(is_refused_with_threads(crosses_16, crosses_16_end));
	EXPECT_BOTH(crosses_16, 7, NULL, 8);
}
END_TEST

static const void *caller_seen;

static int look_at_caller(int number, const void *pointer)
{
	(void)number;
	(void)pointer;
	caller_seen = patch_caller(__builtin_frame_address(0));
	return 0;
}

static __attribute__((noinline)) const void *in_test(void)
{
	return __builtin_return_address(0);
}

static bool is_near(const void *a, const void *b)
{
	const intptr_t distance = (intptr_t)a - (intptr_t)b;

	return distance > -256 && distance < 256;
}

START_TEST(a_hook_is_told_who_called_the_function)
{
	made *volatile call = look_at_caller;

	call(0, NULL);
	ck_assert(is_near(caller_seen, in_test()));
	caller_seen = NULL;
	prepare(plain, plain_end);
	patch.hook = (patch_code *)look_at_caller;
	ck_assert(patch_apply(&patch, 1, &near));
	*(void *volatile *)&call = plain;
	call(0, NULL);
	ck_assert(is_near(caller_seen, in_test()));
}
END_TEST

/* Of /proc/self/maps, the rights of the mapping that holds an address. */
static void rights_at(const void *address, char rights[5])
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start, end;
	char line[4096], found[5];

	rights[0] = 0;
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %4s", &start, &end, found) == 3 &&
		    (uintptr_t)address >= start && (uintptr_t)address < end)
			strcpy(rights, found);
	fclose(maps);
}

START_TEST(no_memory_is_left_writable_and_executable)
{
	char rights[5];

	apply(plain, plain_end);
	rights_at(plain, rights);
	ck_assert_str_eq(rights, "r-xp");
	rights_at(patch.near, rights);
	ck_assert_str_eq(rights, "r-xp");
}
END_TEST

/* As systemd's MemoryDenyWriteExecute does it. */
static void forbid_executable_memory(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = 6, .filter = filter };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program),
			 0);
}

static const char forbidden[] = "the system lets no memory be made executable";

START_TEST(where_no_memory_may_be_executable_nothing_is_patched)
{
	forbid_executable_memory();
	refused(plain, plain_end, forbidden);
	ck_assert_int_eq(call_of(plain, 7, NULL), 8);
}
END_TEST

START_TEST(where_code_may_not_be_changed_it_stays_as_it_is)
{
	char rights[5];

	ck_assert_uint_eq(prepare(plain, plain_end), 1);
	forbid_executable_memory();
	ck_assert(!patch_apply(&patch, 1, &near));
	ck_assert_str_eq(patch.why, forbidden);
	rights_at(plain, rights);
	ck_assert_str_eq(rights, "r-xp");
	ck_assert_int_eq(call_of(plain, 7, NULL), 8);
}
END_TEST

Suite *patch_suite(void)
{
	Suite *suite = suite_create("patch");
	TCase *test = tcase_create("instructions");

	tcase_add_test(test, the_hook_is_called_and_can_call_what_it_was);
	tcase_add_test(test, a_landing_place_of_indirect_branches_stays);
	tcase_add_test(test, data_near_the_function_is_still_found);
	tcase_add_test(test, data_and_a_constant_in_one_instruction);
	tcase_add_test(test, a_short_branch_goes_to_the_same_place);
	tcase_add_test(test, a_long_branch_goes_to_the_same_place);
	tcase_add_test(test, a_jump_goes_to_the_same_place);
	tcase_add_test(test,
		       a_call_returns_to_the_function_and_not_to_the_copy);
	tcase_add_test(test, a_call_of_what_an_argument_points_to);
	tcase_add_test(test, a_function_that_calls_itself_is_hooked_each_time);
	tcase_add_test(test, a_loop_behind_the_beginning_does_no_harm);
	tcase_add_test(test, a_short_function_takes_its_padding);
	suite_add_tcase(suite, test);

	test = tcase_create("refusals");
	tcase_add_test(test, what_cannot_be_moved_is_refused);
	tcase_add_test(test, what_jumps_back_to_its_beginning_is_refused);
	tcase_add_test(test, what_has_no_room_is_refused);
	tcase_add_test(test, what_cannot_be_read_to_its_end_is_refused);
	tcase_add_test(test, what_is_no_code_is_refused);
	tcase_add_test(test, one_that_is_refused_leaves_the_others_theirs);
	tcase_add_test(test, when_all_stubs_are_taken_the_next_is_refused);
	suite_add_tcase(suite, test);

	test = tcase_create("other threads");
	tcase_add_test(test, where_a_thread_is_in_its_beginning_it_is_refused);
	tcase_add_test(test, where_threads_are_elsewhere_it_is_patched);
	tcase_add_test(
		test,
		a_jump_that_can_be_seen_half_is_put_in_only_if_nobody_looks);
	suite_add_tcase(suite, test);

	test = tcase_create("hooks and memory");
	tcase_add_test(test, what_was_forgotten_can_be_patched_again);
	tcase_add_test(test, a_breakpoint_takes_no_patch_away);
	tcase_add_test(test, a_detour_leaves_the_function_as_it_is);
	tcase_add_test(test, a_hook_is_told_who_called_the_function);
	tcase_add_test(test, no_memory_is_left_writable_and_executable);
	tcase_add_test(test,
		       where_no_memory_may_be_executable_nothing_is_patched);
	tcase_add_test(test, where_code_may_not_be_changed_it_stays_as_it_is);
	suite_add_tcase(suite, test);
	return suite;
}
