/* SPDX-License-Identifier: MIT */
#include "tests/audit/compare.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PLACE_SIZE 128u /* bytes of a function that acquires, at most */

struct figures figures;

static const struct journal *journal;
static uint64_t began_ns;
/* The handles that were read while it ran, of each thread. */
static uint64_t live[JOURNAL_THREADS][JOURNAL_GIVEN];

void wrong(const char *format, ...)
{
	va_list list;

	if (figures.wrong++ >= 20)
		return;
	va_start(list, format);
	fputs("audit: ", stderr);
	vfprintf(stderr, format, list);
	fputs("\n", stderr);
	va_end(list);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void compare_begin(const struct journal *of)
{
	journal = of;
	began_ns = now_ns();
	memset(live, 0, sizeof(live));
}

static int thread_of(const struct record_slot *slot)
{
	int n = 0;

	while (n < JOURNAL_THREADS && (!journal->threads[n].tid ||
				       journal->threads[n].tid != slot->tid))
		n++;
	return n;
}

static enum journal_kind kind_of(const struct record_slot *slot)
{
	return slot->kind == HANDLE_CANCEL ? KIND_CANCEL : KIND_CONNECTION;
}

/* The call that acquired lies in the thread's own function. */
static bool is_in_place(const struct reader *reader,
			const struct record_slot *slot,
			const struct journal_thread *thread)
{
	const uint64_t place = thread->place[kind_of(slot)];
	struct record_module module;
	struct record_frame frame;
	struct record_site site;

	return reader_site(reader, slot->site, &site) &&
	       site.kind == slot->kind &&
	       reader_frame(reader, &site, 0, &frame) &&
	       reader_module(reader, frame.where, &module) &&
	       frame.offset + module.bias - place < PLACE_SIZE;
}

/* The journal has addresses. */
static uint64_t address_of(const struct record_slot *slot)
{
	return (uintptr_t)record_handle_address(slot->handle);
}

/* What no slot can be that was read whole; NULL if it is none of that. */
static const char *impossible(const struct reader *reader,
			      const struct record_slot *slot)
{
	const uint64_t when =
		reader_header(reader)->started_mono + slot->acquired_ns;
	const int n = thread_of(slot);

	if (n == JOURNAL_THREADS)
		return "is of no thread";
	if (!is_in_place(reader, slot, &journal->threads[n]))
		return "was acquired in another thread's function";
	if (!address_of(slot) || slot->state > SLOT_ESTABLISHED)
		return "has no handle or no state";
	if (when < began_ns || when > now_ns())
		return "was acquired at no time";
	return NULL;
}

static bool add_once(uint64_t *list, uint64_t handle)
{
	unsigned i = 0;

	while (i < JOURNAL_GIVEN && list[i] && list[i] != handle)
		i++;
	if (i < JOURNAL_GIVEN)
		list[i] = handle;
	return i < JOURNAL_GIVEN;
}

void compare_live(const struct reader *reader)
{
	struct record_slot slot;

	figures.live_reads++;
	figures.live_in_flight += reader_in_flight(reader);
	for (uint32_t i = 0; i < reader_count(reader, RECORD_SLOTS); i++) {
		const char *why;

		if (!reader_slot(reader, i, &slot) || slot.state == SLOT_FREE)
			continue;
		figures.live_slots++;
		why = impossible(reader, &slot);
		if (why)
			wrong("live: slot %u %s", i, why);
		else if (!add_once(live[thread_of(&slot)], address_of(&slot)))
			wrong("live: too many handles to remember");
	}
}

/* What the journal says of a thread, and what the record has of it. */
struct account {
	const struct journal_thread *thread;
	enum journal_step step;
	unsigned doubtful; /* the entry that the step concerns */
	bool there[JOURNAL_OUT];
	unsigned doubts; /* slots that only the step explains */
};

static bool is_in_doubt(const struct account *a, unsigned entry)
{
	return a->step != STEP_NONE && entry == a->doubtful;
}

/* The entry of a handle that was acknowledged; JOURNAL_OUT if there is none. */
static unsigned entry_of(const struct account *a,
			 const struct record_slot *slot)
{
	unsigned i = 0;

	while (i < JOURNAL_OUT &&
	       (a->thread->out[i].handle != address_of(slot) ||
		a->thread->out[i].kind != kind_of(slot)))
		i++;
	return i;
}

static void check_entry(const struct reader *reader,
			const struct record_slot *slot,
			const struct journal_handle *entry)
{
	const uint64_t when =
		reader_header(reader)->started_mono + slot->acquired_ns;
	struct record_server server;

	if (when < entry->before_ns || when > entry->after_ns)
		wrong("a handle was acquired at another time");
	if (slot->state != entry->state ||
	    slot->backend_pid != entry->backend_pid)
		wrong("a handle has another state, or another backend");
	if (slot->state == SLOT_ESTABLISHED &&
	    !reader_server(reader, slot->server, &server))
		wrong("a handle has no server");
}

static void check_slot(const struct reader *reader,
		       const struct record_slot *slot, struct account *accounts)
{
	const char *why = impossible(reader, slot);
	struct account *a;
	unsigned entry;

	if (why) {
		wrong("a slot %s", why);
		return;
	}
	a = &accounts[thread_of(slot)];
	entry = entry_of(a, slot);
	if (entry < JOURNAL_OUT && !is_in_doubt(a, entry)) {
		check_entry(reader, slot, &a->thread->out[entry]);
		if (a->there[entry])
			wrong("a handle is there twice");
		a->there[entry] = true;
	} else if (entry < JOURNAL_OUT || a->step == STEP_ACQUIRING) {
		a->doubts++;
	} else {
		wrong("a handle is there that was released");
	}
}

static void check_account(const struct account *a, bool any_in_flight)
{
	for (unsigned i = 0; i < JOURNAL_OUT; i++)
		if (a->thread->out[i].handle && !a->there[i] &&
		    !is_in_doubt(a, i))
			wrong("a handle is missing that was acknowledged");
	if (a->doubts > 1)
		wrong("%u handles of one thread in doubt", a->doubts);
	if (a->step == STEP_CHANGING && !a->doubts && !any_in_flight)
		wrong("a handle is missing that was reset");
}

/* At least what was acknowledged, at most the steps in doubt more. */
static void check_sum(const char *what, uint64_t is, uint64_t least,
		      uint64_t more)
{
	if (is < least || is > least + more)
		wrong("%llu %s, not %llu to %llu", (unsigned long long)is, what,
		      (unsigned long long)least,
		      (unsigned long long)(least + more));
}

static void check_totals(const struct record_header *header,
			 const struct account *accounts)
{
	uint64_t acquired = 0, acquiring = 0, released = 0, releasing = 0;

	for (int n = 0; n < JOURNAL_THREADS; n++) {
		const struct account *a = &accounts[n];

		acquired += a->thread->acquired[KIND_CONNECTION];
		released += a->thread->released[KIND_CONNECTION];
		acquiring += a->step == STEP_ACQUIRING;
		releasing += a->step == STEP_RELEASING;
		figures.acquired += a->thread->acquired[KIND_CANCEL];
		figures.released += a->thread->released[KIND_CANCEL];
	}
	figures.acquired += acquired;
	figures.released += released;
	if (!header) {
		check_sum("acquired without a record", acquired, 0, 0);
		return;
	}
	check_sum("connects", header->totals[TOTAL_CONNECTS], acquired,
		  acquiring);
	check_sum("finishes", header->totals[TOTAL_FINISHES], released,
		  releasing);
	for (int i = 0; i < LOSS_KINDS; i++)
		check_sum("losses", header->lost[i], 0, 0);
}

/* All that was read live was once given, but what is in doubt. */
static void check_live(const struct account *a, const uint64_t *handles)
{
	unsigned unknown = 0;

	for (int i = 0; i < JOURNAL_GIVEN && handles[i]; i++) {
		int n = 0;

		while (n < JOURNAL_GIVEN && a->thread->given[n] != handles[i])
			n++;
		unknown += n == JOURNAL_GIVEN;
	}
	if (unknown > (a->step == STEP_ACQUIRING))
		wrong("live: %u handles that nobody was given", unknown);
}

static void check_slots(const struct reader *reader, struct account *accounts)
{
	const uint32_t in_flight = reader_in_flight(reader);
	uint32_t doubts = 0;
	struct record_slot slot;

	for (uint32_t i = 0; i < reader_count(reader, RECORD_SLOTS); i++) {
		if (!reader_slot(reader, i, &slot) || slot.state == SLOT_FREE)
			continue;
		figures.out++;
		check_slot(reader, &slot, accounts);
	}
	for (int n = 0; n < JOURNAL_THREADS; n++) {
		check_account(&accounts[n], in_flight);
		doubts += accounts[n].step != STEP_NONE;
	}
	check_sum("slots in flight", in_flight, 0, doubts);
	figures.in_doubt += doubts;
	figures.in_flight += in_flight;
	if (in_flight > figures.most_in_flight)
		figures.most_in_flight = in_flight;
}

void compare_ended(const struct reader *reader)
{
	struct account accounts[JOURNAL_THREADS] = { { .step = STEP_NONE } };

	for (int n = 0; n < JOURNAL_THREADS; n++) {
		const struct journal_thread *thread = &journal->threads[n];

		accounts[n].thread = thread;
		accounts[n].step = thread->step % 16;
		accounts[n].doubtful = thread->step / 16;
		check_live(&accounts[n], live[n]);
	}
	check_totals(reader ? reader_header(reader) : NULL, accounts);
	if (reader)
		check_slots(reader, accounts);
}
