/* SPDX-License-Identifier: MIT */
/*
 * Whatever is in a record or a log: no crash, no hang, no more memory than
 * the file has.
 *
 * FUZZ_TIMES=100 tries a hundred times as many mutations, which is what
 * `make soak` does.
 *
 * Mutation n of a file is always the same, so a failure can be had again:
 * its number is in the message, and after a crash or a hang on stderr.
 */
#include <check.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "analyzer/judge.h"
#include "preload/recording.h"
#include "preload/tracker.h"
#include "record/directory.h"
#include "record/log.h"
#include "record/reader.h"
#include "tests/make_record.h"
#include "tests/scratch.h"
#include "tests/suites.h"

#define RECORDS	  20000u
#define REAL	  3000u
#define JUDGED	  1000u
#define LOGS	  10000u
#define ALLOWANCE (64u * 1024u) /* of memory besides the file's size */

/* Knows under a sanitizer what mallinfo2() cannot know there. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

/* The mutation under test, where the parent of the test can see it. */
static volatile uint32_t *current;

static void map_current(void)
{
	current = mmap(NULL, sizeof(*current), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (current == MAP_FAILED)
		abort();
}

static void tell_current(void)
{
	if (*current)
		fprintf(stderr, "fuzz: mutation %u was the last\n", *current);
	munmap((void *)current, sizeof(*current));
}

static uint64_t random_state;

static void random_seed(uint32_t seed)
{
	random_state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

/* xorshift: the same everywhere, unlike rand(). */
static uint32_t random_below(size_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 16) % limit);
}

/* Numbers that break sums, products and comparisons. */
static uint32_t nasty_number(size_t size)
{
	const uint32_t numbers[] = {
		0,
		1,
		2,
		UINT32_MAX,
		UINT32_MAX - 1,
		INT32_MAX,
		(uint32_t)INT32_MAX + 1,
		UINT16_MAX,
		65536,
		4096,
		(uint32_t)size,
		(uint32_t)size - 1,
		(uint32_t)size / 2,
		random_below(size),
		random_below(64),
	};

	return numbers[random_below(sizeof(numbers) / sizeof(numbers[0]))];
}

/* Most of what is checked lies in the first bytes, so most damage does. */
static size_t random_place(size_t size, size_t width, size_t head)
{
	const size_t limit = random_below(4) && head < size ? head : size;

	if (limit <= width)
		return 0;
	return random_below(limit - width);
}

static void damage(unsigned char *bytes, size_t *size, size_t head)
{
	const size_t at = random_place(*size, 64, head);
	uint32_t word = nasty_number(*size);

	if (*size < 128)
		return;
	switch (random_below(6)) {
	case 0:
		bytes[at] ^= (unsigned char)(1u << random_below(8));
		break;
	case 1:
		bytes[at] = (unsigned char)random_below(256);
		break;
	case 2:
		memcpy(bytes + at / 4 * 4, &word, sizeof(word));
		break;
	case 3:
		memcpy(bytes + at / 2 * 2, &word, sizeof(uint16_t));
		break;
	case 4: /* splice */
		memmove(bytes + at, bytes + random_place(*size, 64, head),
			1 + random_below(64));
		break;
	default:
		if (random_below(8) == 0)
			*size = 1 + random_below(*size);
	}
}

/* A copy of exactly its size, so that a byte too far is seen. */
static unsigned char *mutate(const void *from, size_t *size, uint32_t seed,
			     size_t head)
{
	unsigned char *bytes = malloc(*size);
	const size_t whole = *size;

	ck_assert_ptr_nonnull(bytes);
	memcpy(bytes, from, whole);
	random_seed(seed);
	for (uint32_t n = 1 + random_below(4); n; n--)
		damage(bytes, size, head);
	return *size < whole ? realloc(bytes, *size) : bytes;
}

static size_t heap_in_use(void)
{
	if (__sanitizer_get_current_allocated_bytes)
		return __sanitizer_get_current_allocated_bytes();
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

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

static void walk_record(const struct reader *r)
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
	everything = total;
}

static bool is_known(uint16_t type)
{
	for (size_t i = 0; i < KNOWN_TYPES; i++)
		if (known_types[i].type == type)
			return true;
	return false;
}

