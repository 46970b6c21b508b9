/* SPDX-License-Identifier: MIT */
#include "preload/tracker.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "preload/finished.h"
#include "preload/handles.h"
#include "preload/holds.h"
#include "preload/joins.h"
#include "preload/leases.h"
#include "preload/modules.h"
#include "preload/pools.h"
#include "preload/recording.h"
#include "preload/sites.h"
#include "preload/uses.h"
#include "preload/wrongs.h"

/*
 * Guarded by recording_lock().  Whenever that is free, `open` connections are
 * out, `unseen` of them without a slot.
 */
static struct {
	uint64_t open, unseen;
	unsigned generation; /* of the process that all here is about */
} tracker;

static void begin_process(void)
{
	memset(&tracker, 0, sizeof(tracker));
	tracker.generation = recording_generation();
	handles_inherit();
	sites_forget();
	servers_forget();
	modules_forget();
	misuses_forget();
	leases_forget();
	memory_forget();
	uses_forget();
	finished_forget();
}

/* The record, with everything here belonging to this process. */
struct writer *tracker_lock(void)
{
	struct writer *record = recording_lock();

	if (recording_generation() != tracker.generation)
		begin_process();
	return record;
}

/* Tells the pool of all connections; cancel handles are in none. */
static void moved(struct writer *record, const struct record_slot *slot,
		  enum record_slot_state from)
{
	if (slot->kind == HANDLE_CONNECTION)
		pools_connection(record, slot, from);
}

/*
 * Takes a place off: first in the file, then in the table.  The slot comes
 * before the sums: a process that is killed in between had begun to release.
 */
static void forget(struct writer *record, struct place *place)
{
	struct record_slot *slot = place->slot;
	const enum record_slot_state state = slot->state;

	uses_remove(place->handle);
	leases_finishing(record, slot);
	writer_slot_begin(slot);
	slot->state = SLOT_FREE;
	writer_slot_end(slot);
	moved(record, slot, state);
	sites_released(record, slot->site,
		       recording_now(record) - slot->acquired_ns);
	holds_erred(record, slot->site, slot->error);
	handles_remove(place);
}

static void count_connect(struct writer *record, const struct acquisition *what)
{
	_Atomic(uint64_t) *peak = &record->header->totals[TOTAL_PEAK_OPEN];

	if (what->kind != HANDLE_CONNECTION)
		return;
	recording_count(record, TOTAL_CONNECTS);
	if (what->state == SLOT_ESTABLISHED)
		recording_count(record, TOTAL_ESTABLISHED);
	if (++tracker.open > *peak)
		atomic_store_explicit(peak, tracker.open, memory_order_relaxed);
}

static void count_finish(struct writer *record, enum record_handle_kind kind)
{
	if (kind != HANDLE_CONNECTION)
		return;
	recording_count(record, TOTAL_FINISHES);
	tracker.open--;
}

static void fill(struct writer *record, struct record_slot *slot,
		 const struct acquisition *what, uint32_t site)
{
	const uint64_t now = recording_now(record);
	const uint32_t server =
		servers_number(record, &what->server, &what->bounds);
	const bool established = what->state == SLOT_ESTABLISHED;

	writer_slot_begin(slot);
	slot->kind = (uint8_t)what->kind;
	slot->state = (uint8_t)what->state;
	slot->flags = established ? SLOT_EVER_ESTABLISHED : 0;
	slot->handle = record_handle(what->handle);
	slot->acquired_ns = now;
	slot->established_ns = established ? now : 0;
	slot->site = site;
	slot->server = server;
	slot->tid = (int32_t)syscall(SYS_gettid);
	slot->backend_pid = what->backend_pid;
	slot->resets = 0;
	slot->turns = 0;
	slot->calls = 0;
	slot->used_by = 0;
	slot->used_ns = 0;
	slot->used_at = 0;
	slot->error_ns = 0;
	slot->error = 0;
	slot->doing = TRANSACTION_UNKNOWN;
	slot->pool = RECORD_NONE;
	slot->partner = RECORD_NONE;
	slot->released_by = 0;
	uses_spent_none(slot);
	writer_slot_end(slot);
}

