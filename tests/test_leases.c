/* SPDX-License-Identifier: MIT */
/* What preload/leases.h promises, one test per sentence, without a pool. */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/leases.h"
#include "preload/recording.h"
#include "preload/tracker.h"
#include "preload/uses.h"
#include "record/reader.h"
#include "tests/scratch.h"
#include "tests/suites.h"

static char objects[4], handles[20000][16]; /* only their addresses matter */
static char connections[64];

static const struct lease_pool the_pool = { .object = &objects[0],
					    .rule = 3,
					    .function = "pool_take" };
static const struct lease_pool other_pool = { .object = &objects[1],
					      .rule = 3,
					      .function = "pool_take" };
static const struct lease_pool built_in = { .object = &objects[2],
					    .rule = 1,
					    .function = "library_take",
					    .built_in = true };

static void begin(void)
{
	struct config config = { .record_limit = 64 << 20 };

	scratch_make();
	strcpy(config.folder, scratch);
	recording_init(&config, "/usr/bin/app");
}

static uint64_t key(const void *handle)
{
	return lease_key((uintptr_t)handle, 0, false);
}

/* Without an unwinder a site is its caller: some address here. */
static const char places[8];

static void finish_try(struct lease_try *try, const void *handle, int place)
{
	leases_tried(try, handle ? LEASE_ACQUIRED : LEASE_NOTHING, key(handle),
		     "pool_take", &places[place]);
	ck_assert(leases_check());
	ck_assert(tracker_check());
}

static void acquire_at(const struct lease_pool *pool, const void *handle,
		       int place)
{
	struct lease_try try;

	leases_try(&try, pool);
	finish_try(&try, handle, place);
}

static void acquire(const void *handle)
{
	acquire_at(&the_pool, handle, 0);
}

static void release(const void *handle)
{
	leases_releasing(&the_pool, key(handle), "pool_drop", &places[7]);
	ck_assert(leases_check());
}

static void connect_as(const void *handle, enum record_slot_state state)
{
	struct acquisition what = {
		.handle = handle,
		.function = "PQconnectdb",
		.kind = HANDLE_CONNECTION,
		.state = state,
		.backend_pid = 42,
		.server = { "db1", "5432", "orders", "app" },
	};

	what.stack.frames[0] = (uintptr_t)connect_as;
	what.stack.count = 1;
	tracker_acquired(&what);
}

static void finish(const void *handle)
{
	struct misuse misuse;

	tracker_releasing(handle, HANDLE_CONNECTION, &misuse);
}

/* The record of `pid`; the folder has one for each process. */
static struct reader *read_record(pid_t pid)
{
	struct reader *reader;
	const char *why = "no record";
	struct dirent *entry;
	DIR *dir = opendir(scratch);
	char prefix[32];
	int err = -1;

	snprintf(prefix, sizeof(prefix), "%d-", (int)pid);
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, prefix, strlen(prefix)))
			err = reader_open(dirfd(dir), entry->d_name, &reader,
					  &why);
	closedir(dir);
	ck_assert_msg(!err, "%s", why);
	return reader;
}

/* What the record has, after read(). */
static struct record_pool pools[8];
static struct record_slot leases[20000], conns[64];
static struct record_site sites[16]; /* of leases, in their order */
static struct record_event events[16];
static struct record_exhaustion exhaustions[8];
static struct record_keeper keepers[64];
static struct record_hold holds[8];
static struct record_error errors[8];
static struct record_bucket series[RECORD_BUCKETS]; /* of the second pool */
static uint32_t lease_numbers[20000];
static unsigned lease_count, conn_count, site_count, event_count, pool_count;
static unsigned exhaustion_count, keeper_count, hold_count, error_count;
static struct record_header header;

static void read_slots(const struct reader *reader)
{
	struct record_slot slot;

	lease_count = conn_count = 0;
	for (uint32_t i = 0; i < reader_count(reader, RECORD_SLOTS); i++) {
		if (!reader_slot(reader, i, &slot) || slot.state == SLOT_FREE)
			continue;
		if (slot.kind == HANDLE_LEASE) {
			lease_numbers[lease_count] = i;
			leases[lease_count++] = slot;
		} else {
			conns[conn_count++] = slot;
		}
	}
}

