/* SPDX-License-Identifier: MIT */
/*
 * Whatever is in a record or a log: no crash, no hang, no more memory than
 * the file has.  Cores are in test_fuzz_core.c.
 */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analyzer/judge.h"
#include "preload/leases.h"
#include "preload/recording.h"
#include "preload/tracker.h"
#include "record/directory.h"
#include "record/log.h"
#include "record/reader.h"
#include "tests/fuzz.h"
#include "tests/make_record.h"
#include "tests/scratch.h"
#include "tests/suites.h"

#define RECORDS	  20000u
#define REAL	  3000u
#define JUDGED	  1000u
#define LOGS	  10000u
#define ALLOWANCE (64u * 1024u) /* of memory besides the file's size */

/* Where all sums go, so that no byte is left unread. */
static volatile uint64_t everything;

static uint64_t sum(const void *bytes, size_t size)
{
	uint64_t total = 0;

	for (size_t i = 0; i < size; i++)
		total += ((const unsigned char *)bytes)[i];
	return total;
}

static uint64_t sum_string(const struct reader *r, uint32_t number)
{
	const char *text = reader_string(r, number);

	return text ? sum(text, strlen(text)) : 0;
}

static uint64_t walk_site(const struct reader *r, uint32_t number)
{
	struct record_site site;
	struct record_frame frame;
	struct record_module module;
	uint64_t total = 0;

	if (!reader_site(r, number, &site))
		return 0;
	ck_assert_uint_le(site.frame_count, RECORD_MAX_FRAMES);
	total += sum_string(r, site.function);
	for (unsigned i = 0; i < site.frame_count; i++) {
		if (!reader_frame(r, &site, i, &frame))
			break;
		if (!reader_module(r, frame.where, &module))
			continue;
		total += sum(module.build_id, module.build_id_size);
		total += sum_string(r, module.path);
	}
	return total;
}

static uint64_t walk_slot(const struct reader *r, uint32_t number)
{
	struct record_slot slot;
	struct record_server server;
	uint64_t total = 0;

	if (!reader_slot(r, number, &slot))
		return 0;
	ck_assert_uint_eq(slot.sequence % 2, 0);
	total += walk_site(r, slot.site);
	if (!reader_server(r, slot.server, &server))
		return total;
	total += sum_string(r, server.host);
	total += sum_string(r, server.port);
	total += sum_string(r, server.dbname);
	return total + sum_string(r, server.user);
}

/* What pools leave behind. */
static uint64_t walk_pools(const struct reader *r)
{
	uint64_t total = 0;
	struct record_pool pool;
	struct record_bucket bucket;
	struct record_hold hold;
	struct record_error error;

	for (uint32_t i = 0; i < reader_count(r, RECORD_POOLS); i++)
		if (reader_pool(r, i, &pool))
			total += pool.used + sum_string(r, pool.function);
	for (uint32_t i = 0; i < reader_count(r, RECORD_SERIES); i++)
		total += reader_bucket(r, i, &bucket) ? bucket.used_ns : 0;
	for (uint32_t i = 0; i < reader_count(r, RECORD_HOLDS); i++)
		total += reader_hold(r, i, &hold) ? hold.held_ns : 0;
	for (uint32_t i = 0; i < reader_count(r, RECORD_ERRORS); i++)
		total += reader_error(r, i, &error) ? error.released : 0;
	return total;
}

/* What came of rules, and when pools ran dry. */
static uint64_t walk_rules(const struct reader *r)
{
	uint64_t total = 0;
	struct record_rule rule;
	struct record_exhaustion dry;
	struct record_keeper keeper;

	for (uint32_t i = 0; i < reader_count(r, RECORD_RULES); i++)
		if (reader_rule(r, i, &rule))
			total += sum_string(r, rule.text) +
				 sum_string(r, rule.function) +
				 sum_string(r, rule.module) +
				 sum_string(r, rule.why);
	for (uint32_t i = 0; i < reader_count(r, RECORD_EXHAUSTIONS); i++)
		total += reader_exhaustion(r, i, &dry) ? dry.when_ns : 0;
	for (uint32_t i = 0; i < reader_count(r, RECORD_KEEPERS); i++)
		total += reader_keeper(r, i, &keeper) ? keeper.used_ns : 0;
	return total;
}