static void count_bounds(struct writer *record, const struct acquisition *what,
			 const struct record_slot *slot)
{
	if (what->kind != HANDLE_CONNECTION)
		return;
	servers_opened(record, slot->server);
	if (bounds_are_missing(&what->bounds))
		sites_unbounded(record, slot->site);
}

/* Not kept: its release will be known only by the number of these. */
static void count_unseen(struct writer *record, const struct acquisition *what)
{
	recording_lost(record, LOSS_HANDLE);
	if (what->kind == HANDLE_CONNECTION)
		tracker.unseen++;
}

static void enter(struct writer *record, const struct acquisition *what)
{
	const uint32_t site = sites_acquired(record, what->kind, what->function,
					     &what->stack);
	struct place *place = handles_take(record);

	if (!place) {
		count_unseen(record, what);
		return;
	}
	fill(record, place->slot, what, site);
	count_bounds(record, what, place->slot);
	place->handle = record_handle(what->handle);
	place->kind = what->kind;
	place->owner.began = record->header->started_mono;
	place->owner.start_ticks = record->header->start_ticks;
	place->owner.pid = record->header->pid;
	place->owner.site = site;
	place->attempt_ns = place->slot->acquired_ns;
	if (handles_add(place)) {
		joins_index(record, place->slot);
		moved(record, place->slot, SLOT_FREE);
		return;
	}
	writer_slot_begin(place->slot);
	place->slot->state = SLOT_FREE;
	writer_slot_end(place->slot);
	handles_give_back(place);
	count_unseen(record, what);
}

void tracker_acquired(const struct acquisition *what)
{
	struct writer *record = tracker_lock();
	struct place *old;

	if (record) {
		finished_remove(record_handle(what->handle));
		old = handles_find(what->handle);
		if (old && handles_is_own(old)) {
			forget(record, old);
			count_finish(record, old->kind);
		} else if (old) {
			handles_disinherit(old);
		}
		/* Killed in between: better a finding than a number alone. */
		enter(record, what);
		count_connect(record, what);
		recording_judge_later();
	}
	recording_unlock();
}

/* An inherited handle ends here: what is wrong with that, or NULL. */
static struct misuse *end_inherited(struct place *place, struct misuse *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->kind = misuses_owner_has_ended(&place->owner)
			    ? EVENT_HEIR_FINISH
			    : EVENT_FORKED_FINISH;
	ret->handle = record_handle_address(place->handle);
	ret->handle_kind = place->kind;
	ret->owner = place->owner;
	ret->pool = RECORD_NONE;
	handles_disinherit(place);
	return ret->handle_kind == HANDLE_CONNECTION ? ret : NULL;
}

static bool finish_own(struct writer *record, struct place *place,
		       struct misuse *ret)
{
	const bool wrong = wrongs_finishing(record, place->slot, ret);

	if (place->kind == HANDLE_CONNECTION)
		finished_add(place->handle, place->owner.site);
	if (place->slot->turns)
		recording_count(record, TOTAL_TAKEN_TURNS);
	forget(record, place);
	count_finish(record, place->kind);
	return wrong;
}

/* It has no place. */
static void release_unknown(struct writer *record, enum record_handle_kind kind)
{
	if (kind != HANDLE_CONNECTION || !tracker.unseen)
		return;
	count_finish(record, kind);
	tracker.unseen--;
}

bool tracker_releasing(const void *handle, enum record_handle_kind kind,
		       struct misuse *ret)
{
	struct writer *record = tracker_lock();
	struct place *place = record ? handles_find(handle) : NULL;
	bool wrong = false;

	if (place && place->kind == kind && handles_is_own(place)) {
		wrong = finish_own(record, place, ret);
	} else if (place && place->kind == kind) {
		wrong = end_inherited(place, ret);
	} else if (record && !place) {
		wrong = kind == HANDLE_CONNECTION &&
			wrongs_finishing_again(record, handle, ret);
		if (!wrong)
			release_unknown(record, kind);
	}
	recording_unlock();
	return wrong;
}

/* The place of a connection of our own, or NULL. */
static struct place *connection(const void *handle)
{
	struct place *place = handles_find(handle);

	if (!place || place->kind != HANDLE_CONNECTION ||
	    !handles_is_own(place))
		return NULL;
	return place;
}