#define READ_ALL(reader, what, TYPE, into, count)                      \
	do {                                                           \
		count = reader_count(reader, TYPE);                    \
		for (uint32_t i = 0; i < count; i++)                   \
			ck_assert(reader_##what(reader, i, &into[i])); \
	} while (0)

static void read_of(pid_t pid)
{
	struct reader *reader = read_record(pid);
	struct record_site site;

	header = *reader_header(reader);
	read_slots(reader);
	READ_ALL(reader, pool, RECORD_POOLS, pools, pool_count);
	for (uint32_t i = 0; pool_count > 1 && i < RECORD_BUCKETS; i++)
		ck_assert(reader_bucket(reader, pools[1].first_bucket + i,
					&series[i]));
	READ_ALL(reader, event, RECORD_EVENTS, events, event_count);
	READ_ALL(reader, exhaustion, RECORD_EXHAUSTIONS, exhaustions,
		 exhaustion_count);
	READ_ALL(reader, keeper, RECORD_KEEPERS, keepers, keeper_count);
	READ_ALL(reader, hold, RECORD_HOLDS, holds, hold_count);
	READ_ALL(reader, error, RECORD_ERRORS, errors, error_count);
	site_count = 0;
	for (uint32_t i = 0; i < reader_count(reader, RECORD_SITES); i++)
		if (reader_site(reader, i, &site) && site.kind == HANDLE_LEASE)
			sites[site_count++] = site;
	reader_free(reader);
}

static void read_own(void)
{
	read_of(getpid());
}

static void expect_sums(int pool, uint64_t attempts, uint64_t acquires,
			uint64_t releases, uint64_t nothing)
{
	read_own();
	ck_assert_uint_eq(pools[pool].sums[POOL_ATTEMPTS], attempts);
	ck_assert_uint_eq(pools[pool].sums[POOL_ACQUIRES], acquires);
	ck_assert_uint_eq(pools[pool].sums[POOL_RELEASES], releases);
	ck_assert_uint_eq(pools[pool].sums[POOL_NOTHING], nothing);
	ck_assert_uint_eq(pools[pool].used, acquires - releases);
	ck_assert_uint_eq(pools[pool].waiting, 0);
}

START_TEST(a_lease_is_out_from_acquire_to_release)
{
	acquire(handles[0]);
	expect_sums(1, 1, 1, 0, 0);
	ck_assert_uint_eq(lease_count, 1);
	ck_assert_uint_eq(leases[0].handle, record_handle(handles[0]));
	ck_assert_uint_eq(leases[0].pool, 1);
	ck_assert_int_eq(leases[0].used_by, getpid());
	release(handles[0]);
	expect_sums(1, 1, 1, 1, 0);
	ck_assert_uint_eq(lease_count, 0);
	ck_assert_uint_eq(event_count, 0);
	ck_assert_uint_eq(header.totals[TOTAL_CONNECTS], 0);
	ck_assert_uint_eq(header.totals[TOTAL_PEAK_LEASES], 1);
}
END_TEST

START_TEST(a_pool_is_its_object_and_has_the_name_of_its_acquire)
{
	acquire(handles[0]);
	acquire_at(&other_pool, handles[1], 0);
	acquire_at(&other_pool, handles[2], 0);
	read_own();
	ck_assert_uint_eq(pool_count, 3);
	ck_assert_uint_eq(pools[0].flags, POOL_CONNECTIONS | POOL_PROVEN |
						  POOL_TIMED | POOL_SPLIT);
	ck_assert_uint_eq(pools[1].object, record_handle(&objects[0]));
	ck_assert_uint_eq(pools[1].rule, 3);
	ck_assert_uint_ne(pools[1].function, 0);
	ck_assert_uint_eq(pools[2].function, pools[1].function);
	ck_assert_uint_eq(pools[1].used, 1);
	ck_assert_uint_eq(pools[2].used, 2);
	ck_assert_uint_eq(pools[2].peak_used, 2);
}
END_TEST

START_TEST(a_release_needs_no_pool)
{
	static const struct lease_pool none = { .rule = 5 };

	acquire_at(&other_pool, handles[0], 0);
	leases_releasing(&none, key(handles[0]), "drop", &places[0]);
	expect_sums(1, 1, 1, 1, 0);
	ck_assert_uint_eq(event_count, 0);
	ck_assert_uint_eq(pool_count, 2);
}
END_TEST

START_TEST(equal_stacks_are_one_site_with_its_sums)
{
	acquire_at(&the_pool, handles[0], 1);
	acquire_at(&the_pool, handles[1], 1);
	acquire_at(&the_pool, NULL, 1);
	acquire_at(&the_pool, handles[2], 2);
	release(handles[1]);
	read_own();
	ck_assert_uint_eq(site_count, 2);
	ck_assert_uint_eq(sites[0].acquired, 2);
	ck_assert_uint_eq(sites[0].released, 1);
	ck_assert_uint_eq(sites[0].failed, 1);
	ck_assert_uint_eq(sites[0].pool, 1);
	ck_assert_uint_eq(sites[1].acquired, 1);
}
END_TEST

START_TEST(each_end_of_an_acquire_has_its_sum)
{
	static const enum lease_end ends[] = { LEASE_NOTHING, LEASE_ERROR,
					       LEASE_ERROR, LEASE_EXCEPTION };
	struct lease_try try;

	for (int i = 0; i < 4; i++) {
		leases_try(&try, &the_pool);
		leases_tried(&try, ends[i], 0, "pool_take", &places[0]);
	}
	expect_sums(1, 4, 0, 0, 1);
	ck_assert_uint_eq(pools[1].sums[POOL_ERRORS], 2);
	ck_assert_uint_eq(pools[1].sums[POOL_EXCEPTIONS], 1);
}
END_TEST

START_TEST(demand_is_what_is_used_and_what_is_waited_for)
{
	struct lease_try tries[3];

	acquire(handles[0]);
	acquire(handles[1]);
	for (int i = 0; i < 3; i++)
		leases_try(&tries[i], &the_pool);
	read_own();
	ck_assert_uint_eq(pools[1].waiting, 3);
	ck_assert_uint_eq(pools[1].used, 2);
	for (int i = 2; i >= 0; i--)
		finish_try(&tries[i], NULL, 0);
	expect_sums(1, 5, 2, 0, 3);
	ck_assert_uint_eq(pools[1].peak_demand, 5);
	ck_assert_uint_eq(pools[1].peak_waiting, 3);
	ck_assert_uint_eq(pools[1].peak_used, 2);
}
END_TEST

START_TEST(a_slow_acquire_is_a_wait_and_a_fast_one_is_none)
{
	struct lease_try try;

	acquire(handles[0]);
	leases_try(&try, &the_pool);
	usleep(11000);
	finish_try(&try, handles[1], 0);
	read_own();
	ck_assert_uint_eq(pools[1].sums[POOL_WAITS], 1);
	ck_assert_uint_ge(pools[1].sums[POOL_WAIT_NS], 11000000);
	ck_assert_uint_ge(pools[1].longest_wait_ns, 11000000);
	ck_assert_uint_eq(sites[0].waits, 1);
	ck_assert_uint_ge(sites[0].longest_wait_ns, 11000000);
}
END_TEST

START_TEST(to_connect_inside_is_no_wait)
{
	struct lease_try try;

	leases_try(&try, &the_pool);
	usleep(20000);
	leases_connected(&connections[0], 3600 * UINT64_C(1000000000));
	finish_try(&try, handles[1], 0);
	read_own();
	ck_assert_uint_eq(pools[1].sums[POOL_WAITS], 0);
	ck_assert_uint_eq(pools[1].sums[POOL_CONNECT_NS], 3600000000000);
}
END_TEST

/* Runs in a thread of its own. */
static void elsewhere(void *(*what)(void *), void *data)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, what, data), 0);
	pthread_join(thread, NULL);
}

static void *acquire_it(void *handle)
{
	acquire(handle);
	return NULL;
}

/* How many times are in the histogram. */
static uint64_t times(const struct record_pool *pool)
{
	uint64_t sum = 0;

	for (int i = 0; i < (int)RECORD_HOLD_BUCKETS; i++)
		sum += pool->wait_us[i];
	return sum;
}

