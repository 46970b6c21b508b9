/* SPDX-License-Identifier: MIT */
/*
 * clock - the one clock that deadlines are told by, in the helper as well
 */
#ifndef PRELOAD_SCAN_CLOCK_H
#define PRELOAD_SCAN_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
