/* SPDX-License-Identifier: MIT */
/* What analyzer/trace.h promises, of records made by hand. */
#include <string.h>

#include "analyzer/trace.h"
#include "tests/make_record.h"
#include "tests/suites.h"

#define MS UINT64_C(1000000)

static struct arena arena;
static struct make_record made;
static struct record_pool pool;
static struct record_bucket buckets[RECORD_BUCKETS];
static uint8_t classes[64];
static struct trace t;

/* A pool whose series began 1 s after the record, 100 ms before `changed`. */
static void begin(void)
{
	arena_init(&arena);
	make_init(&made);
	memset(buckets, 0, sizeof(buckets));
	memset(classes, CLASSES, sizeof(classes));
	pool = (struct record_pool){ .flags = POOL_PROVEN | POOL_TIMED,
				     .capacity = 20,
				     .bucket_ns = RECORD_BUCKET_NS,
				     .began_ns = 1000 * MS,
				     .changed_ns = 1100 * MS };
	pool.function = make_string(&made, "db_take");
	pool.sums[POOL_ATTEMPTS] = 7;
}

static void end(void)
{
	make_release(&made);
	arena_release(&arena);
}

/* The pool is number 0, and its site too. */
static uint32_t add_site(void)
{
	const uint32_t site = make_site(&made, "db_take", NULL, 0);

	return site;
}

static bool read_at(uint64_t now_ns)
{
	struct reader *reader;
	const char *why = "";
	bool there;

	make_one(&made, RECORD_POOLS, &pool);
	for (size_t i = 0; i < RECORD_BUCKETS; i++)
		make_one(&made, RECORD_SERIES, &buckets[i]);
	make_finish(&made);
	for (uint32_t i = 0; i < made.segment_count; i++)
		if (made.segments[i].entry.type == RECORD_SITES &&
		    made.segments[i].entry.used)
			((struct record_site *)make_element(&made, RECORD_SITES,
							    0))
				->kind = HANDLE_LEASE;
	ck_assert_msg(!reader_open_memory(made.bytes, made.size, &reader, &why),
		      "%s", why);
	there = trace_read(&t, &arena, reader, 0, classes, now_ns);
	t.name = NULL; /* it is the reader's */
	reader_free(reader);
	return there;
}

START_TEST(a_pool_that_nobody_asked_has_no_trace)
{
	pool.sums[POOL_ATTEMPTS] = 0;
	ck_assert(!read_at(0));
}
END_TEST

START_TEST(the_series_reaches_to_the_last_change)
{
	buckets[3].attempts = 5;
	buckets[3].most_demand = 4;
	ck_assert(read_at(0));
	ck_assert_uint_eq(t.bucket_count, 11);
	ck_assert_uint_eq(t.end_ns, 100 * MS);
	ck_assert_uint_eq(t.buckets[3].attempts, 5);
	ck_assert_uint_eq(t.buckets[3].most_demand, 4);
	ck_assert_uint_eq(t.capacity, 20);
}
END_TEST

/* 3 are out and 2 wait from 100 ms on: of that nothing has been recorded. */
START_TEST(what_is_out_at_the_end_is_out_up_to_the_end)
{
	pool.used = 3;
	pool.waiting = 2;
	ck_assert(read_at(1125 * MS));
	ck_assert_uint_eq(t.bucket_count, 13);
	ck_assert_uint_eq(t.buckets[9].used_ns, 0);
	ck_assert_uint_eq(t.buckets[10].used_ns, 30 * MS);
	ck_assert_uint_eq(t.buckets[12].used_ns, 15 * MS);
	ck_assert_uint_eq(t.buckets[12].waiting_ns, 10 * MS);
	ck_assert_uint_eq(t.buckets[12].most_demand, 5);
}
END_TEST

START_TEST(a_long_time_without_events_is_folded)
{
	buckets[2].attempts = 5;
	buckets[3].attempts = 2;
	buckets[3].most_used = 9;
	ck_assert(read_at(1000 * MS + 1024 * 10 * MS));
	ck_assert_uint_eq(t.bucket_ns, 20 * MS);
	ck_assert_uint_eq(t.bucket_count, 513);
	ck_assert_uint_eq(t.buckets[1].attempts, 7);
	ck_assert_uint_eq(t.buckets[1].most_used, 9);
}
END_TEST

START_TEST(without_its_flag_what_was_not_kept_is_estimated)
{
	pool.flags &= ~POOL_TIMED;
	buckets[3].most_used = 3;
	buckets[3].most_waiting = 2;
	ck_assert(read_at(0));
	ck_assert(!t.timed);
	ck_assert_uint_eq(t.buckets[3].most_demand, 5);
}
END_TEST