void fuzz_walk_record(const struct reader *r)
{
	uint64_t total = sum_string(r, reader_header(r)->exe);
	struct record_event event;
	struct record_mark mark;
	struct record_scan scan;
	struct record_search search;

	ck_assert_uint_le(reader_in_flight(r), reader_count(r, RECORD_SLOTS));
	for (uint32_t i = 0; i < reader_count(r, RECORD_SLOTS); i++)
		total += walk_slot(r, i);
	for (uint32_t i = 0; i < reader_count(r, RECORD_SITES); i++)
		total += walk_site(r, i);
	for (uint32_t i = 0; i < reader_count(r, RECORD_EVENTS); i++)
		total += reader_event(r, i, &event) ? event.handle : 0;
	for (uint32_t i = 0; i < reader_count(r, RECORD_SCANS); i++)
		total += reader_scan(r, i, &scan) ? scan.offset : 0;
	for (uint32_t i = 0; i < reader_count(r, RECORD_SEARCHES); i++)
		total += reader_search(r, i, &search) ? search.bytes : 0;
	for (uint32_t i = 0; i < reader_count(r, RECORD_MARKS); i++)
		total += reader_mark(r, i, &mark) ? mark.when_ns : 0;
	for (uint32_t i = 0; i < reader_count(r, RECORD_STRINGS); i++)
		total += sum_string(r, i);
	total += walk_pools(r) + walk_rules(r);
	everything = total;
}

static bool is_known(uint16_t type)
{
	for (size_t i = 0; i < KNOWN_TYPES; i++)
		if (known_types[i].type == type)
			return true;
	return false;
}

/* One pool that ran dry, of a user's rule. */
static void make_pool(struct make_record *m)
{
	const struct record_rule rule = {
		.text = make_string(m, "acquire take handle=return"),
		.function = make_string(m, "take"),
		.module = make_string(m, "/bin/x"),
		.patched = 1,
	};
	const struct record_pool pool = { .function = rule.function,
					  .capacity = 1 };

	make_one(m, RECORD_RULES, &rule);
	make_one(m, RECORD_POOLS, &pool);
	make_one(m, RECORD_SERIES, &(struct record_bucket){ .attempts = 1 });
	make_one(m, RECORD_HOLDS, &(struct record_hold){ .held_ns = 1 });
	make_one(m, RECORD_ERRORS, &(struct record_error){ .released = 1 });
	make_one(m, RECORD_KEEPERS, &(struct record_keeper){ .tid = 1 });
	make_one(m, RECORD_EXHAUSTIONS,
		 &(struct record_exhaustion){ .kind = EXHAUSTION_NOTHING,
					      .keeper_count = 1 });
	make_slot(m, &(struct record_slot){ .kind = HANDLE_LEASE,
					    .state = SLOT_ESTABLISHED,
					    .partner = 2 });
}

/* One with a segment of every kind, among them two of one type. */
void fuzz_make_record(struct make_record *m)
{
	make_init(m);
	make_some(m);
	make_event(m, &(struct record_event){ .kind = EVENT_FORKED_FINISH });
	make_mark(m, MARK_RAW_EXIT, 3);
	make_scan(m, &(struct record_scan){ .answer = ANSWER_LOST });
	make_search(m, &(struct record_search){ .moment = MOMENT_EXIT });
	make_pool(m);
	for (uint16_t type = RECORD_SLOTS; type <= RECORD_KEEPERS; type++)
		if (is_known(type))
			make_next_segment(m, type, type % 2 + type / 5);
		else
			make_unknown(m, type, 0, 24);
	make_some(m);
	make_mark(m, MARK_EXIT, 0);
	m->header_extra = 8;
	m->room = 2;
	make_finish(m);
}