struct record_slot *tracker_connection(const void *handle, uint32_t *ret_number)
{
	const struct place *place = connection(handle);

	if (!place)
		return NULL;
	*ret_number = place->number;
	return place->slot;
}

/* How long it has been connecting; 0 if it is not. */
static uint64_t took(struct writer *record, const struct place *place)
{
	if (place->slot->state != SLOT_CONNECTING)
		return 0;
	return recording_now(record) - place->attempt_ns;
}

uint64_t tracker_established(const void *handle, int32_t backend_pid)
{
	struct writer *record = tracker_lock();
	struct place *place = record ? connection(handle) : NULL;
	struct record_slot *slot = place ? place->slot : NULL;
	const uint64_t took_ns = place ? took(record, place) : 0;

	/* A poll of a connection that is established already says OK again. */
	if (slot && slot->state != SLOT_ESTABLISHED) {
		const enum record_slot_state from = slot->state;
		const bool reset = slot->flags & SLOT_RESET;

		recording_count(record,
				reset ? TOTAL_RESETS : TOTAL_ESTABLISHED);
		writer_slot_begin(slot);
		slot->state = SLOT_ESTABLISHED;
		slot->flags |= SLOT_EVER_ESTABLISHED;
		slot->backend_pid = backend_pid;
		slot->established_ns = recording_now(record);
		slot->resets += reset;
		writer_slot_end(slot);
		moved(record, slot, from);
	}
	recording_unlock();
	return took_ns;
}

static void set_state(struct writer *record, struct record_slot *slot,
		      enum record_slot_state state, unsigned flags)
{
	const enum record_slot_state from = slot->state;

	writer_slot_begin(slot);
	slot->state = (uint8_t)state;
	slot->flags |= (uint16_t)flags;
	slot->backend_pid = 0;
	slot->doing = TRANSACTION_UNKNOWN; /* the session is gone */
	writer_slot_end(slot);
	moved(record, slot, from);
}

uint64_t tracker_failed(const void *handle)
{
	struct writer *record = tracker_lock();
	struct place *place = record ? connection(handle) : NULL;
	const uint64_t took_ns = place ? took(record, place) : 0;

	if (place)
		set_state(record, place->slot, SLOT_FAILED, 0);
	recording_unlock();
	return took_ns;
}

bool tracker_resetting(const void *handle, struct misuse *ret)
{
	struct writer *record = tracker_lock();
	struct place *place = record ? handles_find(handle) : NULL;
	bool wrong = false;

	if (place && !handles_is_own(place)) {
		wrong = end_inherited(place, ret);
	} else if (place && place->kind == HANDLE_CONNECTION) {
		place->attempt_ns = recording_now(record);
		set_state(record, place->slot, SLOT_CONNECTING, SLOT_RESET);
	}
	recording_unlock();
	return wrong;
}

void tracker_misused(const struct misuse *what, const struct stack *where)
{
	struct writer *record = tracker_lock();

	if (record) {
		misuses_add(record, what, where);
		recording_judge_later();
	}
	recording_unlock();
}

void tracker_used(const void *handle)
{
	struct writer *record = tracker_lock();
	const struct place *place = record ? handles_find(handle) : NULL;

	if (place && handles_is_own(place))
		joins_index(record, place->slot);
	recording_unlock();
}

void tracker_by_design(const void *handle)
{
	struct writer *record = tracker_lock();
	struct place *place = record ? handles_find(handle) : NULL;

	if (place && handles_is_own(place)) {
		writer_slot_begin(place->slot);
		place->slot->flags |= SLOT_BY_DESIGN;
		writer_slot_end(place->slot);
	}
	recording_unlock();
}

void tracker_each_connection(tracker_see *see, void *data)
{
	const struct place *place = NULL;

	while ((place = handles_next(place)))
		if (place->kind == HANDLE_CONNECTION && handles_is_own(place))
			see(place->number, place->slot, data);
}

void tracker_begin(void)
{
	struct writer *record = tracker_lock();

	if (record)
		pools_connections(record);
	recording_unlock();
}

bool tracker_check(void)
{
	struct writer *record = tracker_lock();
	uint64_t connections;
	const bool good =
		!record || (handles_check(record, &connections) &&
			    connections + tracker.unseen == tracker.open);

	recording_unlock();
	return good;
}