START_TEST(tries_in_vain_at_one_site_belong_to_the_wait_of_the_next)
{
	for (int i = 0; i < 4; i++) {
		acquire(NULL);
		usleep(4000);
	}
	acquire(handles[0]);
	read_own();
	ck_assert_uint_eq(pools[1].sums[POOL_WAITS], 1);
	ck_assert_uint_ge(pools[1].longest_wait_ns, 16000000);
	ck_assert_uint_eq(sites[0].waits, 1);
	ck_assert_uint_eq(sites[0].wait_ns, pools[1].sums[POOL_WAIT_NS]);
	acquire(handles[1]);
	read_own();
	ck_assert_uint_eq(pools[1].sums[POOL_WAITS], 1);
}
END_TEST

/* Else a pool that lets nearly all wait in vain seemed to take no time. */
START_TEST(each_try_in_vain_took_its_own_time)
{
	uint32_t long_ones = 0;

	for (int i = 0; i < 4; i++) {
		acquire(NULL);
		usleep(4000);
	}
	acquire(handles[0]);
	read_own();
	ck_assert_uint_eq(times(&pools[1]), 5);
	for (uint32_t i = 15; i < RECORD_HOLD_BUCKETS; i++) /* 16 ms */
		long_ones += pools[1].wait_us[i];
	ck_assert_uint_eq(long_ones, 1);
}
END_TEST

START_TEST(the_series_has_one_attempt_for_them)
{
	uint64_t attempts = 0, failures = 0, waiting_ns = 0;

	acquire(NULL);
	usleep(5000);
	acquire(NULL);
	usleep(25000);
	acquire(handles[0]);
	read_own();
	for (uint32_t i = 0; i < RECORD_BUCKETS; i++) {
		attempts += series[i].attempts;
		failures += series[i].failures;
		waiting_ns += series[i].waiting_ns;
	}
	ck_assert_uint_eq(attempts, 1);
	ck_assert_uint_eq(failures, 2);
	ck_assert_uint_ge(waiting_ns, 30000000);
	ck_assert_uint_eq(pools[1].sums[POOL_ATTEMPTS], 3);
	ck_assert(pools[1].flags & POOL_TIMED);
}
END_TEST

START_TEST(each_thread_that_asks_is_counted_once)
{
	acquire(handles[0]);
	acquire(handles[1]);
	elsewhere(acquire_it, handles[2]);
	elsewhere(acquire_it, handles[3]);
	read_own();
	ck_assert_uint_eq(pools[1].threads, 3);
}
END_TEST

START_TEST(tries_in_vain_elsewhere_or_of_another_pool_do_not)
{
	acquire_at(&the_pool, NULL, 1);
	acquire_at(&the_pool, NULL, 2);
	acquire_at(&other_pool, NULL, 2);
	acquire_at(&other_pool, handles[0], 1);
	read_own();
	ck_assert_uint_eq(times(&pools[1]), 2);
	ck_assert_uint_eq(times(&pools[2]), 2);
}
END_TEST

START_TEST(a_thread_that_has_one_already_is_nested)
{
	acquire(handles[0]);
	acquire(handles[1]);
	acquire_at(&other_pool, handles[2], 0);
	release(handles[0]);
	release(handles[1]);
	acquire(handles[0]);
	read_own();
	ck_assert_uint_eq(pools[1].sums[POOL_NESTED], 1);
	ck_assert_uint_eq(pools[1].most_by_thread, 2);
	ck_assert_uint_eq(pools[2].sums[POOL_NESTED], 0);
	ck_assert_uint_eq(pools[2].most_by_thread, 1);
}
END_TEST

static void *use_it(void *conn)
{
	leases_used(conn);
	return NULL;
}

static void *release_it(void *handle)
{
	release(handle);
	return NULL;
}

START_TEST(a_release_by_another_thread_is_counted)
{
	acquire(handles[0]);
	elsewhere(release_it, handles[0]);
	acquire(handles[0]);
	release(handles[0]);
	expect_sums(1, 2, 2, 2, 0);
	ck_assert_uint_eq(pools[1].sums[POOL_BY_OTHERS], 1);
	ck_assert_uint_eq(event_count, 0);
}
END_TEST

START_TEST(to_release_twice_is_wrong)
{
	acquire_at(&the_pool, handles[0], 1);
	release(handles[0]);
	release(handles[0]);
	read_own();
	ck_assert_uint_eq(event_count, 1);
	ck_assert_uint_eq(events[0].kind, EVENT_DOUBLE_RELEASE);
	ck_assert_uint_eq(events[0].pool, 1);
	ck_assert_uint_eq(events[0].handle, record_handle(handles[0]));
	ck_assert_int_eq(events[0].owner_pid, getpid());
	ck_assert_uint_eq(events[0].owner_began, header.started_mono);
	ck_assert_uint_ne(events[0].owner_site, RECORD_NONE);
	ck_assert_uint_eq(pools[1].sums[POOL_RELEASES], 1);
}
END_TEST

START_TEST(what_is_acquired_anew_is_released_rightly)
{
	acquire(handles[0]);
	release(handles[0]);
	acquire(handles[0]);
	release(handles[0]);
	expect_sums(1, 2, 2, 2, 0);
	ck_assert_uint_eq(event_count, 0);
}
END_TEST

START_TEST(to_release_what_was_never_acquired_is_wrong)
{
	acquire(handles[0]);
	release(handles[1]);
	release(NULL);
	read_own();
	ck_assert_uint_eq(event_count, 1);
	ck_assert_uint_eq(events[0].kind, EVENT_UNKNOWN_RELEASE);
	ck_assert_uint_eq(events[0].pool, 1);
	ck_assert_uint_eq(events[0].owner_site, RECORD_NONE);
	ck_assert_uint_eq(lease_count, 1);
}
END_TEST

START_TEST(nothing_is_wrong_with_what_a_library_does_unproven)
{
	leases_releasing(&built_in, key(handles[0]), "library_drop", places);
	acquire_at(&built_in, handles[1], 0);
	leases_releasing(&built_in, key(handles[0]), "library_drop", places);
	read_own();
	ck_assert_uint_eq(event_count, 0);
	ck_assert_uint_eq(pools[1].flags,
			  POOL_BUILT_IN | POOL_TIMED | POOL_SPLIT);
	ck_assert_uint_eq(header.totals[TOTAL_PEAK_LEASES], 0);
}
END_TEST

