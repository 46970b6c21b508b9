/* SPDX-License-Identifier: MIT */
/*
 * What preload/scan/search.h promises.  A test makes a block of memory, keeps
 * or loses its address, and asks.  So that the test itself does not hold it,
 * it knows the address with all bits turned over.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "preload/scan/helper.h"
#include "preload/scan/search.h"
#include "preload/scan/world.h"
#include "tests/suites.h"

#define DEEP __attribute__((noinline))
#define SIZE 1128
#define MOST 64

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* What the helper answers; a mapping of its own, and left out. */
static struct answers {
	struct target targets[MOST];
	size_t count;
	bool complete;
	struct world world;
	struct workspace workspace;
	struct search search;
	char stack[64 * 1024];
} * answers;

static uintptr_t hidden[MOST];
static size_t hidden_count;

/* What holds a handle in a test. */
static void *volatile global, *volatile kept[MOST];
static _Thread_local void *volatile own;

/*
 * Where nothing was before: somebody may still have the address of what was
 * freed, and then it does lead to the new one.
 */
DEEP static void *take(size_t size)
{
	static uintptr_t above;
	void *block;

	if (!above)
		above = ~(uintptr_t)malloc(100000);
	do
		block = calloc(1, size);
	while ((uintptr_t)block < ~above);
	return block;
}

DEEP static void *make(void)
{
	void *block = take(SIZE);

	hidden[hidden_count++] = ~(uintptr_t)block;
	return block;
}

/* Overwrites what calls have left below. */
DEEP static void wipe(void)
{
	volatile char dead[16384];

	for (size_t i = 0; i < sizeof(dead); i++)
		dead[i] = 0;
}

static void work(void *data)
{
	struct answers *a = data;

	a->complete = search_run(&a->search);
}

static uint64_t soon(unsigned ms)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec +
	       ms * UINT64_C(1000000);
}

/* What an earlier search knew would be found by the next. */
static void forget(void)
{
	if (!answers)
		return;
	workspace_unmap(&answers->workspace);
	munmap(answers, sizeof(*answers));
	answers = NULL;
}

static void prepare(unsigned ms)
{
	struct answers *a;

	forget();
	a = mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(a, MAP_FAILED);
	answers = a;
	ck_assert(workspace_map(&a->workspace, 256 << 20));
	a->search = (struct search){ .world = &a->world,
				     .workspace = &a->workspace,
				     .targets = a->targets,
				     .deadline_ns = soon(ms),
				     .may_be_lost = true };
}

static void add_targets(void)
{
	struct answers *a = answers;

	for (size_t i = 0; i < hidden_count; i++) {
		const uintptr_t handle = ~hidden[i];
		size_t at = a->count++;

		for (; at && a->targets[at - 1].handle > handle; at--)
			a->targets[at] = a->targets[at - 1];
		a->targets[at] =
			(struct target){ .handle = handle, .size = SIZE - 8 };
	}
	a->search.target_count = a->count;
}

static void add_threads(uintptr_t sp, pid_t other)
{
	struct world *world = &answers->world;
	struct world_thread *threads =
		workspace_array(&answers->workspace, struct world_thread, 2);

	threads[0].tid = (pid_t)syscall(SYS_gettid);
	threads[0].sp = sp;
	threads[0].pointer = (uintptr_t)__builtin_thread_pointer();
	threads[1].tid = other;
	world->threads = threads;
	world->thread_count = other ? 2 : 1;
}

/* The moment: what lies above its frame is alive. */
DEEP static void ask(enum helper_memory memory, unsigned ms)
{
	const uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
	struct world_range ours;
	struct helper helper;

	wipe();
	prepare(ms);
	ours.start = (uintptr_t)answers;
	ours.end = ours.start + ((sizeof(*answers) + 4095) & ~4095ul);
	world_note_main_thread();
	ck_assert(world_gather(&answers->world, &answers->workspace, &ours, 1));
	add_threads(sp, 0);
	add_targets();
	helper = (struct helper){ .memory = memory,
				  .work = work,
				  .data = answers,
				  .stack = answers->stack,
				  .stack_size = sizeof(answers->stack),
				  .deadline_ns = soon(ms + 2000) };
	ck_assert(helper_wait(&helper, helper_start(&helper)));
}

