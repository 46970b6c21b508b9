/* SPDX-License-Identifier: MIT */
/*
 * made_report - a report that nobody judged, for the tests of its writers
 *
 * One finding: a connection acquired at noon in load_orders(), orders.c:42, by
 * process 4242.  A test changes what it is about.  The suites that use this
 * have a `static struct made made`, which the short names below mean.
 */
#ifndef TESTS_MADE_REPORT_H
#define TESTS_MADE_REPORT_H

#include <stdbool.h>
#include "analyzer/report.h"

#define APP    "/opt/shop/bin/app"
#define NOON   1763726400000000000u /* 2025-11-21 12:00:00 UTC */
#define SECOND 1000000000u

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct made {
	struct report report;
	struct report_finding findings[3]; /* alike; only one is counted */
	struct report_handle handles[10];  /* a second and a backend apart */
	struct report_frame frames[5];	   /* [1] is the site */
	struct report_process process;
	struct report_incomplete gaps[7];
	struct report_note notes[7];
	char *text; /* as last written */
};

/* Fills in *m, and lets local time be UTC. */
void made_report(struct made *m);
void made_release(struct made *m);
void made_clear_findings(struct made *m, enum report_status status);

void made_write(struct made *m, bool colour);
/* These write the text, without colour, and look into it. */
bool made_says(struct made *m, const char *words);
int made_times(struct made *m, const char *words);
const char *made_last_line(struct made *m);

/* `part` again and again, below `size` (5000 at most) bytes; 8 are kept. */
const char *long_name(const char *part, size_t size);

#define show(colour)	       made_write(&made, colour)
#define says(words)	       made_says(&made, words)
#define count_of(words)	       made_times(&made, words)
#define clear_findings(status) made_clear_findings(&made, status)
#define last_line()	       made_last_line(&made)

#endif