START_TEST(a_release_that_knows_only_what_is_out_is_never_wrong)
{
	struct lease_pool knowing = the_pool;

	knowing.knows_only = true;
	acquire(handles[0]);
	leases_releasing(&knowing, key(handles[0]), "pool_end", places);
	leases_releasing(&knowing, key(handles[0]), "pool_end", places);
	leases_releasing(&knowing, key(handles[1]), "pool_end", places);
	expect_sums(1, 1, 1, 1, 0);
	ck_assert_uint_eq(event_count, 0);
}
END_TEST

START_TEST(equal_misuses_at_one_place_are_one_event)
{
	for (int i = 0; i < 100; i++)
		release(handles[i]);
	leases_releasing(&the_pool, key(handles[0]), "pool_drop", &places[1]);
	read_own();
	ck_assert_uint_eq(event_count, 2);
	ck_assert_uint_eq(events[0].more, 99);
	ck_assert_uint_eq(events[1].more, 0);
}
END_TEST

START_TEST(acquired_again_without_a_release_counts_once)
{
	acquire(handles[0]);
	acquire(handles[0]);
	expect_sums(1, 2, 2, 1, 0);
	ck_assert_uint_eq(lease_count, 1);
}
END_TEST

START_TEST(a_pair_of_words_is_one_handle)
{
	const uint64_t first = lease_key((uintptr_t)objects, 1, true);
	const uint64_t second = lease_key((uintptr_t)objects, 2, true);
	struct lease_try try;

	ck_assert_uint_ne(first, second);
	leases_try(&try, &the_pool);
	leases_tried(&try, LEASE_ACQUIRED, first, "pool_take", places);
	leases_try(&try, &the_pool);
	leases_tried(&try, LEASE_ACQUIRED, second, "pool_take", places);
	leases_releasing(&the_pool, first, "pool_drop", places);
	expect_sums(1, 2, 2, 1, 0);
	ck_assert_uint_eq(leases[0].handle, second);
}
END_TEST

START_TEST(the_capacity_may_be_said_before_and_after)
{
	leases_capacity(&other_pool, 7);
	acquire(handles[0]);
	acquire_at(&other_pool, handles[1], 0);
	leases_capacity(&the_pool, 5);
	read_own();
	ck_assert_uint_eq(pool_count, 3);
	ck_assert_uint_eq(pools[1].capacity, 5);
	ck_assert_uint_eq(pools[2].capacity, 7);
}
END_TEST

START_TEST(a_capacity_of_no_pool_is_that_of_the_one_without_an_object)
{
	static const struct lease_pool sized = { .rule = 9 };
	static const struct lease_pool taken = { .rule = 8,
						 .function = "take" };

	acquire(handles[0]);
	leases_capacity(&sized, 4);
	acquire_at(&taken, handles[1], 0);
	read_own();
	ck_assert_uint_eq(pools[1].capacity, 0);
	ck_assert_uint_eq(pools[2].capacity, 4);
	ck_assert_uint_eq(pools[2].object, 0);
}
END_TEST

/* An object of a pool: the handle leads to the connection. */
static struct {
	long number;
	struct inner {
		long numbers[5];
		void *connection;
	} * inner;
} outer;
static struct inner inner;

static void expect_joined(unsigned lease, unsigned conn)
{
	ck_assert_uint_ne(leases[lease].partner, RECORD_NONE);
	ck_assert_uint_eq(conns[conn].partner, lease_numbers[lease]);
	ck_assert_uint_eq(conns[conn].pool, leases[lease].pool);
	ck_assert(conns[conn].flags & SLOT_POOLED);
	ck_assert(pools[leases[lease].pool].flags & POOL_PROVEN);
}

START_TEST(a_handle_that_is_a_connection_is_joined_at_once)
{
	connect_as(&connections[8], SLOT_ESTABLISHED);
	acquire_at(&built_in, &connections[8], 0);
	ck_assert(!leases_wanted());
	read_own();
	expect_joined(0, 0);
	ck_assert_uint_eq(header.totals[TOTAL_PEAK_LEASES], 1);
	release(&connections[8]);
	read_own();
	ck_assert_uint_eq(conns[0].partner, RECORD_NONE);
	ck_assert_int_eq(conns[0].released_by, getpid());
	acquire_at(&built_in, &connections[8], 0);
	read_own();
	ck_assert_int_eq(conns[0].released_by, 0);
}
END_TEST

START_TEST(a_handle_that_leads_to_a_connection_is_joined_at_once)
{
	connect_as(&connections[8], SLOT_ESTABLISHED);
	inner.connection = &connections[8];
	acquire_at(&the_pool, &inner, 0);
	read_own();
	expect_joined(0, 0);
	release(&inner);
	outer.inner = &inner;
	acquire_at(&built_in, &outer, 0);
	read_own();
	expect_joined(0, 0);
	ck_assert(!leases_wanted());
}
END_TEST

START_TEST(a_handle_that_leads_nowhere_is_joined_at_its_first_use)
{
	connect_as(&connections[8], SLOT_ESTABLISHED);
	acquire_at(&built_in, (void *)5, 0);
	ck_assert(leases_wanted());
	leases_enter();
	ck_assert(!leases_wanted());
	leases_leave();
	leases_used(&connections[9]); /* nobody knows it */
	ck_assert(leases_wanted());
	leases_used(&connections[8]);
	ck_assert(!leases_wanted());
	read_own();
	expect_joined(0, 0);
}
END_TEST

/* A query of this thread that takes so long, as the hooks tell of it. */
static void query(const void *conn, unsigned us, uint32_t transaction)
{
	const struct outcome outcome = { .transaction = transaction,
					 .queried = true };
	struct use now = { .slot = NULL };

	uses_begin(&now, conn);
	leases_used(conn);
	uses_follow(&now, conn);
	uses_query(&now);
	usleep(us);
	uses_end(&now, &outcome);
}

