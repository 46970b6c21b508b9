/* SPDX-License-Identifier: MIT */
/*
 * compare - does a record say what the program itself knows?
 *
 * While the program runs each slot that the reader accepts must be a possible
 * one: of one of its threads, acquired in a function of that thread.  When it
 * has ended, what the journal acknowledges must be there and nothing else, but
 * for the one step of each thread that it had begun.
 *
 * What is not so is printed and counted.
 */
#ifndef TESTS_AUDIT_COMPARE_H
#define TESTS_AUDIT_COMPARE_H

#include "record/reader.h"
#include "tests/audit/journal.h"

struct figures {
	unsigned long wrong;
	unsigned long acquired, released; /* acknowledged */
	unsigned long live_reads, live_slots, live_in_flight;
	unsigned long out; /* handles that records left behind have */
	unsigned long in_doubt, in_flight, most_in_flight;
};

extern struct figures figures;

/* What is wrong, as printf. */
void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Before the program begins; its journal is empty. */
void compare_begin(const struct journal *journal);
void compare_live(const struct reader *reader);
/* NULL: there is no record. */
void compare_ended(const struct reader *reader);

#endif
