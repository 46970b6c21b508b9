/* SPDX-License-Identifier: MIT */
/*
 * holds - what became of handles while they were out: leases that were out for
 * long, and the last error before a release, by site
 *
 * Under recording_lock().
 */
#ifndef PRELOAD_HOLDS_H
#define PRELOAD_HOLDS_H

#include "record/writer.h"

/*
 * A lease is released, which its slot still has; `error` as below.  So many are
 * enough to say what long holds are like: later ones are no loss.
 */
void holds_add(struct writer *record, const struct record_slot *slot,
	       uint64_t now, uint32_t error);

/* A handle of this site is released; `error` is the last one, 0 if none. */
void holds_erred(struct writer *record, uint32_t site, uint32_t error);

/* In a new process. */
void holds_forget(void);

#endif