static void use(const void *conn)
{
	query(conn, 0, TRANSACTION_IDLE);
}

START_TEST(a_use_is_counted_by_the_acquires_of_the_leases_site)
{
	connect_as(&connections[8], SLOT_ESTABLISHED);
	acquire(handles[1]);
	acquire(handles[0]);
	acquire_at(&the_pool, handles[2], 1);
	read_own();
	ck_assert_uint_eq(leases[0].used_at, 1);
	ck_assert_uint_eq(leases[1].used_at, 2);
	release(handles[2]);
	use(&connections[8]);
	read_own();
	expect_joined(1, 0);
	ck_assert_uint_eq(conns[0].used_at, 2);
	acquire(handles[3]);
	use(&connections[8]);
	release(handles[0]);
	read_own();
	ck_assert_uint_eq(conns[0].used_at, 3);
	use(&connections[8]); /* it has become that of the newest */
	release(handles[3]);
	acquire(&connections[8]);
	read_own();
	ck_assert_uint_eq(conns[0].used_at, 0);
}
END_TEST

START_TEST(a_connection_that_is_leased_is_joined_to_no_other)
{
	connect_as(&connections[8], SLOT_ESTABLISHED);
	acquire(&connections[8]);
	acquire_at(&other_pool, handles[1], 0);
	leases_used(&connections[8]);
	ck_assert(leases_wanted());
	read_own();
	expect_joined(0, 0);
	ck_assert_uint_eq(leases[1].partner, RECORD_NONE);
}
END_TEST

START_TEST(a_lease_whose_connection_is_finished_wants_its_next_one)
{
	connect_as(&connections[8], SLOT_ESTABLISHED);
	acquire(handles[0]);
	leases_used(&connections[8]);
	finish(&connections[8]);
	read_own();
	ck_assert_uint_eq(leases[0].partner, RECORD_NONE);
	connect_as(&connections[16], SLOT_ESTABLISHED);
	ck_assert(leases_wanted());
	leases_used(&connections[16]);
	read_own();
	expect_joined(0, 0);
}
END_TEST

START_TEST(a_connect_inside_an_acquire_is_the_pools)
{
	struct lease_try try;

	leases_connected(&connections[8], 5);
	leases_try(&try, &built_in);
	connect_as(&connections[8], SLOT_ESTABLISHED);
	leases_connected(&connections[8], 5);
	finish_try(&try, NULL, 0);
	read_own();
	ck_assert_uint_eq(conns[0].pool, 1);
	ck_assert(conns[0].flags & SLOT_POOLED);
	ck_assert(pools[1].flags & POOL_PROVEN);
}
END_TEST

/* As the hooks of queries do. */
static void set_doing(const void *conn, uint32_t doing, uint32_t error)
{
	uint32_t number;

	ck_assert_ptr_nonnull(tracker_lock());
	tracker_connection(conn, &number)->doing = doing;
	tracker_connection(conn, &number)->error = error;
	recording_unlock();
}

START_TEST(an_error_outlives_the_connection_that_met_it)
{
	const uint32_t error = record_sqlstate("22008");

	connect_as(&connections[8], SLOT_ESTABLISHED);
	acquire(&connections[8]);
	set_doing(&connections[8], TRANSACTION_IDLE, error);
	finish(&connections[8]);
	read_own();
	ck_assert_uint_eq(leases[0].error, error);
	release(&connections[8]);
	read_own();
	ck_assert_uint_eq(errors[0].error, error);
	ck_assert_uint_eq(errors[0].released, 1);
}
END_TEST

START_TEST(what_is_left_open_at_the_release_is_told)
{
	static const struct {
		uint32_t doing;
		int kind;
	} cases[] = {
		{ TRANSACTION_UNKNOWN, 0 },
		{ TRANSACTION_IDLE, 0 },
		{ TRANSACTION_IDLE | CONNECTION_LISTENS, 0 },
		{ TRANSACTION_OPEN, EVENT_RELEASED_IN_TRANSACTION },
		{ TRANSACTION_FAILED, EVENT_RELEASED_IN_TRANSACTION },
		{ TRANSACTION_ACTIVE, EVENT_RELEASED_UNDRAINED },
		{ TRANSACTION_IDLE | CONNECTION_COPIES,
		  EVENT_RELEASED_UNDRAINED },
	};
	unsigned wrong = 0;

	connect_as(&connections[8], SLOT_ESTABLISHED);
	for (unsigned i = 0; i < 7; i++) {
		acquire(&connections[8]);
		set_doing(&connections[8], cases[i].doing, 0);
		leases_releasing(&the_pool, key(&connections[8]), "pool_drop",
				 &places[i]);
		read_own();
		wrong += cases[i].kind != 0;
		ck_assert_uint_eq(event_count, wrong);
		if (cases[i].kind)
			ck_assert_int_eq(events[wrong - 1].kind, cases[i].kind);
	}
}
END_TEST

START_TEST(the_last_error_is_counted_at_the_release)
{
	const uint32_t error = record_sqlstate("40001");

	connect_as(&connections[8], SLOT_ESTABLISHED);
	for (int i = 0; i < 3; i++) {
		acquire(&connections[8]);
		set_doing(&connections[8], TRANSACTION_IDLE, error);
		release(&connections[8]);
	}
	acquire(&connections[8]);
	release(&connections[8]);
	read_own();
	ck_assert_uint_eq(error_count, 1);
	ck_assert_uint_eq(errors[0].error, error);
	ck_assert_uint_eq(errors[0].released, 3);
}
END_TEST

START_TEST(a_long_hold_is_kept)
{
	acquire(handles[0]);
	acquire(handles[1]);
	release(handles[1]);
	usleep(260000);
	release(handles[0]);
	read_own();
	ck_assert_uint_eq(hold_count, 1);
	ck_assert_uint_eq(holds[0].pool, 1);
	ck_assert_uint_ge(holds[0].held_ns, 260000000);
	ck_assert_uint_eq(sites[0].released, 2);
	ck_assert_uint_eq(sites[0].hold_us[18] + sites[0].hold_us[19], 1);
}
END_TEST

#define LONG	100000u /* microseconds */
#define LONG_NS (LONG * UINT64_C(1000) - RECORD_ROUGH_NS)

