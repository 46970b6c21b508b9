/* SPDX-License-Identifier: MIT */
/*
 * judged - what the analyzer says of records that a test has made
 *
 *	tcase_add_checked_fixture(test, judged_begin, judged_end);
 *
 *	make_init(&made);
 *	make_slot(&made, &slot);
 *	judged_save(&made, "7-815-0.rec");
 *	judge_scratch();
 *	ck_assert_uint_eq(report.finding_count, 1);
 *
 * The scratch folder is the run; a test may write a log there, too.
 */
#ifndef TESTS_JUDGED_H
#define TESTS_JUDGED_H

#include "analyzer/judge.h"
#include "tests/make_record.h"
#include "tests/scratch.h"

/* Of one test. */
extern struct gate gate; /* the default, until it is judged */
extern struct evidence evidence;
extern struct report report;

/* A test with more to begin calls this first. */
void judged_begin(void);
void judged_end(void);

/* Makes it a file of the scratch folder, and releases it. */
void judged_save(struct make_record *m, const char *name);

/* Once in a test: what lies there becomes the evidence; or the report, too. */
void read_scratch(void);
void judge_scratch(void);

#endif
