/* SPDX-License-Identifier: MIT */
/*
 * owners - which thread has which leases, until it ends
 *
 * A lease belongs to the thread that acquired it, or has used its connection
 * since.
 *
 * Under recording_lock(), but for the last.
 */
#ifndef PRELOAD_OWNERS_H
#define PRELOAD_OWNERS_H

#include "preload/lease.h"

/* To a thread, from whoever has it now; `wants` may have changed before. */
void owners_give(struct lease *lease, int32_t tid);
/* From its owner to nobody. */
void owners_take(struct lease *lease);
/* Its connection is known, or not known any more. */
void owners_want(struct lease *lease, bool wants);

/* How many of a pool a thread has. */
uint32_t owners_share(const struct pool *pool, int32_t tid);
/* The newest lease of a thread that wants its connection, or NULL. */
struct lease *owners_wanting(int32_t tid);
/* Any lease of a thread, or NULL. */
struct lease *owners_any(int32_t tid);

/* In a new process. */
void owners_forget(void);

/* From now on leases_thread_ends() is called at the end of this thread. */
void owners_watch_thread(void);

#endif