static struct target *answer_of(size_t i)
{
	for (size_t n = 0; n < answers->count; n++)
		if (answers->targets[n].handle == ~hidden[i])
			return &answers->targets[n];
	ck_abort();
}

static void expect(enum record_answer answer, enum record_holder holder)
{
	for (int memory = HELPER_SHARES; memory <= HELPER_COPIES; memory++) {
		ask((enum helper_memory)memory, 5000);
		ck_assert(answers->complete);
		ck_assert_int_eq(answer_of(0)->answer, answer);
		if (answer == ANSWER_HELD || answer == ANSWER_MAYBE)
			ck_assert_int_eq(answer_of(0)->holder, holder);
	}
}

START_TEST(a_global_holds)
{
	global = make();
	expect(ANSWER_HELD, HOLDER_GLOBAL);
	ck_assert_uint_eq(answer_of(0)->where, (uintptr_t)&global);
}
END_TEST

START_TEST(nothing_holds)
{
	global = make();
	global = NULL;
	expect(ANSWER_LOST, HOLDER_NONE);
}
END_TEST

START_TEST(thread_local_storage_holds)
{
	own = make();
	expect(ANSWER_HELD, HOLDER_THREAD);
}
END_TEST

START_TEST(a_local_holds)
{
	void *volatile local = make();

	expect(ANSWER_HELD, HOLDER_STACK);
	ck_assert_ptr_nonnull(local);
}
END_TEST

struct node {
	struct node *next, *previous;
	void *handle;
	char rest[40];
};

/* A list in which the last node has the handle. */
DEEP static struct node *make_list(unsigned length)
{
	struct node *first = NULL;
	void *handle = make();

	while (length--) {
		struct node *node = take(sizeof(*node));

		node->handle = handle;
		handle = NULL;
		node->next = first;
		if (first)
			first->previous = node;
		first = node;
	}
	return first;
}

START_TEST(a_block_holds_as_it_is_held)
{
	global = make_list(1);
	expect(ANSWER_HELD, HOLDER_GLOBAL);
	ck_assert_uint_eq(answer_of(0)->block_at,
			  offsetof(struct node, handle));
	ck_assert_uint_ge(answer_of(0)->block_size, sizeof(struct node));
}
END_TEST

START_TEST(a_long_list_holds)
{
	global = make_list(5000);
	expect(ANSWER_HELD, HOLDER_GLOBAL);
}
END_TEST

START_TEST(a_list_that_is_lost_holds_nothing)
{
	global = make_list(5000);
	global = NULL;
	expect(ANSWER_LOST, HOLDER_NONE);
}
END_TEST

START_TEST(a_ring_holds_nothing)
{
	struct node *node = make_list(1);

	node->next = node;
	node = NULL;
	expect(ANSWER_LOST, HOLDER_NONE);
}
END_TEST

/* Its second word is not what free() overwrites. */
START_TEST(a_block_that_was_freed_holds_nothing)
{
	struct node *list = make_list(20);

	while (list) {
		struct node *next = list->next;

		free(list);
		list = next;
	}
	expect(ANSWER_LOST, HOLDER_NONE);
}
END_TEST

START_TEST(large_blocks_that_were_freed_hold_nothing)
{
	void **block = take(5000);
	void *barrier = malloc(100);

	block[300] = make();
	free(block);
	block = NULL;
	expect(ANSWER_LOST, HOLDER_NONE);
	free(barrier);
}
END_TEST

START_TEST(a_block_with_a_mapping_of_its_own_holds)
{
	void **block = calloc(1, 1 << 20);

	block[1 << 16] = make();
	global = block;
	block = NULL;
	expect(ANSWER_HELD, HOLDER_GLOBAL);
}
END_TEST

