/* SPDX-License-Identifier: MIT */
/*
 * hash - uthash set up for the shim, and the hash that its keys are
 *
 * Include this, never uthash.h itself: its own defaults call malloc and end
 * the process when there is no memory.  Here an element that could not be
 * added is simply not in the table (its hh.tbl is NULL).
 *
 * Tables are keyed by a 64-bit hash of what they hold.
 */
#ifndef PRELOAD_HASH_H
#define PRELOAD_HASH_H

#include <stddef.h>
#include <stdint.h>
#include "preload/memory.h"

#define uthash_malloc(size)	  memory_take(size)
#define uthash_free(memory, size) memory_give(memory, size)
#define HASH_NONFATAL_OOM	  1
#include <uthash.h>

#define HASH_SEED 0x9e3779b97f4a7c15u

/* Mixes one more word into a hash. */
static inline uint64_t hash_word(uint64_t hash, uint64_t word)
{
	hash ^= word;
	hash ^= hash >> 32;
	hash *= 0xd6e8feb86659fd93u;
	hash ^= hash >> 29;
	return hash;
}

static inline uint64_t hash_text(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = hash_word(hash, (unsigned char)*text);
	return hash_word(hash, 256);
}

#endif
