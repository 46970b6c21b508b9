/* SPDX-License-Identifier: MIT */
#include "analyzer/classes.h"

#include <string.h>

/* Fewer are no trend. */
#define GROWING_OUT  3
#define GROWING_LEFT 2

/*
 * The process said that it was about to end, or was searched because it was;
 * and then nothing else ended it.
 */
static bool is_normal(const struct classes *c, const struct process *process)
{
	if (!reader_count(c->reader, RECORD_MARKS) && !c->searched)
		return false;
	return !process || (strncmp(process->end, "signal ", 7) != 0 &&
			    strcmp(process->end, "exec") != 0 &&
			    strcmp(process->end, "running") != 0);
}

/*
 * The server works on its command, or has not been heard: libpq says "active"
 * until the last result is taken, so also of one that nobody goes on to read.
 */
bool classes_is_in_query(const struct record_slot *connection)
{
	const uint32_t goes_on = CONNECTION_ANSWERED | CONNECTION_COPIES;

	return connection->calls ||
	       (connection->doing % CONNECTION_LISTENS == TRANSACTION_ACTIVE &&
		!(connection->doing & goes_on));
}

/* Idle since its site went on to acquire another one. */
static bool is_left(const struct record_slot *slot,
		    const struct class_site *site)
{
	return slot->used_ns && !classes_is_in_query(slot) &&
	       slot->used_at < site->acquired;
}

/* Not meant to be out, and not without evidence. */
static bool is_of_trend(const struct classes *c, uint32_t number,
			const struct record_slot *slot)
{
	if (slot->kind == HANDLE_LEASE)
		return pools_counts_slot(c->pools, slot) &&
		       !classes_is_meant(c, number, slot);
	return slot->kind == HANDLE_CONNECTION &&
	       !(slot->flags & SLOT_BY_DESIGN);
}

/*
 * Where all holds take about as long, the oldest that is under way at the end
 * is easily the longest of all: a quarter more is none of these.
 */
static bool is_longer(const struct classes *c, uint64_t since_ns,
		      uint64_t longest_ns)
{
	return since_ns < c->now_ns &&
	       c->now_ns - since_ns > longest_ns + longest_ns / 4;
}

/*
 * A call that runs a query will return.  One that was sent is waited for as
 * long as a hold takes: whoever gave up on it has left it so.
 */
static bool is_busy(const struct classes *c, uint32_t number,
		    const struct record_slot *slot)
{
	const uint64_t longest_ns = c->sites[slot->site].longest_ns;
	struct record_slot connection = *slot;

	if (slot->kind == HANDLE_LEASE &&
	    !pools_partner(c->reader, number, slot, &connection))
		return false;
	return connection.calls ||
	       (longest_ns && classes_is_in_query(&connection) &&
		!is_longer(c, connection.turned_ns, longest_ns));
}

/*
 * What a process has not finished when it ended by itself is under way no more.
 */
bool classes_is_overdue(const struct classes *c, uint32_t number,
			const struct record_slot *slot)
{
	const uint64_t longest_ns = c->sites[slot->site].longest_ns;

	if (slot->kind == HANDLE_CONNECTION && c->normal)
		return true;
	return !is_busy(c, number, slot) &&
	       (!longest_ns || is_longer(c, slot->acquired_ns, longest_ns));
}

static void count_slot(struct classes *c, uint32_t number,
		       const struct record_slot *slot)
{
	struct class_site *site;

	if (slot->site >= c->site_count)
		return;
	site = &c->sites[slot->site];
	site->pooled |=
		slot->kind == HANDLE_CONNECTION && slot->flags & SLOT_POOLED;
	if (!is_of_trend(c, number, slot) ||
	    !classes_is_overdue(c, number, slot))
		return;
	site->out++;
	site->left += slot->kind == HANDLE_LEASE
			      ? classes_is_left(c, number, slot)
			      : is_left(slot, site);
}

static void count_sites(struct classes *c, struct arena *arena)
{
	struct record_site site;
	struct record_slot slot;

	c->site_count = reader_count(c->reader, RECORD_SITES);
	c->sites = arena_array(arena, c->site_count, sizeof(*c->sites));
	for (uint32_t i = 0; i < c->site_count; i++)
		if (reader_site(c->reader, i, &site)) {
			c->sites[i].acquired = site.acquired;
			c->sites[i].longest_ns = site.longest_ns;
		}
	for (uint32_t i = 0; i < c->slot_count; i++)
		if (reader_slot(c->reader, i, &slot) && slot.state != SLOT_FREE)
			count_slot(c, i, &slot);
}

