/* SPDX-License-Identifier: MIT */
/* What preload/tracker.h promises, one test per sentence, without libpq. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/recording.h"
#include "preload/tracker.h"
#include "record/reader.h"
#include "tests/scratch.h"
#include "tests/suites.h"

static char handles[20000]; /* only their addresses matter */

static struct acquisition acquisition_of(const void *handle)
{
	struct acquisition what = {
		.handle = handle,
		.function = "PQconnectdb",
		.kind = HANDLE_CONNECTION,
		.state = SLOT_ESTABLISHED,
		.backend_pid = 42,
		.server = { "db1", "5432", "orders", "app" },
	};

	what.stack.frames[0] = (uintptr_t)acquisition_of;
	what.stack.count = 1;
	return what;
}

static void acquire(const void *handle)
{
	const struct acquisition what = acquisition_of(handle);

	tracker_acquired(&what);
	ck_assert(tracker_check());
}

static void acquire_as(const void *handle, enum record_slot_state state)
{
	struct acquisition what = acquisition_of(handle);

	what.state = state;
	what.backend_pid = 0;
	tracker_acquired(&what);
}

static struct misuse misuse;

static void release(const void *handle)
{
	ck_assert(!tracker_releasing(handle, HANDLE_CONNECTION, &misuse));
	ck_assert(tracker_check());
}

static void begin_with_limit(uint64_t limit)
{
	struct config config = { .record_limit = limit };

	scratch_make();
	strcpy(config.folder, scratch);
	recording_init(&config, "/usr/bin/app");
}

static void begin(void)
{
	begin_with_limit(64 << 20);
}

