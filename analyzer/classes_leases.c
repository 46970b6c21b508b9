/* SPDX-License-Identifier: MIT */
/* What became of a lease: no search decides, but who had it, and for how long.
 */
#include "analyzer/classes.h"

/* A damaged record may have any number of marks; the last are true. */
#define MARKS_MAX 16u

bool classes_is_meant(const struct classes *c, uint32_t number,
		      const struct record_slot *lease)
{
	const uint32_t meant = CONNECTION_LISTENS | CONNECTION_COPIES;
	struct record_slot connection;

	if (lease->flags & SLOT_BY_DESIGN || lease->doing & meant)
		return true;
	return pools_partner(c->reader, number, lease, &connection) &&
	       connection.doing & meant;
}

bool classes_is_meant_as_lease(const struct classes *c, uint32_t number,
			       const struct record_slot *connection)
{
	const uint32_t partner = connection->partner;
	struct record_slot lease, its;

	return connection->kind == HANDLE_CONNECTION &&
	       reader_slot(c->reader, partner, &lease) &&
	       pools_partner(c->reader, partner, &lease, &its) &&
	       lease.partner == number && pools_counts_slot(c->pools, &lease) &&
	       classes_is_meant(c, partner, &lease);
}

/*
 * Used, not in a query, and its site went on to acquire another one.  What has
 * no connection that is known counts as used when it was acquired; and so does
 * what was never used, where others came back: an early return may come early.
 *
 * While its thread waits for one more it has not left it behind: where all of a
 * pool are held by such threads, none is used any more, and none has leaked.
 */
bool classes_is_left(const struct classes *c, uint32_t number,
		     const struct record_slot *lease)
{
	const struct class_site *site;
	struct record_slot connection;
	uint64_t used_at = lease->used_at;

	if (lease->site >= c->site_count || lease->flags & SLOT_ASKS)
		return false;
	site = &c->sites[lease->site];
	if (pools_partner(c->reader, number, lease, &connection)) {
		if (classes_is_in_query(&connection) ||
		    (!connection.used_at && !site->longest_ns))
			return false;
		if (connection.used_at)
			used_at = connection.used_at;
	}
	return used_at < site->acquired;
}

/* It returned from main, or called exit: what it had, nobody gives back. */
static bool ended_process(const struct classes *c, int32_t tid)
{
	const uint32_t count = reader_count(c->reader, RECORD_MARKS);
	struct record_mark mark;

	for (uint32_t i = count > MARKS_MAX ? count - MARKS_MAX : 0; i < count;
	     i++)
		if (reader_mark(c->reader, i, &mark) && mark.tid &&
		    mark.tid == tid)
			return true;
	return false;
}

bool classes_owner_ended(const struct classes *c,
			 const struct record_slot *lease)
{
	const int32_t owner = lease->used_by ? lease->used_by : lease->tid;

	return lease->flags & SLOT_OWNER_ENDED || ended_process(c, owner);
}

static bool is_growing(const struct classes *c, uint32_t number,
		       const struct record_slot *lease)
{
	return lease->site < c->site_count &&
	       classes_grows(&c->sites[lease->site]) &&
	       classes_is_overdue(c, number, lease);
}

enum class_id classes_of_lease(const struct classes *c, uint32_t number,
			       const struct record_slot *lease, bool one_place)
{
	if (classes_is_meant(c, number, lease))
		return CLASS_BY_DESIGN;
	if (classes_owner_ended(c, lease))
		return CLASS_LOST;
	if (one_place && is_growing(c, number, lease))
		return CLASS_GROWING;
	return c->normal ? CLASS_HELD : CLASS_UNDECIDED;
}