START_TEST(a_long_hold_is_split_by_what_its_connection_did)
{
	connect_as(&connections[8], SLOT_ESTABLISHED);
	query(&connections[8], LONG, TRANSACTION_IDLE); /* without a lease */
	acquire(&connections[8]);
	usleep(LONG);
	query(&connections[8], LONG, TRANSACTION_OPEN);
	usleep(LONG);
	query(&connections[8], 0, TRANSACTION_IDLE);
	usleep(LONG);
	release(&connections[8]);
	read_own();
	ck_assert_uint_eq(hold_count, 1);
	ck_assert_uint_ge(holds[0].query_ns, LONG_NS);
	ck_assert_uint_ge(holds[0].transaction_ns, LONG_NS);
	ck_assert_uint_ge(holds[0].held_ns - holds[0].query_ns -
				  holds[0].transaction_ns,
			  2 * LONG_NS);
	ck_assert_uint_ge(sites[0].longest_query_ns, LONG_NS);
	ck_assert_uint_le(sites[0].longest_query_ns, holds[0].query_ns);
}
END_TEST

START_TEST(what_is_under_way_at_the_release_counts)
{
	connect_as(&connections[8], SLOT_ESTABLISHED);
	acquire(&connections[8]);
	query(&connections[8], 0, TRANSACTION_ACTIVE);
	usleep(3 * LONG);
	release(&connections[8]);
	acquire(&connections[8]);
	usleep(3 * LONG);
	query(&connections[8], 0, TRANSACTION_OPEN);
	usleep(2 * LONG);
	release(&connections[8]);
	read_own();
	ck_assert_uint_eq(hold_count, 2);
	ck_assert_uint_ge(holds[0].query_ns, 3 * LONG_NS);
	ck_assert_uint_eq(holds[0].transaction_ns, 0);
	ck_assert_uint_ge(holds[1].query_ns, 3 * LONG_NS); /* still active */
	ck_assert_uint_ge(holds[1].transaction_ns, 2 * LONG_NS);
}
END_TEST

START_TEST(of_a_hold_without_a_known_connection_nothing_is_said)
{
	acquire(handles[1]);
	usleep(3 * LONG);
	release(handles[1]);
	read_own();
	ck_assert_uint_eq(hold_count, 1);
	ck_assert_uint_eq(holds[0].query_ns, RECORD_UNKNOWN);
	ck_assert_uint_eq(holds[0].transaction_ns, RECORD_UNKNOWN);
}
END_TEST

START_TEST(a_lease_keeps_what_it_spent_in_a_connection_that_was_finished)
{
	connect_as(&connections[8], SLOT_ESTABLISHED);
	acquire(handles[1]);
	query(&connections[8], 2 * LONG, TRANSACTION_IDLE);
	finish(&connections[8]);
	connect_as(&connections[8], SLOT_ESTABLISHED);
	query(&connections[8], LONG, TRANSACTION_IDLE);
	release(handles[1]);
	read_own();
	ck_assert_uint_eq(hold_count, 1);
	ck_assert_uint_ge(holds[0].query_ns, 2 * LONG_NS + LONG_NS);
	ck_assert_uint_ge(sites[0].longest_query_ns, 2 * LONG_NS);
	ck_assert_uint_lt(sites[0].longest_query_ns, holds[0].query_ns);
}
END_TEST

START_TEST(when_a_thread_ends_what_it_has_is_marked)
{
	elsewhere(acquire_it, handles[0]);
	acquire(handles[1]);
	read_own();
	ck_assert(leases[0].flags & SLOT_OWNER_ENDED);
	ck_assert(!(leases[1].flags & SLOT_OWNER_ENDED));
}
END_TEST

START_TEST(whoever_uses_it_later_takes_the_mark_back)
{
	connect_as(&connections[8], SLOT_ESTABLISHED);
	elsewhere(acquire_it, &connections[8]);
	read_own();
	ck_assert(leases[0].flags & SLOT_OWNER_ENDED);
	leases_used(&connections[8]);
	read_own();
	ck_assert(!(leases[0].flags & SLOT_OWNER_ENDED));
	ck_assert_int_eq(leases[0].used_by, getpid());
}
END_TEST

START_TEST(a_thread_that_has_given_it_away_leaves_no_mark)
{
	connect_as(&connections[8], SLOT_ESTABLISHED);
	acquire(&connections[8]);
	elsewhere(use_it, &connections[8]);
	read_own();
	ck_assert(leases[0].flags & SLOT_OWNER_ENDED);
	ck_assert_int_ne(leases[0].used_by, getpid());
	release(&connections[8]);
	expect_sums(1, 1, 1, 1, 0);
}
END_TEST

/* A key of the program, whose destructor is the first of two rounds. */
static pthread_key_t late;

static void release_late(void *handle)
{
	release(handle);
}

static void *acquire_until_the_end(void *handle)
{
	acquire(handle);
	pthread_setspecific(late, handle);
	return NULL;
}

START_TEST(what_a_thread_releases_as_it_ends_is_released)
{
	ck_assert_int_eq(pthread_key_create(&late, release_late), 0);
	elsewhere(acquire_until_the_end, handles[0]);
	expect_sums(1, 1, 1, 1, 0);
	ck_assert_uint_eq(pools[1].sums[POOL_BY_OTHERS], 0);
}
END_TEST

START_TEST(by_design_is_said_of_a_lease_as_well)
{
	acquire(handles[0]);
	leases_by_design(key(handles[0]));
	leases_by_design(key(handles[1]));
	read_own();
	ck_assert_uint_eq(leases[0].flags, SLOT_BY_DESIGN);
}
END_TEST

