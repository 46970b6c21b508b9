/* SPDX-License-Identifier: MIT */
/*
 * finished - connections that were finished, and whose address is nobody's yet
 *
 * To finish one of them again is wrong; but only as long as libpq has not
 * returned the same address once more.  So many are kept that the second
 * finish is among the next thousand or so; of a later one nothing is known, as
 * of an address that libpq never returned.
 *
 * Under recording_lock(); `key` is record_handle() of the handle.
 */
#ifndef PRELOAD_FINISHED_H
#define PRELOAD_FINISHED_H

#include "preload/misuses.h"

void finished_add(uint64_t key, const struct handle_owner *owner);
/* It was acquired again, as whatever. */
void finished_remove(uint64_t key);
/* Who had acquired it, or NULL. */
const struct handle_owner *finished_find(uint64_t key);
/* In a child of fork(): what its parent finished was never out in it. */
void finished_forget(void);

#endif