START_TEST(times_that_cannot_be_end_all_the_same)
{
	static const uint64_t widths[] = { 0, 1, UINT64_C(1) << 53,
					   UINT64_C(1) << 63, UINT64_MAX };
	const struct record_hold hold = { .acquired_ns = UINT64_MAX - 5,
					  .held_ns = UINT64_MAX };

	pool.bucket_ns = widths[_i];
	pool.used = UINT32_MAX;
	pool.changed_ns = UINT64_MAX - 3;
	make_one(&made, RECORD_HOLDS, &hold);
	ck_assert(read_at(UINT64_MAX));
	ck_assert_uint_le(t.bucket_count, RECORD_BUCKETS);
	ck_assert_uint_ge(t.leases[0].to_ns, t.leases[0].from_ns);
}
END_TEST

/* leases */

static void add_slot(enum class_id class, uint64_t acquired_ns)
{
	const struct record_slot slot = { .kind = HANDLE_LEASE,
					  .state = SLOT_ESTABLISHED,
					  .acquired_ns = acquired_ns,
					  .partner = RECORD_NONE };

	classes[make_slot(&made, &slot)] = (uint8_t) class;
}

START_TEST(leases_have_the_fate_of_their_class)
{
	static const enum trace_fate fates[] = { TRACE_LEAKED, TRACE_LEAKED,
						 TRACE_KEPT, TRACE_OUT,
						 TRACE_OUT };

	add_site();
	add_slot(CLASS_LOST, 1010 * MS);
	add_slot(CLASS_GROWING, 1020 * MS);
	add_slot(CLASS_BY_DESIGN, 1030 * MS);
	add_slot(CLASS_HELD, 1040 * MS);
	add_slot(CLASS_UNDECIDED, 1050 * MS);
	add_slot(CLASSES, 1060 * MS);
	ck_assert(read_at(0));
	ck_assert_uint_eq(t.lease_count, 5);
	for (size_t i = 0; i < 5; i++) {
		ck_assert_int_eq(t.leases[i].fate, fates[i]);
		ck_assert_uint_eq(t.leases[i].from_ns, (i + 1) * 10 * MS);
		ck_assert_uint_eq(t.leases[i].to_ns, 100 * MS);
	}
}
END_TEST

START_TEST(long_holds_are_leases_in_the_order_they_began)
{
	struct record_hold hold = { .acquired_ns = 1050 * MS,
				    .held_ns = 300 * MS };

	add_site();
	make_one(&made, RECORD_HOLDS, &hold);
	hold.acquired_ns = 1020 * MS;
	make_one(&made, RECORD_HOLDS, &hold);
	hold.pool = 7;
	make_one(&made, RECORD_HOLDS, &hold);
	ck_assert(read_at(1500 * MS));
	ck_assert_uint_eq(t.lease_count, 2);
	ck_assert_uint_eq(t.leases[0].from_ns, 20 * MS);
	ck_assert_uint_eq(t.leases[0].to_ns, 320 * MS);
	ck_assert_int_eq(t.leases[0].fate, TRACE_RETURNED);
	ck_assert(!t.leases[0].split);
}
END_TEST

START_TEST(a_hold_is_split_if_the_record_says_how)
{
	const struct record_hold hold = { .acquired_ns = 1050 * MS,
					  .held_ns = 300 * MS,
					  .query_ns = 200 * MS,
					  .transaction_ns = 40 * MS };

	pool.flags |= POOL_SPLIT;
	add_site();
	make_one(&made, RECORD_HOLDS, &hold);
	ck_assert(read_at(1500 * MS));
	ck_assert(t.leases[0].split);
	ck_assert_uint_eq(t.leases[0].query_ns, 200 * MS);
	ck_assert_uint_eq(t.leases[0].transaction_ns, 40 * MS);
}
END_TEST

