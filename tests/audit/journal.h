/* SPDX-License-Identifier: MIT */
/*
 * journal - what a program itself knows of its connections
 *
 * tests/programs/endings.c keeps one in a file mapped shared, so that it is
 * there however the program ends; tests/audit compares it with the
 * record.  Each thread writes a page of its own: before a call what it is about
 * to do, after it what the call returned.  So of each thread at most one step
 * is in doubt.
 */
#ifndef TESTS_AUDIT_JOURNAL_H
#define TESTS_AUDIT_JOURNAL_H

#include <stdatomic.h>
#include <stdint.h>

#define JOURNAL_THREADS 4
#define JOURNAL_OUT	8   /* handles of one thread that are out at once */
#define JOURNAL_GIVEN	512 /* different handles that one was ever given */

/* What a thread has begun and not finished; it concerns one of `out`. */
enum journal_step {
	STEP_NONE,
	STEP_ACQUIRING,
	STEP_RELEASING,
	STEP_CHANGING, /* resetting */
};

enum journal_kind { KIND_CONNECTION, KIND_CANCEL, JOURNAL_KINDS };

struct journal_handle {
	_Atomic(uint64_t) handle;     /* 0: none; written last */
	uint64_t before_ns, after_ns; /* CLOCK_MONOTONIC, around the acquire */
	uint32_t kind;		      /* enum journal_kind */
	uint32_t state;		      /* enum record_slot_state */
	int32_t backend_pid;
};

struct journal_thread {
	_Atomic(int32_t) tid;	/* 0 before its first step */
	_Atomic(uint32_t) step; /* enum journal_step, and 16 times which */
	_Atomic(uint64_t) acquired[JOURNAL_KINDS], released[JOURNAL_KINDS];
	uint64_t place[JOURNAL_KINDS]; /* its functions that acquire */
	struct journal_handle out[JOURNAL_OUT];
	_Atomic(uint64_t) given[JOURNAL_GIVEN]; /* 0 behind the last */
};

struct journal {
	_Atomic(uint32_t) at_work; /* the first thread has begun */
	struct journal_thread threads[JOURNAL_THREADS];
};

#endif
