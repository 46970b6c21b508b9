/* SPDX-License-Identifier: MIT */
/*
 * emit - a finished report, written whole
 *
 * Writers build their text in memory and hand it over here: on an unbuffered
 * stderr the report then does not mix with what the program still writes, and
 * the errno of a full disk is that of the one write that met it.
 */
#ifndef ANALYZER_EMIT_H
#define ANALYZER_EMIT_H

#include <stddef.h>
#include <stdio.h>

/* Writes and flushes.  Returns 0, or a negative errno. */
int emit(FILE *out, const char *text, size_t size)
	__attribute__((warn_unused_result));

#endif