static void begin_small(void)
{
	begin_with_limit(65536);
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

static struct record_slot out[20000];

static unsigned slots_out(pid_t pid)
{
	struct reader *reader = read_record(pid);
	unsigned count = 0;

	for (uint32_t i = 0; i < reader_count(reader, RECORD_SLOTS); i++)
		if (reader_slot(reader, i, &out[count]) &&
		    out[count].state != SLOT_FREE)
			count++;
	reader_free(reader);
	return count;
}

static uint64_t total(enum record_total which)
{
	struct reader *reader = read_record(getpid());
	uint64_t value = reader_header(reader)->totals[which];

	reader_free(reader);
	return value;
}

static uint64_t lost(enum record_loss which)
{
	struct reader *reader = read_record(getpid());
	uint64_t value = reader_header(reader)->lost[which];

	reader_free(reader);
	return value;
}

START_TEST(a_handle_is_out_from_acquire_to_release)
{
	acquire(&handles[0]);
	ck_assert_uint_eq(slots_out(getpid()), 1);
	ck_assert_uint_eq(out[0].handle, record_handle(&handles[0]));
	ck_assert_int_eq(out[0].backend_pid, 42);
	release(&handles[0]);
	ck_assert_uint_eq(slots_out(getpid()), 0);
	ck_assert_uint_eq(total(TOTAL_CONNECTS), 1);
	ck_assert_uint_eq(total(TOTAL_FINISHES), 1);
}
END_TEST

START_TEST(releasing_an_unknown_handle_changes_nothing)
{
	acquire(&handles[0]);
	release(&handles[1]);
	tracker_releasing(&handles[0], HANDLE_CANCEL, &misuse);
	ck_assert_uint_eq(slots_out(getpid()), 1);
	ck_assert_uint_eq(total(TOTAL_FINISHES), 0);
}
END_TEST

START_TEST(a_handle_acquired_twice_without_release_counts_once)
{
	acquire(&handles[0]);
	acquire(&handles[0]);
	ck_assert_uint_eq(slots_out(getpid()), 1);
	ck_assert_uint_eq(total(TOTAL_CONNECTS), 2);
	ck_assert_uint_eq(total(TOTAL_FINISHES), 1);
	ck_assert_uint_eq(total(TOTAL_PEAK_OPEN), 1);
}
END_TEST

START_TEST(the_peak_is_the_most_that_were_out_at_once)
{
	for (int i = 0; i < 5; i++)
		acquire(&handles[i]);
	for (int i = 0; i < 5; i++)
		release(&handles[i]);
	acquire(&handles[7]);
	ck_assert_uint_eq(total(TOTAL_PEAK_OPEN), 5);
}
END_TEST

START_TEST(an_async_connect_is_established_when_it_is_said)
{
	acquire_as(&handles[0], SLOT_CONNECTING);
	ck_assert_uint_eq(total(TOTAL_ESTABLISHED), 0);
	tracker_established(&handles[0], 77);
	tracker_established(&handles[0], 77);
	ck_assert_uint_eq(slots_out(getpid()), 1);
	ck_assert_uint_eq(out[0].state, SLOT_ESTABLISHED);
	ck_assert_int_eq(out[0].backend_pid, 77);
	ck_assert_uint_eq(total(TOTAL_ESTABLISHED), 1);
}
END_TEST

START_TEST(a_failed_connect_is_a_handle)
{
	acquire_as(&handles[0], SLOT_CONNECTING);
	tracker_failed(&handles[0]);
	ck_assert_uint_eq(slots_out(getpid()), 1);
	ck_assert_uint_eq(out[0].state, SLOT_FAILED);
	ck_assert_uint_eq(total(TOTAL_CONNECTS), 1);
	ck_assert_uint_eq(total(TOTAL_ESTABLISHED), 0);
}
END_TEST

START_TEST(a_reset_keeps_the_handle_and_changes_the_backend)
{
	acquire(&handles[0]);
	tracker_resetting(&handles[0], &misuse);
	tracker_established(&handles[0], 43);
	ck_assert_uint_eq(slots_out(getpid()), 1);
	ck_assert_int_eq(out[0].backend_pid, 43);
	ck_assert_uint_eq(out[0].resets, 1);
	ck_assert_uint_eq(total(TOTAL_CONNECTS), 1);
	ck_assert_uint_eq(total(TOTAL_RESETS), 1);
	ck_assert_uint_eq(total(TOTAL_ESTABLISHED), 1);
}
END_TEST

START_TEST(a_failed_reset_stays_ever_established_and_is_no_reset)
{
	acquire(&handles[0]);
	tracker_resetting(&handles[0], &misuse);
	tracker_failed(&handles[0]);
	ck_assert_uint_eq(slots_out(getpid()), 1);
	ck_assert_uint_eq(out[0].state, SLOT_FAILED);
	ck_assert(out[0].flags & SLOT_EVER_ESTABLISHED);
	ck_assert_uint_eq(total(TOTAL_RESETS), 0);
}
END_TEST

START_TEST(cancel_handles_are_in_no_total)
{
	struct acquisition what = acquisition_of(&handles[0]);

	what.kind = HANDLE_CANCEL;
	tracker_acquired(&what);
	ck_assert_uint_eq(slots_out(getpid()), 1);
	ck_assert_uint_eq(total(TOTAL_CONNECTS), 0);
	ck_assert_uint_eq(total(TOTAL_PEAK_OPEN), 0);
	tracker_releasing(&handles[0], HANDLE_CANCEL, &misuse);
	ck_assert_uint_eq(slots_out(getpid()), 0);
}
END_TEST

START_TEST(what_may_hide_a_password_is_never_stored)
{
	struct acquisition what = acquisition_of(&handles[0]);
	char text[65536];
	struct reader *reader;
	FILE *file;
	size_t size;

	what.server.dbname = "postgres://app:hunter2@db1/orders";
	what.server.host = "host=db1 password=hunter2";
	tracker_acquired(&what);
	reader = read_record(getpid());
	ck_assert_uint_eq(slots_out(getpid()), 1);
	reader_free(reader);
	ck_assert_int_eq(system(NULL) != 0, 1);
	snprintf(text, sizeof(text), "cat %s/*.rec", scratch);
	file = popen(text, "r");
	size = fread(text, 1, sizeof(text), file);
	pclose(file);
	ck_assert_ptr_null(memmem(text, size, "hunter2", 7));
	ck_assert_ptr_nonnull(memmem(text, size, "(conninfo)", 10));
}
END_TEST

static void acquire_bounded(const void *handle, unsigned flags,
			    uint32_t connect_timeout_s)
{
	struct acquisition what = acquisition_of(handle);

	what.bounds.flags = (uint16_t)flags;
	what.bounds.connect_timeout_s = connect_timeout_s;
	tracker_acquired(&what);
}

START_TEST(a_server_is_kept_once_for_each_bound_in_time)
{
	const unsigned known = SERVER_TCP | SERVER_TIMEOUT;
	struct record_server servers[2];
	struct record_site site;
	struct reader *reader;

	acquire_bounded(&handles[0], known, 0);
	acquire_bounded(&handles[1], known, 10);
	acquire_bounded(&handles[2], known, 0);
	reader = read_record(getpid());
	ck_assert_uint_eq(reader_count(reader, RECORD_SERVERS), 2);
	ck_assert(reader_server(reader, 0, &servers[0]));
	ck_assert(reader_server(reader, 1, &servers[1]));
	ck_assert_uint_eq(servers[0].opened, 2);
	ck_assert_uint_eq(servers[1].opened, 1);
	ck_assert_uint_eq(servers[1].connect_timeout_s, 10);
	ck_assert_uint_eq(servers[1].flags, known);
	ck_assert(reader_site(reader, 0, &site));
	ck_assert_uint_eq(site.unbounded, 2);
	reader_free(reader);
}
END_TEST

START_TEST(equal_stacks_are_one_site_with_its_sums)
{
	struct reader *reader;
	struct record_site site;

	for (int i = 0; i < 10; i++)
		acquire(&handles[i]);
	for (int i = 0; i < 4; i++)
		release(&handles[i]);
	reader = read_record(getpid());
	ck_assert_uint_eq(reader_count(reader, RECORD_SITES), 1);
	ck_assert(reader_site(reader, 0, &site));
	ck_assert_uint_eq(site.acquired, 10);
	ck_assert_uint_eq(site.released, 4);
	ck_assert_str_eq(reader_string(reader, site.function), "PQconnectdb");
	reader_free(reader);
}
END_TEST

START_TEST(ten_thousand_handles_at_once_are_all_kept)
{
	for (int i = 0; i < 10000; i++)
		tracker_acquired(&(struct acquisition){
			.handle = &handles[i],
			.function = "PQconnectdb",
			.kind = HANDLE_CONNECTION,
			.state = SLOT_ESTABLISHED,
			.stack = { .frames = { 1 }, .count = 1 },
		});
	ck_assert(tracker_check());
	ck_assert_uint_eq(slots_out(getpid()), 10000);
	ck_assert_uint_eq(lost(LOSS_HANDLE), 0);
}
END_TEST

START_TEST(what_does_not_fit_is_counted_and_its_release_too)
{
	unsigned kept;

	for (int i = 0; i < 500; i++)
		acquire(&handles[i]);
	kept = slots_out(getpid());
	ck_assert_uint_lt(kept, 500);
	ck_assert_uint_eq(lost(LOSS_HANDLE), 500 - kept);
	ck_assert_uint_eq(total(TOTAL_CONNECTS), 500);
	for (int i = 0; i < 500; i++)
		release(&handles[i]);
	ck_assert_uint_eq(total(TOTAL_FINISHES), 500);
	ck_assert_uint_eq(slots_out(getpid()), 0);
}
END_TEST

START_TEST(a_child_of_fork_inherits_no_handle_and_has_its_own_record)
{
	pid_t parent = getpid(), child;
	int status;

	acquire(&handles[0]);
	child = fork();
	if (!child) {
		acquire(&handles[1]);
		_exit(slots_out(getpid()) == 1 &&
				      out[0].handle ==
					      record_handle(&handles[1])
			      ? 0
			      : 1);
	}
	waitpid(child, &status, 0);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(slots_out(parent), 1);
	ck_assert_uint_eq(total(TOTAL_FINISHES), 0);
}
END_TEST

/* Goes on in a child; the parent waits for it to end well. */
static bool in_child(void)
{
	const pid_t child = fork();
	int status;

	if (!child)
		return true;
	waitpid(child, &status, 0);
	ck_assert_int_eq(status, 0);
	return false;
}

static void misuse_at(uintptr_t where)
{
	const struct stack stack = { .frames = { where }, .count = 1 };

	misuse.function = "PQfinish";
	tracker_misused(&misuse, &stack);
}

static struct record_event event_of(pid_t pid, uint32_t number)
{
	struct reader *reader = read_record(pid);
	struct record_event event;
	struct record_site site;

	ck_assert(reader_event(reader, number, &event));
	ck_assert(reader_site(reader, event.stack, &site));
	ck_assert_uint_eq(site.acquired, 0);
	reader_free(reader);
	return event;
}

START_TEST(to_release_an_inherited_connection_is_wrong_and_no_finish)
{
	const pid_t parent = getpid();
	struct record_event event;

	acquire(&handles[0]);
	acquire(&handles[1]);
	if (!in_child())
		return;
	ck_assert(tracker_releasing(&handles[1], HANDLE_CONNECTION, &misuse));
	misuse_at(0xbeef);
	ck_assert(tracker_check());
	event = event_of(getpid(), 0);
	ck_assert_int_eq(event.kind, EVENT_FORKED_FINISH);
	ck_assert_uint_eq(event.handle, record_handle(&handles[1]));
	ck_assert_int_eq(event.owner_pid, parent);
	ck_assert_uint_eq(event.owner_site, 0);
	ck_assert_uint_eq(total(TOTAL_FINISHES), 0);
	release(&handles[1]); /* not known any more */
	_exit(0);
}
END_TEST

START_TEST(a_grandchild_inherits_from_both)
{
	const pid_t first = getpid();
	pid_t second;

	acquire(&handles[0]);
	if (!in_child())
		return;
	second = getpid();
	acquire(&handles[1]);
	if (!in_child())
		_exit(0);
	ck_assert(tracker_releasing(&handles[0], HANDLE_CONNECTION, &misuse));
	ck_assert_int_eq(misuse.owner.pid, first);
	ck_assert(tracker_resetting(&handles[1], &misuse));
	ck_assert_int_eq(misuse.owner.pid, second);
	ck_assert(tracker_check());
	_exit(0);
}
END_TEST

START_TEST(an_inherited_address_may_come_back_as_our_own)
{
	acquire(&handles[0]);
	if (!in_child())
		return;
	acquire(&handles[0]);
	ck_assert_uint_eq(slots_out(getpid()), 1);
	release(&handles[0]);
	ck_assert_uint_eq(total(TOTAL_FINISHES), 1);
	_exit(0);
}
END_TEST

START_TEST(to_free_an_inherited_cancel_handle_harms_nobody)
{
	struct acquisition what = acquisition_of(&handles[0]);

	what.kind = HANDLE_CANCEL;
	tracker_acquired(&what);
	if (!in_child())
		return;
	ck_assert(!tracker_releasing(&handles[0], HANDLE_CANCEL, &misuse));
	ck_assert(tracker_check());
	_exit(0);
}
END_TEST

START_TEST(a_misuse_that_does_not_fit_is_counted)
{
	misuse = (struct misuse){ .handle_kind = HANDLE_CONNECTION };
	for (int i = 0; i < 100; i++)
		misuse_at(0xbeef);
	ck_assert_uint_eq(event_of(getpid(), 63).handle, record_handle(NULL));
	ck_assert_uint_eq(lost(LOSS_EVENT), 100 - 64);
}
END_TEST

static uint32_t flags(void)
{
	struct reader *reader = read_record(getpid());
	const uint32_t value = reader_header(reader)->flags;

	reader_free(reader);
	return value;
}

START_TEST(a_record_made_ahead_is_none_until_it_is_needed)
{
	tracker_begin();
	recording_grow_ahead();
	ck_assert_uint_eq(flags(), 0);
	if (!in_child())
		return;
	recording_grow_ahead();
	ck_assert_uint_eq(flags(), RECORD_AHEAD);
	acquire(&handles[0]);
	ck_assert_uint_eq(flags(), 0);
	recording_grow_ahead();
	ck_assert_uint_eq(flags(), 0);
	ck_assert_uint_eq(slots_out(getpid()), 1);
	_exit(0);
}
END_TEST

START_TEST(without_libpq_nothing_is_made_ahead)
{
	recording_grow_ahead();
	ck_assert(!recording_is_own());
}
END_TEST

/* Each thread has handles of its own, and all begin at once. */
static void *churn(void *mine)
{
	for (int round = 0; round < 300; round++) {
		for (int i = 0; i < 20; i++)
			tracker_acquired(&(struct acquisition){
				.handle = (char *)mine + i,
				.function = "PQconnectdb",
				.kind = HANDLE_CONNECTION,
				.state = SLOT_ESTABLISHED,
				.stack = { .frames = { 1 + (uintptr_t)(i % 3) },
					   .count = 1 },
			});
		for (int i = 0; i < 20; i++)
			tracker_releasing((char *)mine + i, HANDLE_CONNECTION,
					  &(struct misuse){ 0 });
	}
	tracker_acquired(&(struct acquisition){
		.handle = mine,
		.function = "PQconnectdb",
		.kind = HANDLE_CONNECTION,
		.state = SLOT_ESTABLISHED,
		.stack = { .frames = { 1 }, .count = 1 },
	});
	return NULL;
}

static int status_of(pid_t child)
{
	int status = 0;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return status;
}

START_TEST(only_the_process_whose_record_it_is_has_it)
{
	pid_t child;

	ck_assert(!recording_is_own());
	acquire(&handles[0]);
	ck_assert(recording_is_own());
	child = fork();
	if (!child)
		_exit(recording_is_own());
	ck_assert_int_eq(status_of(child), 0);
	child = vfork();
	if (!child)
		_exit(recording_is_own());
	ck_assert_int_eq(status_of(child), 0);
	ck_assert(recording_is_own());
}
END_TEST

/*
 * How often a word is in memory that can be written, but for the stack, and
 * for what a sanitizer has reserved to note what may be read.
 */
__attribute__((no_sanitize("address"))) static int
count_pointers(const char *line, uintptr_t pointer)
{
	uintptr_t start, end;
	int count = 0;

	if (sscanf(line, "%lx-%lx", &start, &end) != 2 ||
	    !strstr(line, " rw") || strstr(line, "[stack]") ||
	    end - start > (uintptr_t)1 << 30)
		return 0;
	for (; start < end; start += sizeof(pointer))
		count += *(volatile uintptr_t *)start == pointer;
	return count;
}

START_TEST(a_handle_is_not_pointed_to)
{
	char line[4096];
	FILE *maps;
	int count = 0;

	begin();
	acquire(&handles[7777]);
	maps = fopen("/proc/self/maps", "r");
	while (fgets(line, sizeof(line), maps))
		count += count_pointers(line, (uintptr_t)&handles[7777]);
	fclose(maps);
	ck_assert_int_eq(count, 0);
}
END_TEST

START_TEST(many_threads_lose_and_invent_nothing)
{
	pthread_t threads[16];

	for (int i = 0; i < 16; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, churn,
						&handles[i * 100]),
				 0);
	for (int i = 0; i < 16; i++)
		pthread_join(threads[i], NULL);
	ck_assert(tracker_check());
	ck_assert_uint_eq(slots_out(getpid()), 16);
	ck_assert_uint_eq(total(TOTAL_CONNECTS), 16 * (300 * 20 + 1));
	ck_assert_uint_eq(total(TOTAL_FINISHES), 16 * 300 * 20);
}
END_TEST

