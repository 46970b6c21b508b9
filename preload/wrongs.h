/* SPDX-License-Identifier: MIT */
/*
 * wrongs - is it wrong what the program does to a connection of its own
 *
 * True: then `ret` says how (misuses.h).  No false alarm: where it cannot be
 * known, it is right.
 */
#ifndef PRELOAD_WRONGS_H
#define PRELOAD_WRONGS_H

#include "preload/misuses.h"

/*
 * It finishes the one in this slot: somebody has its lease, and will use it.  A
 * pool may finish what it has lent, within a function that a rule names; and
 * when its release begins, the lease has ended.  Under tracker_lock().
 */
bool wrongs_finishing(struct writer *record, const struct record_slot *slot,
		      struct misuse *ret);

/* It finishes what is out no more: once again.  Under tracker_lock(). */
bool wrongs_finishing_again(const struct writer *record, const void *handle,
			    struct misuse *ret);

/*
 * A query begins on one whose lease this thread has released: that is wrong as
 * long as nobody has it now.  Told once for each release.
 */
bool wrongs_using(const void *handle, struct misuse *ret);

#endif