/* Its connection is in a transaction, since its last query at 1030 ms. */
START_TEST(what_a_lease_is_out_for_is_what_its_connection_does)
{
	struct record_slot slot = { .kind = HANDLE_LEASE,
				    .state = SLOT_ESTABLISHED,
				    .acquired_ns = 1010 * MS,
				    .partner = 1 };

	add_site();
	classes[make_slot(&made, &slot)] = CLASS_HELD;
	slot = (struct record_slot){ .kind = HANDLE_CONNECTION,
				     .state = SLOT_ESTABLISHED,
				     .used_ns = 1030 * MS,
				     .error_ns = 1030 * MS,
				     .error = record_sqlstate("40001"),
				     .doing = TRANSACTION_OPEN };
	make_slot(&made, &slot);
	ck_assert(read_at(0));
	ck_assert_uint_eq(t.lease_count, 1);
	ck_assert(t.leases[0].split);
	ck_assert_uint_eq(t.leases[0].transaction_ns, 70 * MS);
	ck_assert_uint_eq(t.leases[0].error, record_sqlstate("40001"));
}
END_TEST

START_TEST(a_hold_whose_connection_was_not_known_is_not_split)
{
	const struct record_hold hold = { .acquired_ns = 1050 * MS,
					  .held_ns = 300 * MS,
					  .query_ns = RECORD_UNKNOWN,
					  .transaction_ns = RECORD_UNKNOWN };

	pool.flags |= POOL_SPLIT;
	add_site();
	make_one(&made, RECORD_HOLDS, &hold);
	ck_assert(read_at(1500 * MS));
	ck_assert(!t.leases[0].split);
}
END_TEST

START_TEST(no_more_is_split_than_the_hold)
{
	const struct record_hold hold = { .acquired_ns = 1050 * MS,
					  .held_ns = 300 * MS,
					  .query_ns = 200 * MS,
					  .transaction_ns = UINT64_MAX / 2 };

	pool.flags |= POOL_SPLIT;
	add_site();
	make_one(&made, RECORD_HOLDS, &hold);
	ck_assert(read_at(1500 * MS));
	ck_assert_uint_eq(t.leases[0].query_ns, 200 * MS);
	ck_assert_uint_eq(t.leases[0].transaction_ns, 100 * MS);
}
END_TEST

/* Out for 90 ms: 10 with a connection before, 40 with this one, 15 now. */
START_TEST(what_is_out_has_its_sums_and_what_goes_on)
{
	struct record_slot slot = { .kind = HANDLE_LEASE,
				    .state = SLOT_ESTABLISHED,
				    .acquired_ns = 1010 * MS,
				    .turned_ns = 1020 * MS,
				    .query_ns = 10 * MS,
				    .partner = 1 };

	pool.flags |= POOL_SPLIT;
	add_site();
	classes[make_slot(&made, &slot)] = CLASS_HELD;
	slot = (struct record_slot){ .kind = HANDLE_CONNECTION,
				     .state = SLOT_ESTABLISHED,
				     .used_ns = 1090 * MS,
				     .turned_ns = 1085 * MS,
				     .query_ns = 40 * MS,
				     .transaction_ns = 5 * MS,
				     .doing = TRANSACTION_OPEN };
	make_slot(&made, &slot);
	ck_assert(read_at(0));
	ck_assert(t.leases[0].split);
	ck_assert_uint_eq(t.leases[0].query_ns, 50 * MS);
	ck_assert_uint_eq(t.leases[0].transaction_ns, 20 * MS);
}
END_TEST

START_TEST(an_error_before_the_lease_is_none_of_its_own)
{
	struct record_slot slot = { .kind = HANDLE_LEASE,
				    .state = SLOT_ESTABLISHED,
				    .acquired_ns = 1010 * MS,
				    .partner = 1 };

	add_site();
	classes[make_slot(&made, &slot)] = CLASS_HELD;
	slot = (struct record_slot){ .kind = HANDLE_CONNECTION,
				     .state = SLOT_ESTABLISHED,
				     .error_ns = 990 * MS,
				     .error = record_sqlstate("40001") };
	make_slot(&made, &slot);
	ck_assert(read_at(0));
	ck_assert_uint_eq(t.leases[0].error, 0);
}
END_TEST

/* The clock of an error is a rough one. */
START_TEST(an_error_that_seems_a_little_early_is_the_leases)
{
	struct record_slot slot = { .kind = HANDLE_LEASE,
				    .state = SLOT_ESTABLISHED,
				    .acquired_ns = 1010 * MS,
				    .partner = 1 };

	add_site();
	classes[make_slot(&made, &slot)] = CLASS_HELD;
	slot = (struct record_slot){ .kind = HANDLE_CONNECTION,
				     .state = SLOT_ESTABLISHED,
				     .error_ns = 1006 * MS,
				     .error = record_sqlstate("40001") };
	make_slot(&made, &slot);
	ck_assert(read_at(0));
	ck_assert_uint_eq(t.leases[0].error, record_sqlstate("40001"));
}
END_TEST

/* errors, exhaustion */

