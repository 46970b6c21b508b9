/* SPDX-License-Identifier: MIT */
/*
 * exhaustions - who had everything when a pool ran dry for the first time
 *
 * Under tracker_lock().
 */
#ifndef PRELOAD_EXHAUSTIONS_H
#define PRELOAD_EXHAUSTIONS_H

#include "preload/lease.h"

/* An acquire of this thread at `site` has failed. */
void exhaustions_add(struct writer *record, struct pool *pool,
		     enum record_exhaustion_kind kind, uint32_t site,
		     const struct lease *oldest);

/* A connect of this thread was refused with this message. */
void exhaustions_refused(struct writer *record, const char *message);

#endif
