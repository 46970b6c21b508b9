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
 *		left behind: used, and not since the site acquired a later one
 * held		after a normal end something holds it, or may
 * undecided	nobody could look
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
#include "analyzer/processes.h"
#include "record/reader.h"

/* Of one record. */
struct classes {
	const struct reader *reader;
	bool normal;		     /* how the process ended */
	bool searched;		     /* there was one: */
	struct record_search search; /* the last */
	struct class_site *sites;    /* by number */
	uint32_t *scans;	     /* by slot; or RECORD_NONE */
	uint32_t site_count, slot_count;
};

/* `process` is the record's, or NULL if nothing is known of it. */
void classes_find(struct classes *c, struct arena *arena,
		  const struct reader *reader, const struct process *process);

/*
 * `number` is that of `slot`, which is not free.  `one_place` says that its
 * site is one place in the user's own code: all connects of a script share the
 * stack of their interpreter, and what that leaves behind tells nothing.
 */
enum class_id classes_of(const struct classes *c, uint32_t number,
			 const struct record_slot *slot, bool one_place);

/* What the search has said of it; false if nothing. */
bool classes_scan(const struct classes *c, uint32_t number,
		  const struct record_slot *slot, struct record_scan *ret);

#endif