/* Returns whether it was taken for a record. */
static bool try_record(const void *record, size_t size, size_t head,
		       uint32_t seed)
{
	unsigned char *bytes = fuzz_mutate(record, &size, seed, head);
	const size_t before = fuzz_heap();
	struct reader *r;
	const char *why = NULL;
	bool opened;

	opened = !reader_open_memory(bytes, size, &r, &why);
	ck_assert_msg(fuzz_heap() - before <= size + ALLOWANCE,
		      "mutation %u took too much memory", seed);
	ck_assert_msg(opened == (r != NULL) && opened == !why,
		      "mutation %u was refused without a reason", seed);
	if (opened)
		fuzz_walk_record(r);
	reader_free(r);
	free(bytes);
	return opened;
}

START_TEST(no_record_harms_the_reader)
{
	const uint32_t count = fuzz_times(RECORDS);
	struct make_record m;
	uint32_t opened = 0;

	fuzz_make_record(&m);
	for (*fuzz_current = 1; *fuzz_current < count; ++*fuzz_current)
		opened += try_record(
			m.bytes, m.size,
			m.header.header_size +
				m.segment_count * sizeof(struct record_segment),
			*fuzz_current);
	*fuzz_current = 0;
	make_release(&m);
	fuzz_expect_both(opened, count);
}
END_TEST

/* Two of three come back, and the fourth is asked for in vain. */
static void use_pool(void)
{
	const struct lease_pool pool = { .rule = RECORD_NONE,
					 .function = "take" };
	struct lease_try try;

	leases_capacity(&pool, 3);
	for (uintptr_t i = 1; i <= 4; i++) {
		leases_try(&try, &pool);
		leases_tried(&try, i < 4 ? LEASE_ACQUIRED : LEASE_NOTHING,
			     lease_key(i * 64, 0, false), "take", &try);
	}
	for (uintptr_t i = 1; i <= 3; i++) /* the last one twice */
		leases_releasing(&pool,
				 lease_key(i < 3 ? i * 64 : 64, 0, false),
				 "drop", &pool);
}

/* One that a shim has written, of handles at two sites, and of a pool. */
static unsigned char *real_record(size_t *ret_size)
{
	struct config config = { .record_limit = 1 << 20 };
	unsigned char *bytes;
	char command[600];
	FILE *pipe;

	strcpy(config.folder, scratch);
	recording_init(&config, "/usr/bin/app");
	for (uintptr_t i = 1; i <= 40; i++) {
		struct acquisition what = {
			.handle = (void *)(i * 64),
			.function = i % 2 ? "PQconnectdb" : "PQconnectStart",
			.kind = HANDLE_CONNECTION,
			.state = SLOT_CONNECTING + i % 3,
			.server = { "db1", "5432", "orders", "app" },
			.stack = { .frames = { i % 2 + 1, 7 }, .count = 2 },
		};

		tracker_acquired(&what);
		if (i % 5 == 0)
			tracker_releasing(what.handle, what.kind,
					  &(struct misuse){ 0 });
	}
	use_pool();
	bytes = malloc(16 * RECORD_FIRST_SIZE);
	snprintf(command, sizeof(command), "cat %s/*.rec", scratch);
	pipe = popen(command, "r");
	*ret_size = fread(bytes, 1, 16 * RECORD_FIRST_SIZE, pipe);
	pclose(pipe);
	ck_assert_uint_gt(*ret_size, RECORD_FIRST_SIZE);
	return bytes;
}

START_TEST(no_real_record_harms_the_reader)
{
	const uint32_t count = fuzz_times(REAL);
	uint32_t opened = 0;
	size_t size;
	unsigned char *bytes;

	scratch_make();
	bytes = real_record(&size);
	scratch_remove();
	for (*fuzz_current = 1; *fuzz_current < count; ++*fuzz_current)
		opened += try_record(bytes, size, 1024, *fuzz_current);
	*fuzz_current = 0;
	free(bytes);
	fuzz_expect_both(opened, count);
}
END_TEST

/* The whole way: what is no nonsense to the reader may be to the judge. */
static void try_judge(const char *path, const struct gate *gate, FILE *nowhere)
{
	struct report report = { .kept = NULL };
	struct evidence evidence;
	struct arena arena;
	const char *error;

	arena_init(&arena);
	arena_init(&report.arena);
	evidence_init(&evidence, &arena);
	if (!evidence_add(&evidence, path, &error)) {
		judge(&report, &evidence, gate, NULL);
		ck_assert_int_eq(report_text(&report, nowhere, true), 0);
		ck_assert_int_eq(report_json(&report, nowhere, false), 0);
	}
	evidence_release(&evidence);
	arena_release(&report.arena);
	arena_release(&arena);
}

