/* SPDX-License-Identifier: MIT */
/*
 * helper - somebody else who looks at our memory
 *
 * What is looked at must stand still, and a mistake must not cost the program
 * its life.  A process with one thread is looked at by a helper that shares
 * its memory: that costs nothing to start, and nobody else runs meanwhile.  In
 * one with several, the helper has a copy, as after fork().
 *
 * It is no child that the program could wait for or hear of, and it is gone
 * when helper_wait() returns.
 */
#ifndef PRELOAD_SCAN_HELPER_H
#define PRELOAD_SCAN_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum helper_memory { HELPER_SHARES, HELPER_COPIES };

struct helper {
	enum helper_memory memory;
	void (*work)(void *data); /* calls no function that may need a lock */
	void *data;
	char *stack; /* for HELPER_SHARES */
	size_t stack_size;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC: then it is ended */
};

/*
 * With all signals blocked.  -1 if it could not be started.  Once this returns,
 * a copy of the memory is made.
 */
pid_t helper_start(const struct helper *h);

/* False if it did not come to its end in time, or crashed, or is -1. */
bool helper_wait(const struct helper *h, pid_t pid);

#endif
