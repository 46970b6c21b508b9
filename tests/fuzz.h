/* SPDX-License-Identifier: MIT */
/*
 * fuzz - damage to files, the same each time
 *
 * FUZZ_TIMES=100 tries a hundred times as many mutations, which is what
 * `make soak` does.
 *
 * Mutation n of a file is always the same, so a failure can be had again:
 * its number is in the message, and after a crash or a hang on stderr.
 *
 *	for (*fuzz_current = 1; *fuzz_current < count; ++*fuzz_current)
 *		... fuzz_mutate(bytes, &size, *fuzz_current, head) ...
 *	*fuzz_current = 0;
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <check.h>
#include <stddef.h>
#include <stdint.h>
#include "record/reader.h"
#include "tests/make_record.h"

/* The mutation under test, where the parent of the test can see it. */
extern volatile uint32_t *fuzz_current;

/* A test in a case of its own: another in it would begin to count anew. */
void fuzz_add_case(Suite *suite, const char *name, const TTest *test);

uint32_t fuzz_times(uint32_t count);

/*
 * A copy of exactly its size, which may be smaller, so that a byte too far is
 * seen.  Most of the damage is done to the first `head` bytes.
 */
unsigned char *fuzz_mutate(const void *from, size_t *size, uint32_t seed,
			   size_t head);

/* Bytes of memory that are in use. */
size_t fuzz_heap(void);

/* Neither would test much: that all are refused, or none. */
void fuzz_expect_both(uint32_t opened, uint32_t count);

/* Of test_fuzz.c: a record with a segment of every kind; all that is in one. */
void fuzz_make_record(struct make_record *m);
void fuzz_walk_record(const struct reader *r);

/* Of test_fuzz_core.c. */
void add_fuzz_core(Suite *suite);

#endif
