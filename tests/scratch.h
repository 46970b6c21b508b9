/* SPDX-License-Identifier: MIT */
/*
 * scratch - a folder for one test, gone after it
 *
 * For checked fixtures: each test is a process, with a folder of its own.
 */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

extern char scratch[64]; /* its path */

void scratch_make(void);
void scratch_remove(void);

/* The path of a name in it; good until the next call. */
const char *scratch_path(const char *name);
void scratch_write(const char *name, const char *text);

#endif