START_TEST(the_first_failure_tells_who_has_all_oldest_first)
{
	connect_as(&connections[8], SLOT_ESTABLISHED);
	set_doing(&connections[8], TRANSACTION_OPEN, 77);
	acquire(handles[0]);
	acquire(handles[1]);
	release(handles[0]);
	acquire(&connections[8]);
	set_doing(&connections[8], TRANSACTION_OPEN, 77);
	acquire_at(&other_pool, handles[3], 0);
	acquire(NULL);
	acquire(NULL);
	read_own();
	ck_assert_uint_eq(exhaustion_count, 1);
	ck_assert_uint_eq(exhaustions[0].pool, 1);
	ck_assert_uint_eq(exhaustions[0].kind, EXHAUSTION_NOTHING);
	ck_assert_uint_eq(exhaustions[0].used, 2);
	ck_assert_uint_eq(exhaustions[0].waiting, 1);
	ck_assert_uint_eq(exhaustions[0].keeper_count, 2);
	ck_assert_uint_eq(keepers[0].acquired_ns, leases[1].acquired_ns);
	ck_assert_int_eq(keepers[0].backend_pid, 0);
	ck_assert_int_eq(keepers[1].backend_pid, 42);
	ck_assert_uint_eq(keepers[1].doing, TRANSACTION_OPEN);
	ck_assert_uint_eq(keepers[1].error, 77);
}
END_TEST

START_TEST(a_refused_connect_tells_who_has_all_of_them)
{
	connect_as(&connections[8], SLOT_ESTABLISHED);
	connect_as(&connections[16], SLOT_ESTABLISHED);
	connect_as(&connections[24], SLOT_FAILED);
	leases_refused("password authentication failed for user \"app\"");
	read_own();
	ck_assert_uint_eq(exhaustion_count, 0);
	leases_refused("connection to server at \"db1\" failed: "
		       "FATAL:  sorry, too many clients already\n");
	leases_refused("could not create socket: Too many open files");
	read_own();
	ck_assert_uint_eq(exhaustion_count, 1);
	ck_assert_uint_eq(exhaustions[0].pool, 0);
	ck_assert_uint_eq(exhaustions[0].kind, EXHAUSTION_SERVER);
	ck_assert_uint_eq(exhaustions[0].keeper_count, 2);
	ck_assert_uint_ne(exhaustions[0].site, RECORD_NONE);
	ck_assert_uint_eq(keepers[1].backend_pid, 42);
}
END_TEST

START_TEST(all_connections_are_a_pool)
{
	connect_as(&connections[8], SLOT_ESTABLISHED);
	connect_as(&connections[16], SLOT_CONNECTING);
	connect_as(&connections[24], SLOT_FAILED);
	connect_as(&connections[32], SLOT_CONNECTING);
	read_own();
	ck_assert_uint_eq(pools[0].waiting, 2);
	tracker_established(&connections[16], 43);
	finish(&connections[8]);
	finish(&connections[24]);
	finish(&connections[32]);
	read_own();
	ck_assert_uint_eq(pools[0].sums[POOL_ATTEMPTS], 4);
	ck_assert_uint_eq(pools[0].sums[POOL_ACQUIRES], 2);
	ck_assert_uint_eq(pools[0].sums[POOL_RELEASES], 1);
	ck_assert_uint_eq(pools[0].sums[POOL_ERRORS], 1);
	ck_assert_uint_eq(pools[0].sums[POOL_NOTHING], 1);
	ck_assert_uint_eq(pools[0].used, 1);
	ck_assert_uint_eq(pools[0].waiting, 0);
	ck_assert_uint_eq(pools[0].peak_used, 2);
	ck_assert_uint_eq(header.totals[TOTAL_PEAK_LEASES], 0);
}
END_TEST

START_TEST(a_reset_is_an_attempt_as_well)
{
	struct misuse misuse;

	connect_as(&connections[8], SLOT_ESTABLISHED);
	tracker_resetting(&connections[8], &misuse);
	tracker_failed(&connections[8]);
	tracker_resetting(&connections[8], &misuse);
	tracker_established(&connections[8], 43);
	read_own();
	ck_assert_uint_eq(pools[0].sums[POOL_ATTEMPTS], 3);
	ck_assert_uint_eq(pools[0].sums[POOL_ACQUIRES], 2);
	ck_assert_uint_eq(pools[0].sums[POOL_ERRORS], 1);
	ck_assert_uint_eq(pools[0].used, 1);
}
END_TEST

/* Runs in a child that has its parent's memory. */
static void in_child(void (*what)(void))
{
	const pid_t pid = fork();
	int status;

	if (pid == 0) {
		recording_after_fork_in_child();
		what();
		read_own();
		_exit(lease_count == 1 && event_count == 0 &&
		      pools[1].capacity == 5 &&
		      pools[1].sums[POOL_ATTEMPTS] == 1 &&
		      pools[1].sums[POOL_RELEASES] == 0);
	}
	waitpid(pid, &status, 0);
	ck_assert_int_eq(WEXITSTATUS(status), 1);
}

static struct lease_try parents_try;

static void live_on(void)
{
	release(handles[0]); /* the parent's */
	leases_tried(&parents_try, LEASE_ACQUIRED, key(handles[5]), "pool_take",
		     places);
	release(handles[5]);
	acquire(handles[1]); /* the parent has that as well */
}

START_TEST(a_child_of_fork_inherits_no_lease)
{
	acquire(handles[0]);
	acquire(handles[1]);
	leases_capacity(&the_pool, 5);
	leases_try(&parents_try, &the_pool);
	in_child(live_on);
	finish_try(&parents_try, NULL, 0);
	expect_sums(1, 3, 2, 0, 1);
	ck_assert_uint_eq(lease_count, 2);
}
END_TEST

START_TEST(ten_thousand_leases_at_once_are_all_kept)
{
	for (int i = 0; i < 10000; i++) {
		struct lease_try try;

		leases_try(&try, &the_pool);
		leases_tried(&try, LEASE_ACQUIRED, key(handles[i]), "take",
			     places);
	}
	expect_sums(1, 10000, 10000, 0, 0);
	ck_assert_uint_eq(lease_count, 10000);
	for (int i = 0; i < 10000; i += 2)
		leases_releasing(&the_pool, key(handles[i]), "drop", places);
	expect_sums(1, 10000, 10000, 5000, 0);
	ck_assert(leases_check());
}
END_TEST

#define THREADS 8
#define ROUNDS	2000

static void *acquire_and_release(void *mine)
{
	char(*own)[16] = mine;

	for (int i = 0; i < ROUNDS; i++) {
		struct lease_try try;

		leases_try(&try, i % 3 ? &the_pool : &other_pool);
		leases_tried(&try, LEASE_ACQUIRED, key(own[i % 7]), "take",
			     &places[i % 2]);
		leases_releasing(&the_pool, key(own[i % 7]), "drop", places);
	}
	return NULL;
}

