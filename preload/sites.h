/* SPDX-License-Identifier: MIT */
/*
 * sites - where handles are acquired: each stack once, with its sums
 *
 * Under recording_lock().
 */
#ifndef PRELOAD_SITES_H
#define PRELOAD_SITES_H

#include "preload/stack.h"
#include "record/writer.h"

/*
 * Counts an acquisition of `kind` by `function` from `stack`.  Returns the
 * site's number, or RECORD_NONE, then the loss was counted.
 */
uint32_t sites_acquired(struct writer *record, enum record_handle_kind kind,
			const char *function, const struct stack *stack);

/* Counts there a connection that nothing bounds in connecting. */
void sites_unbounded(struct writer *record, uint32_t site);

/* The same stack's number, but nothing was acquired there. */
uint32_t sites_number(struct writer *record, enum record_handle_kind kind,
		      const char *function, const struct stack *stack);

/* Counts the end of a handle that was out for so long. */
void sites_released(struct writer *record, uint32_t site, uint64_t held_ns);
/* The longest query of one that has ended. */
void sites_queried(struct writer *record, uint32_t site, uint64_t longest_ns);

/*
 * Counts at a site (sites_number()) what pools are asked: an acquire that gave
 * a lease, one in vain, and what any of them took.
 */
void sites_leased(struct writer *record, uint32_t site, uint32_t pool);
void sites_failed(struct writer *record, uint32_t site, uint32_t pool);
/* What a site has acquired so far. */
uint64_t sites_acquires(struct writer *record, uint32_t site);
void sites_waited(struct writer *record, uint32_t site, uint64_t ns);
/* The wait goes on: it is counted once more, longer, when it has ended. */
void sites_wait_goes_on(struct writer *record, uint32_t site, uint64_t ns);

/* Where a time is counted: 0 below a microsecond, one more per doubling. */
unsigned sites_bucket(uint64_t ns);

/* A function's name in the record: once, however often it is asked for. */
uint32_t sites_name(struct writer *record, const char *function);

/*
 * The module that an address lies in, by its number in the record, and where
 * in it; RECORD_NONE if it is unknown or could not be kept.
 */
uint32_t sites_module(struct writer *record, uintptr_t address,
		      uint64_t *ret_offset);

/* In a new process. */
void sites_forget(void);

#endif
