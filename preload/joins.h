/* SPDX-License-Identifier: MIT */
/*
 * joins - which connection a lease is
 *
 * Their slots name each other as `partner`, as long as both are out.  A handle
 * that is no connection itself is mostly the address of an object of the pool
 * which has one, or has an object that has.  Where in it, is the same for all
 * handles of a pool.
 *
 * Under tracker_lock().
 */
#ifndef PRELOAD_JOINS_H
#define PRELOAD_JOINS_H

#include <stdbool.h>

#include "record/writer.h"

/* Where in the objects of a pool a connection was found; zeroed: not yet. */
struct join_path {
	uint8_t levels;	  /* of objects; 0: not known */
	uint8_t words[2]; /* of each, which one leads on */
	uint8_t in_vain;  /* looked for, so often */
};

/*
 * The connection that a handle (a lease_key()) is, or leads to: its slot and
 * the number of that; NULL if there is none.
 */
struct record_slot *joins_find(uint64_t handle, struct join_path *path,
			       uint32_t *ret_number);

/*
 * Makes a connection known to uses.h: its uses are counted by the acquires of
 * its site, or of its lease's.
 */
void joins_index(struct writer *record, struct record_slot *connection);

void joins_join(struct writer *record, uint32_t lease, uint32_t connection);
/* Whichever of the two it is, it is about to be given back. */
void joins_part(struct writer *record, struct record_slot *slot);

#endif