START_TEST(many_threads_lose_and_invent_nothing)
{
	pthread_t threads[THREADS];
	uint64_t sum;

	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, acquire_and_release,
			       handles[100 * i]);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	read_own();
	sum = pools[1].sums[POOL_ACQUIRES] + pools[2].sums[POOL_ACQUIRES];
	ck_assert_uint_eq(sum, THREADS * ROUNDS);
	sum = pools[1].sums[POOL_RELEASES] + pools[2].sums[POOL_RELEASES];
	ck_assert_uint_eq(sum, THREADS * ROUNDS);
	ck_assert_uint_eq(lease_count, 0);
	ck_assert_uint_eq(event_count, 0);
	ck_assert(leases_check());
}
END_TEST

Suite *leases_suite(void)
{
	Suite *suite = suite_create("leases");
	TCase *test = tcase_create("keeping");

	tcase_add_checked_fixture(test, begin, scratch_remove);
	tcase_add_test(test, a_lease_is_out_from_acquire_to_release);
	tcase_add_test(test,
		       a_pool_is_its_object_and_has_the_name_of_its_acquire);
	tcase_add_test(test, a_release_needs_no_pool);
	tcase_add_test(test, equal_stacks_are_one_site_with_its_sums);
	tcase_add_test(test, each_end_of_an_acquire_has_its_sum);
	tcase_add_test(test, demand_is_what_is_used_and_what_is_waited_for);
	tcase_add_test(test, a_thread_that_has_one_already_is_nested);
	tcase_add_test(test, a_release_by_another_thread_is_counted);
	tcase_add_test(test, acquired_again_without_a_release_counts_once);
	tcase_add_test(test, a_pair_of_words_is_one_handle);
	tcase_add_test(test, the_capacity_may_be_said_before_and_after);
	tcase_add_test(
		test,
		a_capacity_of_no_pool_is_that_of_the_one_without_an_object);
	tcase_add_test(test, by_design_is_said_of_a_lease_as_well);
	tcase_add_test(test, the_last_error_is_counted_at_the_release);
	tcase_add_test(test, a_long_hold_is_kept);
	tcase_add_test(test, a_long_hold_is_split_by_what_its_connection_did);
	tcase_add_test(test, what_is_under_way_at_the_release_counts);
	tcase_add_test(test,
		       of_a_hold_without_a_known_connection_nothing_is_said);
	tcase_add_test(
		test,
		a_lease_keeps_what_it_spent_in_a_connection_that_was_finished);
	tcase_add_test(test, ten_thousand_leases_at_once_are_all_kept);
	suite_add_tcase(suite, test);

	test = tcase_create("waits");
	tcase_add_checked_fixture(test, begin, scratch_remove);
	tcase_add_test(test, a_slow_acquire_is_a_wait_and_a_fast_one_is_none);
	tcase_add_test(test, to_connect_inside_is_no_wait);
	tcase_add_test(
		test, tries_in_vain_at_one_site_belong_to_the_wait_of_the_next);
	tcase_add_test(test, the_series_has_one_attempt_for_them);
	tcase_add_test(test, each_thread_that_asks_is_counted_once);
	tcase_add_test(test, each_try_in_vain_took_its_own_time);
	tcase_add_test(test, tries_in_vain_elsewhere_or_of_another_pool_do_not);
	suite_add_tcase(suite, test);

	test = tcase_create("misuse");
	tcase_add_checked_fixture(test, begin, scratch_remove);
	tcase_add_test(test, to_release_twice_is_wrong);
	tcase_add_test(test, what_is_acquired_anew_is_released_rightly);
	tcase_add_test(test, to_release_what_was_never_acquired_is_wrong);
	tcase_add_test(test,
		       nothing_is_wrong_with_what_a_library_does_unproven);
	tcase_add_test(test,
		       a_release_that_knows_only_what_is_out_is_never_wrong);
	tcase_add_test(test, equal_misuses_at_one_place_are_one_event);
	tcase_add_test(test, what_is_left_open_at_the_release_is_told);
	suite_add_tcase(suite, test);

	test = tcase_create("connections");
	tcase_add_checked_fixture(test, begin, scratch_remove);
	tcase_add_test(test, a_handle_that_is_a_connection_is_joined_at_once);
	tcase_add_test(test,
		       a_handle_that_leads_to_a_connection_is_joined_at_once);
	tcase_add_test(test,
		       a_handle_that_leads_nowhere_is_joined_at_its_first_use);
	tcase_add_test(test,
		       a_use_is_counted_by_the_acquires_of_the_leases_site);
	tcase_add_test(test, a_connection_that_is_leased_is_joined_to_no_other);
	tcase_add_test(test,
		       a_lease_whose_connection_is_finished_wants_its_next_one);
	tcase_add_test(test, an_error_outlives_the_connection_that_met_it);
	tcase_add_test(test, a_connect_inside_an_acquire_is_the_pools);
	tcase_add_test(test, all_connections_are_a_pool);
	tcase_add_test(test, a_reset_is_an_attempt_as_well);
	suite_add_tcase(suite, test);

	test = tcase_create("exhaustion");
	tcase_add_checked_fixture(test, begin, scratch_remove);
	tcase_add_test(test, the_first_failure_tells_who_has_all_oldest_first);
	tcase_add_test(test, a_refused_connect_tells_who_has_all_of_them);
	suite_add_tcase(suite, test);

	test = tcase_create("processes and threads");
	tcase_add_checked_fixture(test, begin, scratch_remove);
	tcase_add_test(test, when_a_thread_ends_what_it_has_is_marked);
	tcase_add_test(test, whoever_uses_it_later_takes_the_mark_back);
	tcase_add_test(test, a_thread_that_has_given_it_away_leaves_no_mark);
	tcase_add_test(test, what_a_thread_releases_as_it_ends_is_released);
	tcase_add_test(test, a_child_of_fork_inherits_no_lease);
	tcase_add_test(test, many_threads_lose_and_invent_nothing);
	suite_add_tcase(suite, test);
	return suite;
}