START_TEST(a_block_with_a_mapping_of_its_own_is_lost_with_its_handle)
{
	void **block = calloc(1, 1 << 20);

	block[1 << 16] = make();
	block = NULL;
	expect(ANSWER_LOST, HOLDER_NONE);
}
END_TEST

START_TEST(a_mapping_may_hold)
{
	void **mapping = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mapping[7] = make();
	mapping = NULL;
	expect(ANSWER_MAYBE, HOLDER_UNKNOWN);
}
END_TEST

START_TEST(memory_that_was_made_read_only_may_hold)
{
	void **mapping = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mapping[7] = make();
	mprotect(mapping, 8192, PROT_READ);
	mapping = NULL;
	expect(ANSWER_MAYBE, HOLDER_UNKNOWN);
}
END_TEST

static struct __attribute__((packed)) {
	char odd;
	void *handle;
} packed, *volatile packed_read = &packed;

START_TEST(a_word_at_any_byte_holds)
{
	packed_read->handle = make();
	expect(ANSWER_HELD, HOLDER_GLOBAL);
}
END_TEST

struct __attribute__((packed)) odd_node {
	char odd;
	void *next;
};

/* Nobody can be sure of such a word, but nothing is lost. */
START_TEST(a_block_that_only_an_odd_word_leads_to_may_hold)
{
	struct odd_node *first = calloc(1, sizeof(*first));
	struct odd_node *second = calloc(1, sizeof(*second));

	first->next = second;
	second->next = make();
	second = NULL;
	global = first;
	first = NULL;
	for (int memory = HELPER_SHARES; memory <= HELPER_COPIES; memory++) {
		ask((enum helper_memory)memory, 5000);
		ck_assert_int_ne(answer_of(0)->answer, ANSWER_LOST);
		ck_assert_int_ne(answer_of(0)->answer, ANSWER_NONE);
	}
}
END_TEST

START_TEST(a_word_into_a_handle_holds)
{
	global = (char *)make() + SIZE - 16;
	expect(ANSWER_HELD, HOLDER_GLOBAL);
}
END_TEST

START_TEST(a_word_with_tags_holds)
{
	global = (void *)((uintptr_t)make() | 7);
	expect(ANSWER_HELD, HOLDER_GLOBAL);
	hidden_count = 0;
	global = (void *)((uintptr_t)make() | 0xfff8ul << 48);
	expect(ANSWER_HELD, HOLDER_GLOBAL);
}
END_TEST

START_TEST(an_integer_of_cpython_holds)
{
	const uintptr_t handle = (uintptr_t)make();
	uint32_t *digits = malloc(64);

	digits[6] = (uint32_t)(handle & ((1 << 30) - 1));
	digits[7] = (uint32_t)(handle >> 30);
	global = digits;
	digits = NULL;
	expect(ANSWER_HELD, HOLDER_GLOBAL);
}
END_TEST

/* As libpq and OpenSSL do: each knows the other. */
START_TEST(a_handle_and_its_session_do_not_hold_each_other)
{
	void **handle = make();
	void **session = take(200);

	handle[40] = session;
	session[3] = handle;
	handle = session = NULL;
	expect(ANSWER_LOST, HOLDER_NONE);
}
END_TEST

START_TEST(each_of_many_has_its_own_answer)
{

	for (size_t i = 0; i < MOST; i++)
		kept[i] = i % 2 ? make() : (make(), NULL);
	ask(HELPER_SHARES, 5000);
	for (size_t i = 0; i < MOST; i++)
		ck_assert_int_eq(answer_of(i)->answer,
				 i % 2 ? ANSWER_HELD : ANSWER_LOST);
}
END_TEST

START_TEST(without_time_nothing_is_lost)
{
	global = make_list(100000);
	global = NULL;
	ask(HELPER_SHARES, 0);
	ck_assert(!answers->complete);
	ck_assert_int_eq(answer_of(0)->answer, ANSWER_NONE);
}
END_TEST

static pthread_barrier_t barrier;

