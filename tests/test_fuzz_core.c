/* SPDX-License-Identifier: MIT */
/* Whatever is in a core: no crash, no hang, not much more memory than it has.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "analyzer/core.h"
#include "tests/fuzz.h"
#include "tests/make_core.h"

#define CORES	  20000u
#define ALLOWANCE (256u * 1024u)

#define PID    4711
#define PATH   "/var/tmp/run/4711-815-0123abcd.rec"
#define HERE   0x7f0000010000u
#define BEHIND 0x7f0000000000u
#define FIRST  (8u * MAKE_CORE_PAGE)

/* Three threads, other files, and a record in two pieces. */
static void make_all(struct make_core *m)
{
	struct make_record record;

	fuzz_make_record(&record);
	make_core_init(m, PID);
	for (int tid = PID + 2; tid >= PID; tid--)
		make_core_thread(m, tid, SIGSEGV);
	make_core_file(m, "/bin/app", 0x400000, 4096, 0);
	make_core_memory(m, 0x400000, "app", 3);
	make_core_file(m, PATH, BEHIND, record.size - FIRST, FIRST);
	make_core_memory(m, BEHIND, record.bytes + FIRST, record.size - FIRST);
	make_core_file(m, PATH " (deleted)", HERE, FIRST, 0);
	make_core_memory(m, HERE, record.bytes, FIRST);
	make_core_file(m, "/tmp/4700-800-0123abcd.rec", HERE + 65536, 65536, 0);
	make_core_finish(m);
	make_release(&record);
}

/* Returns whether its record could be read. */
static bool try_record(const struct core *core)
{
	const struct core_record *record = core_own_record(core);
	struct reader *reader;
	struct input in;
	const char *why;

	if (!record || !record->part_count)
		return false;
	ck_assert_uint_gt(strlen(record->path), 4);
	input_parts(&in, &core->in, record->parts, record->part_count);
	if (reader_open_input(&in, &reader, &why))
		return false;
	fuzz_walk_record(reader);
	reader_free(reader);
	return true;
}

static bool try_core(const struct make_core *made, uint32_t seed)
{
	size_t size = made->size;
	const size_t head = made->segments[0].p_offset + made->notes.size;
	unsigned char *bytes = fuzz_mutate(made->bytes, &size, seed, head);
	const size_t before = fuzz_heap();
	const char *why = NULL;
	struct arena arena;
	struct input in;
	struct core core;
	bool opened;

	arena_init(&arena);
	input_memory(&in, bytes, size);
	opened = !core_read(&core, &arena, &in, &why);
	ck_assert_msg(opened == !why, "mutation %u: no reason given", seed);
	ck_assert_msg(fuzz_heap() - before <= 2 * size + ALLOWANCE,
		      "mutation %u took too much memory", seed);
	opened = opened && try_record(&core);
	arena_release(&arena);
	free(bytes);
	return opened;
}

START_TEST(no_core_harms_its_reader)
{
	const uint32_t count = fuzz_times(CORES);
	struct make_core made;
	uint32_t opened = 0;

	make_all(&made);
	for (*fuzz_current = 1; *fuzz_current < count; ++*fuzz_current)
		opened += try_core(&made, *fuzz_current);
	*fuzz_current = 0;
	make_core_release(&made);
	fuzz_expect_both(opened, count);
}
END_TEST

void add_fuzz_core(Suite *suite)
{
	fuzz_add_case(suite, "cores", no_core_harms_its_reader);
}
