/* SPDX-License-Identifier: MIT */
/* What record/reader.h promises while the process goes on. */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "record/reader.h"
#include "tests/make_record.h"
#include "tests/scratch.h"
#include "tests/suites.h"

#define SLOTS	 4096u
#define OPENINGS 200u
#define GROWTHS	 1500u

/* A record of slots, mapped as the process has it. */
static struct {
	struct make_record made;
	int fd;
	unsigned char *bytes;
	atomic_bool stop; /* either thread tells the other */
	pthread_t thread;
} live;

static void begin(void)
{
	const struct record_slot slot = { .sequence = 2, .site = RECORD_NONE };
	struct make_record *m = &live.made;

	make_init(m);
	m->room = GROWTHS;
	for (uint32_t i = 0; i < SLOTS; i++)
		make_slot(m, &slot);
	make_finish(m);
	scratch_make();
	make_save(m, scratch_path("record"));
	live.fd = open(scratch_path("record"), O_RDWR);
	ck_assert_int_ge(live.fd, 0);
	live.bytes = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			  live.fd, 0);
	ck_assert_ptr_ne(live.bytes, MAP_FAILED);
	live.stop = false;
}

static void end(void)
{
	munmap(live.bytes, live.made.size);
	close(live.fd);
	scratch_remove();
	make_release(&live.made);
}

static struct record_slot *live_slot(uint32_t number)
{
	const struct record_segment *s = make_segment(&live.made, RECORD_SLOTS);

	return (void *)(live.bytes + s->offset +
			number * sizeof(struct record_slot));
}

static void begin_change(struct record_slot *slot)
{
	atomic_store_explicit(&slot->sequence, slot->sequence + 1,
			      memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void end_change(struct record_slot *slot)
{
	atomic_store_explicit(&slot->sequence, slot->sequence + 1,
			      memory_order_release);
}

static struct reader *open_live(void)
{
	struct reader *r;
	const char *why;
	const int err = reader_open(AT_FDCWD, scratch_path("record"), &r, &why);

	ck_assert_msg(!err, "refused: %s", why);
	return r;
}

/* All slots over and over, each with fields that agree. */
static void *change_slots(void *unused)
{
	(void)unused;
	for (uint64_t n = 1; !live.stop; n++) {
		struct record_slot *slot = live_slot(n % SLOTS);

		begin_change(slot);
		slot->handle = n;
		slot->acquired_ns = n;
		slot->established_ns = n;
		slot->backend_pid = (int32_t)n;
		end_change(slot);
	}
	return NULL;
}

static bool torn(const struct record_slot *slot)
{
	return slot->acquired_ns != slot->handle ||
	       slot->established_ns != slot->handle ||
	       slot->backend_pid != (int32_t)slot->handle;
}

START_TEST(a_slot_is_what_it_was_at_one_moment)
{
	uint32_t whole = 0, in_flight = 0, torn_ones = 0;

	ck_assert_int_eq(pthread_create(&live.thread, NULL, change_slots, NULL),
			 0);
	for (uint32_t n = 0; n < OPENINGS; n++) {
		struct reader *r = open_live();
		struct record_slot slot;

		in_flight += reader_in_flight(r);
		for (uint32_t i = 0; i < SLOTS; i++) {
			if (!reader_slot(r, i, &slot))
				continue;
			whole++;
			torn_ones += torn(&slot);
		}
		reader_free(r);
	}
	live.stop = true;
	pthread_join(live.thread, NULL);
	ck_assert_msg(torn_ones == 0, "%u of %u slots were torn", torn_ones,
		      whole);
	ck_assert_uint_eq(whole + in_flight, OPENINGS * SLOTS);
	ck_assert_msg(whole > OPENINGS * SLOTS / 10, "only %u of %u were read",
		      whole, OPENINGS * SLOTS);
}
END_TEST

/* A site in a segment of its own, as the writer would append it. */
static uint32_t append_site(void)
{
	struct record_header *h = (void *)live.bytes;
	const uint32_t count = h->segment_count;
	const uint32_t number = count - (uint32_t)live.made.segment_count;
	const struct record_site site = { .hash = number };
	const struct record_segment entry = {
		.type = RECORD_SITES,
		.version = 1,
		.element_size = sizeof(site),
		.count = 1,
		.offset = h->file_size,
		.used = 1,
		.first = number,
	};

	if (pwrite(live.fd, &site, sizeof(site), (off_t)entry.offset) < 0)
		abort();
	atomic_store(&h->file_size, entry.offset + sizeof(site));
	memcpy(live.bytes + h->header_size +
		       (size_t)count * h->directory_entry_size,
	       &entry, sizeof(entry));
	atomic_store_explicit(&h->segment_count, count + 1,
			      memory_order_release);
	return number;
}

/* Each site is referred to as soon as it is there. */
static void *add_sites(void *unused)
{
	(void)unused;
	for (uint32_t n = 0; n < GROWTHS; n++) {
		struct record_slot *slot = live_slot(n % SLOTS);
		const uint32_t site = append_site();

		begin_change(slot);
		slot->site = site;
		end_change(slot);
		usleep(100);
	}
	live.stop = true;
	return NULL;
}

START_TEST(what_a_slot_refers_to_is_there_while_the_file_grows)
{
	uint32_t dangling = 0, followed = 0;

	ck_assert_int_eq(pthread_create(&live.thread, NULL, add_sites, NULL),
			 0);
	while (!live.stop) {
		struct reader *r = open_live();
		struct record_slot slot;
		struct record_site site;

		for (uint32_t i = 0; i < SLOTS; i++) {
			if (!reader_slot(r, i, &slot) ||
			    slot.site == RECORD_NONE)
				continue;
			followed++;
			dangling += !reader_site(r, slot.site, &site) ||
				    site.hash != slot.site;
		}
		reader_free(r);
	}
	pthread_join(live.thread, NULL);
	ck_assert_msg(!dangling, "%u of %u sites were missing", dangling,
		      followed);
	ck_assert_uint_gt(followed, 0);
}
END_TEST

/* A thread that was stopped, or killed, in the middle of a change. */
START_TEST(slots_that_are_never_done_are_given_up)
{
	struct reader *r;

	for (uint32_t i = 0; i < SLOTS; i++)
		begin_change(live_slot(i));
	r = open_live();
	ck_assert_uint_eq(reader_in_flight(r), SLOTS);
	reader_free(r);
}
END_TEST

Suite *snapshot_suite(void)
{
	Suite *suite = suite_create("snapshot");
	TCase *tc = tcase_create("while the process goes on");

	tcase_add_checked_fixture(tc, begin, end);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, a_slot_is_what_it_was_at_one_moment);
	tcase_add_test(tc, what_a_slot_refers_to_is_there_while_the_file_grows);
	tcase_add_test(tc, slots_that_are_never_done_are_given_up);
	suite_add_tcase(suite, tc);
	return suite;
}