static const struct trace_error *error_at(const char *state)
{
	const uint32_t word = state ? record_sqlstate(state) : 0;

	for (size_t i = 0; i < t.error_count; i++)
		if (t.errors[i].error == word)
			return &t.errors[i];
	ck_abort_msg("no such error");
}

START_TEST(errors_are_told_apart_by_what_leaked_after_them)
{
	struct record_error error = { .error = record_sqlstate("40001"),
				      .released = 4 };
	struct record_slot slot = { .kind = HANDLE_LEASE,
				    .state = SLOT_ESTABLISHED,
				    .acquired_ns = 1010 * MS,
				    .error_ns = 1020 * MS,
				    .error = record_sqlstate("23505"),
				    .partner = RECORD_NONE };

	add_site();
	make_one(&made, RECORD_ERRORS, &error);
	classes[make_slot(&made, &slot)] = CLASS_GROWING;
	slot.error = 0;
	classes[make_slot(&made, &slot)] = CLASS_LOST;
	ck_assert(read_at(0));
	ck_assert_uint_eq(error_at("40001")->released, 4);
	ck_assert_uint_eq(error_at("40001")->leaked, 0);
	ck_assert_uint_eq(error_at("23505")->leaked, 1);
	ck_assert_uint_eq(error_at(NULL)->leaked, 1);
}
END_TEST

START_TEST(the_first_failure_is_kept_with_what_holders_did)
{
	struct record_keeper keeper = { .acquired_ns = 1020 * MS,
					.used_ns = 1040 * MS,
					.calls = 1,
					.tid = 8,
					.flags = SLOT_ASKS };
	const struct record_keeper own = { .tid = 9 }, other = { .tid = 7 };
	const struct record_exhaustion dry = { .kind = EXHAUSTION_NOTHING,
					       .when_ns = 1060 * MS,
					       .tid = 9,
					       .used = 20,
					       .waiting = 3,
					       .keeper_count = 3 };
	const struct record_hold hold = { .acquired_ns = 1020 * MS,
					  .held_ns = 300 * MS };

	add_site();
	make_one(&made, RECORD_HOLDS, &hold);
	make_one(&made, RECORD_KEEPERS, &keeper);
	make_one(&made, RECORD_KEEPERS, &own);
	make_one(&made, RECORD_KEEPERS, &other);
	make_one(&made, RECORD_EXHAUSTIONS, &dry);
	ck_assert(read_at(1500 * MS));
	ck_assert_int_eq(t.dry.kind, EXHAUSTION_NOTHING);
	ck_assert_uint_eq(t.dry.when_ns, 60 * MS);
	ck_assert_uint_eq(t.dry.used, 20);
	ck_assert_uint_eq(t.dry.asking, 2);
	ck_assert(t.leases[0].split);
	ck_assert_uint_eq(t.leases[0].query_ns, 280 * MS);
}
END_TEST

Suite *trace_suite(void)
{
	Suite *suite = suite_create("trace");
	TCase *test = tcase_create("records");

	tcase_add_checked_fixture(test, begin, end);
	tcase_add_test(test, a_pool_that_nobody_asked_has_no_trace);
	tcase_add_test(test, the_series_reaches_to_the_last_change);
	tcase_add_test(test, what_is_out_at_the_end_is_out_up_to_the_end);
	tcase_add_test(test, a_long_time_without_events_is_folded);
	tcase_add_test(test, without_its_flag_what_was_not_kept_is_estimated);
	tcase_add_loop_test(test, times_that_cannot_be_end_all_the_same, 0, 5);
	tcase_add_test(test, leases_have_the_fate_of_their_class);
	tcase_add_test(test, long_holds_are_leases_in_the_order_they_began);
	tcase_add_test(test, a_hold_is_split_if_the_record_says_how);
	tcase_add_test(test,
		       a_hold_whose_connection_was_not_known_is_not_split);
	tcase_add_test(test, no_more_is_split_than_the_hold);
	tcase_add_test(test, what_is_out_has_its_sums_and_what_goes_on);
	tcase_add_test(test,
		       what_a_lease_is_out_for_is_what_its_connection_does);
	tcase_add_test(test, an_error_before_the_lease_is_none_of_its_own);
	tcase_add_test(test, an_error_that_seems_a_little_early_is_the_leases);
	tcase_add_test(test, errors_are_told_apart_by_what_leaked_after_them);
	tcase_add_test(test, the_first_failure_is_kept_with_what_holders_did);
	suite_add_tcase(suite, test);
	return suite;
}
