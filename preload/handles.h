/* SPDX-License-Identifier: MIT */
/*
 * handles - the table of the handles that are out, and of their slots
 *
 * The tracker's own; leases have a table of theirs.  The file is the truth,
 * this only its index: so the file changes first, and a crash in between leaves
 * the file right.
 *
 * Under tracker_lock().
 */
#ifndef PRELOAD_HANDLES_H
#define PRELOAD_HANDLES_H

#include <stdbool.h>

#include "preload/hash.h"
#include "preload/misuses.h"

/*
 * A slot of the record; it serves one handle after another.  In a child of
 * fork() `slot` is the parent's and out of reach.
 */
struct place {
	uint64_t handle;
	struct record_slot *slot;
	uint32_t number; /* of the slot */
	struct place *next_free;
	struct handle_owner owner;
	enum record_handle_kind kind;
	unsigned generation; /* of the process that acquired it */
	uint64_t attempt_ns; /* when it began to connect, since the record */
	UT_hash_handle hh;
};

/* NULL if there is none. */
struct place *handles_find(const void *handle);

/* Acquired by this process, and not by one that it is a child of. */
bool handles_is_own(const struct place *place);

/* One with a slot that is free, or NULL; and back. */
struct place *handles_take(struct writer *record);
void handles_give_back(struct place *place);

/* By its `handle`, which no other has, as our own.  False: no memory. */
bool handles_add(struct place *place);

/* Off the table; the second: an inherited one is no longer what it was. */
void handles_remove(struct place *place);
void handles_disinherit(struct place *place);

/* Those added first come first; the one after NULL is the first. */
struct place *handles_next(const struct place *place);

/*
 * In a new process.  What it inherits stays where it is, in memory that is
 * never given back.
 */
void handles_inherit(void);

/* For tests: are the invariants kept?  Counts this process's connections. */
bool handles_check(struct writer *record, uint64_t *ret_connections);

#endif