/*
 * An allocator with few addresses, as libpq's is when all is released soon: one
 * that was released is the next to be handed out, to any thread.
 */
enum { ADDRESSES = 64, BOXES = 16, PEERS = 200 };

static struct {
	pthread_mutex_t lock;
	void *unused[ADDRESSES + PEERS];
	int count;
} allocator = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void free_address(void *address)
{
	pthread_mutex_lock(&allocator.lock);
	allocator.unused[allocator.count++] = address;
	pthread_mutex_unlock(&allocator.lock);
}

static void *take_address(void)
{
	void *address;

	pthread_mutex_lock(&allocator.lock);
	address = allocator.unused[--allocator.count];
	pthread_mutex_unlock(&allocator.lock);
	return address;
}

static _Atomic(void *) boxes[BOXES];

/* What one thread acquires and leaves in a box, another one releases. */
static void *hand_over(void *number)
{
	unsigned seed = (unsigned)(uintptr_t)number;

	for (int round = 0; round < 100; round++) {
		const void *address = take_address();
		const struct acquisition what = acquisition_of(address);
		void *other;

		tracker_acquired(&what);
		other = atomic_exchange(&boxes[rand_r(&seed) % BOXES],
					(void *)address);
		if (!other)
			continue;
		tracker_releasing(other, HANDLE_CONNECTION,
				  &(struct misuse){ 0 });
		free_address(other);
	}
	return NULL;
}

