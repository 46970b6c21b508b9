/* SPDX-License-Identifier: MIT */
/*
 * finished - connections that were finished, and whose address is nobody's yet
 *
 * To finish one of them again is wrong; but only as long as libpq has not
 * returned the same address once more.  So many are kept that the second
 * finish is among the next thousand or so; of a later one nothing is known, as
 * of an address that libpq never returned.
 *
 * Under tracker_lock(); `key` is record_handle() of the handle.
 */
#ifndef PRELOAD_FINISHED_H
#define PRELOAD_FINISHED_H

#include <stdbool.h>
#include <stdint.h>

void finished_add(uint64_t key, uint32_t site);
/* It was acquired again, as whatever. */
void finished_remove(uint64_t key);
/* Where it had been acquired; false if it is not known. */
bool finished_find(uint64_t key, uint32_t *ret_site);
/* In a child of fork(): what its parent finished was never out in it. */
void finished_forget(void);

#endif