/* One with a segment of every kind, among them two of one type. */
static void make_all(struct make_record *m)
{
	make_init(m);
	make_some(m);
	make_event(m, &(struct record_event){ .kind = EVENT_FORKED_FINISH });
	make_mark(m, MARK_RAW_EXIT, 3);
	make_scan(m, &(struct record_scan){ .answer = ANSWER_LOST });
	make_search(m, &(struct record_search){ .moment = MOMENT_EXIT });
	for (uint16_t type = RECORD_SLOTS; type <= RECORD_SEARCHES; type++)
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

static uint32_t times(uint32_t count)
{
	const char *factor = getenv("FUZZ_TIMES");

	return count * (factor ? (uint32_t)atoi(factor) : 1);
}

/* Returns whether it was taken for a record. */
static bool try_record(const void *record, size_t size, size_t head,
		       uint32_t seed)
{
	unsigned char *bytes = mutate(record, &size, seed, head);
	const size_t before = heap_in_use();
	struct reader *r;
	const char *why = NULL;
	bool opened;

	opened = !reader_open_memory(bytes, size, &r, &why);
	ck_assert_msg(heap_in_use() - before <= size + ALLOWANCE,
		      "mutation %u took too much memory", seed);
	ck_assert_msg(opened == (r != NULL) && opened == !why,
		      "mutation %u was refused without a reason", seed);
	if (opened)
		walk_record(r);
	reader_free(r);
	free(bytes);
	return opened;
}

/* Neither would test much: that all are refused, or none. */
static void expect_both(uint32_t opened, uint32_t count)
{
	ck_assert_msg(opened > count / 20 && opened < count / 20 * 19,
		      "%u of %u mutations were opened", opened, count);
}

START_TEST(no_record_harms_the_reader)
{
	const uint32_t count = times(RECORDS);
	struct make_record m;
	uint32_t opened = 0;

	make_all(&m);
	for (*current = 1; *current < count; ++*current)
		opened += try_record(
			m.bytes, m.size,
			m.header.header_size +
				m.segment_count * sizeof(struct record_segment),
			*current);
	*current = 0;
	make_release(&m);
	expect_both(opened, count);
}
END_TEST

/* One that a shim has written, of handles at two sites. */
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
			tracker_releasing(what.handle, what.kind);
	}
	bytes = malloc(RECORD_FIRST_SIZE);
	snprintf(command, sizeof(command), "cat %s/*.rec", scratch);
	pipe = popen(command, "r");
	*ret_size = fread(bytes, 1, RECORD_FIRST_SIZE, pipe);
	pclose(pipe);
	ck_assert_uint_eq(*ret_size, RECORD_FIRST_SIZE);
	return bytes;
}

START_TEST(no_real_record_harms_the_reader)
{
	const uint32_t count = times(REAL);
	uint32_t opened = 0;
	size_t size;
	unsigned char *bytes;

	scratch_make();
	bytes = real_record(&size);
	scratch_remove();
	for (*current = 1; *current < count; ++*current)
		opened += try_record(bytes, size, 1024, *current);
	*current = 0;
	free(bytes);
	expect_both(opened, count);
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
	const uint32_t count = times(JUDGED);
	FILE *nowhere = fopen("/dev/null", "w"), *file;
	struct gate gate = { .limits_peak = true, .peak = 3 };
	unsigned char *bytes, *changed;
	size_t whole, size;

	scratch_make();
	bytes = real_record(&whole);
	for (*current = 1; *current < count; ++*current) {
		size = whole;
		changed = mutate(bytes, &size, *current, 1024);
		file = fopen(scratch_path("x.bad"), "w");
		ck_assert_uint_eq(fwrite(changed, 1, size, file), size);
		fclose(file);
		free(changed);
		try_judge(scratch_path("x.bad"), &gate, nowhere);
	}
	*current = 0;
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

		ck_assert((event->pid > 0) == (event->kind != LOG_STOP));
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
	unsigned char *bytes = mutate(some_log, &size, seed, size);
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
	const uint32_t count = times(LOGS);
	uint32_t opened = 0;

	for (*current = 1; *current < count; ++*current)
		opened += try_log(*current);
	*current = 0;
	ck_assert_msg(opened > count / 20 && opened < count,
		      "%u of %u mutations were opened", opened, count);
}
END_TEST

/* One test each: the next one would begin to count anew. */
static void add_case(Suite *suite, const char *name, const TTest *test)
{
	TCase *tc = tcase_create(name);

	tcase_add_unchecked_fixture(tc, map_current, tell_current);
	tcase_set_timeout(tc, 120.0 * times(1));
	tcase_add_test(tc, test);
	suite_add_tcase(suite, tc);
}

Suite *fuzz_suite(void)
{
	Suite *suite = suite_create("fuzz");

	add_case(suite, "records", no_record_harms_the_reader);
	add_case(suite, "real records", no_real_record_harms_the_reader);
	add_case(suite, "judged records", no_real_record_harms_the_judge);
	add_case(suite, "logs", no_log_harms_its_reader);
	return suite;
}