START_TEST(handles_wander_between_200_threads_at_few_addresses)
{
	pthread_t threads[PEERS];
	unsigned left = 0;

	for (int i = 0; i < ADDRESSES + PEERS; i++)
		free_address(&handles[i]);
	for (uintptr_t i = 0; i < PEERS; i++)
		ck_assert_int_eq(
			pthread_create(&threads[i], NULL, hand_over, (void *)i),
			0);
	for (int i = 0; i < PEERS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < BOXES; i++)
		left += boxes[i] != NULL;
	ck_assert(tracker_check());
	ck_assert_uint_eq(slots_out(getpid()), left);
	ck_assert_uint_eq(total(TOTAL_CONNECTS), PEERS * 100);
	ck_assert_uint_eq(total(TOTAL_FINISHES), PEERS * 100 - left);
}
END_TEST

START_TEST(without_a_folder_nothing_is_kept_and_nothing_breaks)
{
	/* It says so in one line; the end-to-end tests read it. */
	ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
	scratch_remove();
	acquire(&handles[0]);
	tracker_established(&handles[0], 1);
	release(&handles[0]);
	scratch_make();
}
END_TEST

Suite *tracker_suite(void)
{
	Suite *suite = suite_create("tracker");
	TCase *test = tcase_create("one thread");

	tcase_add_checked_fixture(test, begin, scratch_remove);
	tcase_add_test(test, a_handle_is_out_from_acquire_to_release);
	tcase_add_test(test, releasing_an_unknown_handle_changes_nothing);
	tcase_add_test(test,
		       a_handle_acquired_twice_without_release_counts_once);
	tcase_add_test(test, the_peak_is_the_most_that_were_out_at_once);
	tcase_add_test(test, an_async_connect_is_established_when_it_is_said);
	tcase_add_test(test, a_failed_connect_is_a_handle);
	tcase_add_test(test, a_reset_keeps_the_handle_and_changes_the_backend);
	tcase_add_test(test,
		       a_failed_reset_stays_ever_established_and_is_no_reset);
	tcase_add_test(test, cancel_handles_are_in_no_total);
	tcase_add_test(test, what_may_hide_a_password_is_never_stored);
	tcase_add_test(test, a_server_is_kept_once_for_each_bound_in_time);
	tcase_add_test(test, equal_stacks_are_one_site_with_its_sums);
	tcase_add_test(test, ten_thousand_handles_at_once_are_all_kept);
	tcase_add_test(test,
		       without_a_folder_nothing_is_kept_and_nothing_breaks);
	tcase_add_test(test, a_record_made_ahead_is_none_until_it_is_needed);
	tcase_add_test(test, without_libpq_nothing_is_made_ahead);
	suite_add_tcase(suite, test);

	test = tcase_create("a record that is full");
	tcase_add_checked_fixture(test, begin_small, scratch_remove);
	tcase_add_test(test, what_does_not_fit_is_counted_and_its_release_too);
	tcase_add_test(test, a_misuse_that_does_not_fit_is_counted);
	suite_add_tcase(suite, test);

	test = tcase_create("processes and threads");
	tcase_add_checked_fixture(test, begin, scratch_remove);
	tcase_add_test(
		test,
		a_child_of_fork_inherits_no_handle_and_has_its_own_record);
	tcase_add_test(test, only_the_process_whose_record_it_is_has_it);
	tcase_add_test(
		test,
		to_release_an_inherited_connection_is_wrong_and_no_finish);
	tcase_add_test(test, a_grandchild_inherits_from_both);
	tcase_add_test(test, an_inherited_address_may_come_back_as_our_own);
	tcase_add_test(test, to_free_an_inherited_cancel_handle_harms_nobody);
	tcase_add_test(test, a_handle_is_not_pointed_to);
	tcase_add_test(test, many_threads_lose_and_invent_nothing);
	tcase_add_test(test,
		       handles_wander_between_200_threads_at_few_addresses);
	tcase_set_timeout(test, 60);
	suite_add_tcase(suite, test);
	return suite;
}
