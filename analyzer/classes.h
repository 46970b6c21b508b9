/* SPDX-License-Identifier: MIT */
/*
 * classes - what became of each handle that is out
 *
 * The class of a handle is the first that fits:
 *
 * by-design	the program has said so; or it is an established connection, the
 *		only one that its site acquired in the process, and a complete
 *		search found what holds it
 * lost		a complete search at a normal end found nothing that does
 * growing	three or more of its site are out, and two or more of them were
 *		left behind: used, in no query, and not used since the site
 *		acquired a later one.
 *		If the process did not end normally, only those count that are
 *		overdue: out for a quarter longer than any was that the site
 *		acquired and that came back
 * held		after a normal end something holds it, or may
 * undecided	nobody could look
 *
 * A lease is out, not lost in memory, so no search decides about it:
 *
 * by-design	the program has said so; or its connection listens, copies or
 *		replicates
 * lost		the thread that had it last has ended, or ended the process
 * growing	as above, but only those that are overdue ever count; and one
 *		that was never used is left behind too, where others came back;
 *		one whose thread asks for one more is not
 * held		it was out when the process ended normally
 * undecided	the process did not end so
 *
 * A connection that a pool has handed out, or has opened, is kept for the next
 * one who asks the pool: it is never growing, nor are those that were connected
 * at the same place.
 *
 * They are counted in each process alone.  A search is trusted in what it says
 * of a handle; but of a slot that another handle has come into since it has
 * said nothing.
 */
#ifndef ANALYZER_CLASSES_H
#define ANALYZER_CLASSES_H

#include <stdbool.h>
#include "analyzer/arena.h"
#include "analyzer/kinds.h"
#include "analyzer/pools.h"
#include "analyzer/processes.h"
#include "record/reader.h"

/* What became of all that a site acquired in this process. */
struct class_site {
	uint64_t acquired;
	uint64_t longest_ns; /* of those that came back */
	uint32_t out, left;  /* of those that count */
	bool pooled;	     /* a connection of it is a pool's, so all are */
};

/* Of one record. */
struct classes {
	const struct reader *reader;
	const struct pools *pools; /* of the same record */
	bool ended;		   /* it is known when: */
	uint64_t now_ns; /* then, since header.started_mono; else the last
			    thing that it is known to have done */
	bool normal;	 /* how the process ended */
	bool searched;	 /* there was one: */
	struct record_search search; /* the last */
	struct class_site *sites;    /* by number */
	uint32_t *scans;	     /* by slot; or RECORD_NONE */
	uint32_t site_count, slot_count;
};

/* `process` is the record's, or NULL if nothing is known of it. */
void classes_find(struct classes *c, struct arena *arena,
		  const struct pools *pools, const struct process *process);

/*
 * `number` is that of `slot`, which is not free.  `one_place` says that its
 * site is one place in the user's own code: all connects of a script share the
 * stack of their interpreter, and what that leaves behind tells nothing.
 */
enum class_id classes_of(const struct classes *c, uint32_t number,
			 const struct record_slot *slot, bool one_place);

/* Parts of these, in classes_leases.c. */
enum class_id classes_of_lease(const struct classes *c, uint32_t number,
			       const struct record_slot *lease, bool one_place);
bool classes_is_left(const struct classes *c, uint32_t number,
		     const struct record_slot *lease);
bool classes_is_meant(const struct classes *c, uint32_t number,
		      const struct record_slot *lease);
/* It is out as a lease of which that is so, which tells all there is to tell.
 */
bool classes_is_meant_as_lease(const struct classes *c, uint32_t number,
			       const struct record_slot *connection);
/* The thread that acquired it or used its connection last, and is gone. */
bool classes_owner_ended(const struct classes *c,
			 const struct record_slot *lease);
/*
 * The server works on its command, whoever waits for the result and how; since
 * `turned_ns`, if that is known.
 */
bool classes_is_in_query(const struct record_slot *connection);
/* Whether a site leaves behind more and more. */
bool classes_grows(const struct class_site *site);
/*
 * Out for longer than any that its site acquired and that came back, or for
 * ever: who connects for each request is always in the middle of some of them.
 * `slot` has a site that is known.
 */
bool classes_is_overdue(const struct classes *c, uint32_t number,
			const struct record_slot *slot);

/* What the search has said of it; false if nothing. */
bool classes_scan(const struct classes *c, uint32_t number,
		  const struct record_slot *slot, struct record_scan *ret);

#endif
