/* SPDX-License-Identifier: MIT */
/*
 * counters - numbers in the record that others read while they change
 *
 * Changed under recording_lock() only: so a load and a store will do, without
 * the price of an atomic addition.
 */
#ifndef PRELOAD_COUNTERS_H
#define PRELOAD_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

static inline void counter_set(_Atomic(uint64_t) *counter, uint64_t value)
{
	atomic_store_explicit(counter, value, memory_order_relaxed);
}

static inline void counter_set32(_Atomic(uint32_t) *counter, uint32_t value)
{
	atomic_store_explicit(counter, value, memory_order_relaxed);
}

static inline uint64_t counter_get(const _Atomic(uint64_t) *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline uint32_t counter_get32(const _Atomic(uint32_t) *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* `by` may be the complement of what is to be taken off. */
static inline void counter_add(_Atomic(uint64_t) *counter, uint64_t by)
{
	counter_set(counter, counter_get(counter) + by);
}

static inline void counter_add32(_Atomic(uint32_t) *counter, uint32_t by)
{
	counter_set32(counter, counter_get32(counter) + by);
}

/* To the highest that it ever was. */
static inline void counter_raise(_Atomic(uint64_t) *counter, uint64_t value)
{
	if (value > counter_get(counter))
		counter_set(counter, value);
}

static inline void counter_raise32(_Atomic(uint32_t) *counter, uint32_t value)
{
	if (value > counter_get32(counter))
		counter_set32(counter, value);
}

#endif