/* Of several about one slot the last is true. */
static void index_scans(struct classes *c, struct arena *arena)
{
	struct record_scan scan;

	c->scans = arena_array(arena, c->slot_count, sizeof(*c->scans));
	for (uint32_t i = 0; i < c->slot_count; i++)
		c->scans[i] = RECORD_NONE;
	for (uint32_t i = 0; i < reader_count(c->reader, RECORD_SCANS); i++)
		if (reader_scan(c->reader, i, &scan) &&
		    scan.slot < c->slot_count)
			c->scans[scan.slot] = i;
}

static void find_search(struct classes *c)
{
	uint32_t n = reader_count(c->reader, RECORD_SEARCHES);

	while (n-- > 0 && !c->searched)
		c->searched = reader_search(c->reader, n, &c->search);
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* The last that is known of it: something was acquired, released or used. */
static uint64_t last_event(const struct reader *reader)
{
	const uint32_t pools = reader_count(reader, RECORD_POOLS);
	const uint32_t slots = reader_count(reader, RECORD_SLOTS);
	struct record_pool pool;
	struct record_slot slot;
	uint64_t last = 0;

	for (uint32_t i = 0; i < pools; i++)
		if (reader_pool(reader, i, &pool))
			last = later(last, pool.changed_ns);
	for (uint32_t i = 0; i < slots; i++)
		if (reader_slot(reader, i, &slot) && slot.state != SLOT_FREE)
			last = later(last,
				     later(slot.acquired_ns, slot.used_ns));
	return last;
}

/* When its end is not known, it lived at least until the last thing it did. */
static void find_now(struct classes *c, const struct process *process)
{
	const uint64_t began = reader_header(c->reader)->started_ns;

	c->ended = process && process->ended_ns > began;
	c->now_ns =
		c->ended ? process->ended_ns - began : last_event(c->reader);
}

void classes_find(struct classes *c, struct arena *arena,
		  const struct pools *pools, const struct process *process)
{
	*c = (struct classes){ .reader = pools->reader, .pools = pools };
	c->slot_count = reader_count(c->reader, RECORD_SLOTS);
	find_search(c);
	find_now(c, process);
	c->normal = is_normal(c, process);
	count_sites(c, arena);
	index_scans(c, arena);
}

bool classes_scan(const struct classes *c, uint32_t number,
		  const struct record_slot *slot, struct record_scan *ret)
{
	return number < c->slot_count && c->scans[number] != RECORD_NONE &&
	       reader_scan(c->reader, c->scans[number], ret) &&
	       ret->acquired_ns == slot->acquired_ns;
}

static bool is_complete(const struct classes *c)
{
	return c->normal && c->searched &&
	       c->search.outcome == OUTCOME_COMPLETE;
}

/* Whoever acquires one connection and holds on to it means to keep it. */
static bool is_only_one(const struct classes *c, const struct record_slot *slot)
{
	return slot->kind == HANDLE_CONNECTION &&
	       (slot->state == SLOT_ESTABLISHED ||
		slot->flags & SLOT_EVER_ESTABLISHED) &&
	       slot->site < c->site_count && c->sites[slot->site].acquired == 1;
}

/* By something that is understood. */
static bool is_held(const struct record_scan *scan)
{
	return scan->answer == ANSWER_HELD && scan->holder != HOLDER_NONE &&
	       scan->holder != HOLDER_UNKNOWN;
}

bool classes_grows(const struct class_site *site)
{
	return site->out >= GROWING_OUT && site->left >= GROWING_LEFT;
}

static bool is_growing(const struct classes *c, uint32_t number,
		       const struct record_slot *slot)
{
	return slot->kind == HANDLE_CONNECTION && slot->site < c->site_count &&
	       !c->sites[slot->site].pooled &&
	       classes_grows(&c->sites[slot->site]) &&
	       classes_is_overdue(c, number, slot);
}

/* Neither meant to be kept nor wrong for certain. */
static enum class_id held_or_not(const struct classes *c,
				 const struct record_scan *scan)
{
	if (c->normal &&
	    (scan->answer == ANSWER_HELD || scan->answer == ANSWER_MAYBE))
		return CLASS_HELD;
	return CLASS_UNDECIDED;
}

enum class_id classes_of(const struct classes *c, uint32_t number,
			 const struct record_slot *slot, bool one_place)
{
	struct record_scan scan = { .answer = ANSWER_NONE };

	if (slot->kind == HANDLE_LEASE)
		return classes_of_lease(c, number, slot, one_place);
	if (!classes_scan(c, number, slot, &scan))
		scan.answer = ANSWER_NONE;
	if (slot->flags & SLOT_BY_DESIGN)
		return CLASS_BY_DESIGN;
	if (is_complete(c) && is_held(&scan) && is_only_one(c, slot))
		return CLASS_BY_DESIGN;
	if (is_complete(c) && scan.answer == ANSWER_LOST)
		return CLASS_LOST;
	if (one_place && is_growing(c, number, slot))
		return CLASS_GROWING;
	return held_or_not(c, &scan);
}
