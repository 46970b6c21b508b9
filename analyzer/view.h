/* SPDX-License-Identifier: MIT */
/*
 * view - what is out now, of a program that goes on
 *
 * The same judge on the same records, while they are being written: handles
 * are `growing` or `undecided` (or `lost`: leases of threads that have ended),
 * ages are as of now, and nothing gates.  What a process left that has ended is
 * no longer out, and is told at the end of the run.
 */
#ifndef ANALYZER_VIEW_H
#define ANALYZER_VIEW_H

#include <stdio.h>

struct thresholds;

/* Of a run's folder, or of one record; `thresholds` may be NULL. */
void view_print(const char *path, const struct thresholds *thresholds,
		FILE *out);

#endif