START_TEST(no_real_record_harms_the_judge)
{
	const uint32_t count = fuzz_times(JUDGED);
	FILE *nowhere = fopen("/dev/null", "w"), *file;
	struct gate gate = { .limits = { [LIMIT_PEAK] = { "peak=3", 3 },
					 [LIMIT_UTIL] = { "util=1", 1 },
					 [LIMIT_WAIT] = { "wait=1ms", 1 } } };
	unsigned char *bytes, *changed;
	size_t whole, size;

	scratch_make();
	bytes = real_record(&whole);
	for (*fuzz_current = 1; *fuzz_current < count; ++*fuzz_current) {
		size = whole;
		changed = fuzz_mutate(bytes, &size, *fuzz_current, 1024);
		file = fopen(scratch_path("x.bad"), "w");
		ck_assert_uint_eq(fwrite(changed, 1, size, file), size);
		fclose(file);
		free(changed);
		try_judge(scratch_path("x.bad"), &gate, nowhere);
	}
	*fuzz_current = 0;
	free(bytes);
	fclose(nowhere);
	scratch_remove();
}
END_TEST

static const char some_log[] =
	"connleak 1\n"
	"start 1700000000000000000 4711 /usr/bin/make\n"
	"image 4712 815 1700000000000000001 /opt/a\\040b/caf\303\251\n"
	"image 4713 816 1700000000000000002 /usr/bin/python3.11\n"
	"lost 4713 816 28\n"
	"future 1 2 3\n"
	"space 127\n"
	"exec 4711 42 1700000000000000003 /bin/ls\n"
	"bare 4711 42 1700000000000000003 /bin/ls\n"
	"peer 4711 42 unix:/tmp/.s.PGSQL.5432\n"
	"connect 4711 42 tcp:127.0.0.1:5432\n"
	"static 4711 42 PQreset:\\040short\n"
	"unseen 4713 43 none /bin/sleep\n"
	"end 4712 1700000000000000003 exit 0\n"
	"end 4711 1700000000000000004 signal 11\n"
	"left 4713\n"
	"stop 1700000000000000005\n";

static void walk_log(const struct log *log)
{
	uint64_t total = 0;

	for (size_t i = 0; i < log->count; i++) {
		const struct log_event *event = &log->events[i];

		ck_assert((event->pid > 0) == (event->kind != LOG_STOP &&
					       event->kind != LOG_SPACE));
		if (event->exe)
			total += sum(event->exe, strlen(event->exe));
		if (event->what)
			total += sum(event->what, strlen(event->what));
	}
	everything = total;
}

static bool try_log(uint32_t seed)
{
	size_t size = sizeof(some_log) - 1;
	unsigned char *bytes = fuzz_mutate(some_log, &size, seed, size);
	struct log log;
	const char *why = NULL;
	const int err = log_open_memory(&log, (char *)bytes, size, &why);

	ck_assert_msg(!err == !why, "mutation %u: no reason given", seed);
	ck_assert_uint_le(log.count + log.malformed + log.unknown, size);
	walk_log(&log);
	log_release(&log);
	free(bytes);
	return !err;
}

START_TEST(no_log_harms_its_reader)
{
	const uint32_t count = fuzz_times(LOGS);
	uint32_t opened = 0;

	for (*fuzz_current = 1; *fuzz_current < count; ++*fuzz_current)
		opened += try_log(*fuzz_current);
	*fuzz_current = 0;
	ck_assert_msg(opened > count / 20 && opened < count,
		      "%u of %u mutations were opened", opened, count);
}
END_TEST

Suite *fuzz_suite(void)
{
	Suite *suite = suite_create("fuzz");

	fuzz_add_case(suite, "records", no_record_harms_the_reader);
	fuzz_add_case(suite, "real records", no_real_record_harms_the_reader);
	fuzz_add_case(suite, "judged records", no_real_record_harms_the_judge);
	fuzz_add_case(suite, "logs", no_log_harms_its_reader);
	add_fuzz_core(suite);
	return suite;
}
