/* SPDX-License-Identifier: MIT */
/*
 * snapshot - copies of slots that their process may be changing
 *
 * The reader's half of the sequence words of format.h.  It works on reads of
 * the file: they see what the process stored through its mapping, in the
 * order in which it was stored.
 */
#ifndef RECORD_SNAPSHOT_H
#define RECORD_SNAPSHOT_H

#include "record/format.h"
#include "record/input.h"

#define SNAPSHOT_MAX_SLOT 4096u /* bytes of one slot */

struct snapshot {
	unsigned tries;	    /* to be made yet */
	uint32_t in_flight; /* slots that could not be copied whole */
};

void snapshot_init(struct snapshot *s);

/*
 * Copies the used slots of `segment` to `to`.  Each copy is one that was true
 * at some moment, or its sequence word is odd and the rest of it is worth
 * nothing.  Returns 0, or a negative errno with `in->why` set.
 */
int snapshot_slots(struct snapshot *s, struct input *in,
		   const struct record_segment *segment, unsigned char *to)
	__attribute__((warn_unused_result));

#endif