static void *in_another_arena(void *data)
{
	/* The first block in a new arena, and some that are free. */
	struct node *list = make_list(100);

	free(malloc(3000));
	if (data)
		global = list;
	list = NULL;
	wipe();
	pthread_barrier_wait(&barrier);
	for (;;)
		pause();
	return NULL;
}

static void start_thread(void *data)
{
	pthread_t thread;

	pthread_barrier_init(&barrier, NULL, 2);
	ck_assert(!pthread_create(&thread, NULL, in_another_arena, data));
	pthread_barrier_wait(&barrier);
	usleep(20000);
}

START_TEST(a_list_in_the_arena_of_a_thread_holds)
{
	start_thread("hold");
	ask(HELPER_COPIES, 5000);
	ck_assert_int_eq(answer_of(0)->answer, ANSWER_HELD);
}
END_TEST

START_TEST(a_list_in_the_arena_of_a_thread_is_lost)
{
	start_thread(NULL);
	ask(HELPER_COPIES, 5000);
	ck_assert_int_eq(answer_of(0)->answer, ANSWER_LOST);
}
END_TEST

static void *ends_with_a_handle(void *data)
{
	void *volatile local = make();

	(void)data;
	return local ? NULL : data;
}

START_TEST(the_stack_of_a_thread_that_ended_holds_nothing)
{
	pthread_t thread;

	pthread_create(&thread, NULL, ends_with_a_handle, NULL);
	pthread_join(thread, NULL);
	expect(ANSWER_LOST, HOLDER_NONE);
}
END_TEST

/* It could not be looked at in any time, nor without its complaints. */
START_TEST(what_a_sanitizer_watches_is_not_searched)
{
	prepare(0);
	ck_assert(!world_gather(&answers->world, &answers->workspace, NULL, 0));
}
END_TEST

static void add_all(TCase *tc)
{
	tcase_add_test(tc, a_global_holds);
	tcase_add_test(tc, nothing_holds);
	tcase_add_test(tc, thread_local_storage_holds);
	tcase_add_test(tc, a_local_holds);
	tcase_add_test(tc, a_block_holds_as_it_is_held);
	tcase_add_test(tc, a_long_list_holds);
	tcase_add_test(tc, a_list_that_is_lost_holds_nothing);
	tcase_add_test(tc, a_ring_holds_nothing);
	tcase_add_test(tc, a_block_that_was_freed_holds_nothing);
	tcase_add_test(tc, large_blocks_that_were_freed_hold_nothing);
	tcase_add_test(tc, a_block_with_a_mapping_of_its_own_holds);
	tcase_add_test(
		tc, a_block_with_a_mapping_of_its_own_is_lost_with_its_handle);
	tcase_add_test(tc, a_mapping_may_hold);
	tcase_add_test(tc, memory_that_was_made_read_only_may_hold);
	tcase_add_test(tc, a_word_at_any_byte_holds);
	tcase_add_test(tc, a_block_that_only_an_odd_word_leads_to_may_hold);
	tcase_add_test(tc, a_word_into_a_handle_holds);
	tcase_add_test(tc, a_word_with_tags_holds);
	tcase_add_test(tc, an_integer_of_cpython_holds);
	tcase_add_test(tc, a_handle_and_its_session_do_not_hold_each_other);
	tcase_add_test(tc, each_of_many_has_its_own_answer);
	tcase_add_test(tc, without_time_nothing_is_lost);
	tcase_add_test(tc, a_list_in_the_arena_of_a_thread_holds);
	tcase_add_test(tc, a_list_in_the_arena_of_a_thread_is_lost);
	tcase_add_test(tc, the_stack_of_a_thread_that_ended_holds_nothing);
}

Suite *search_suite(void)
{
	Suite *suite = suite_create("search");
	TCase *tc = tcase_create("search");

	tcase_set_timeout(tc, 60);
	if (SANITIZED)
		tcase_add_test(tc, what_a_sanitizer_watches_is_not_searched);
	else
		add_all(tc);
	suite_add_tcase(suite, tc);
	return suite;
}
