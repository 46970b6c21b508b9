/* SPDX-License-Identifier: MIT */
/*
 * printable - strings from watched programs, made safe to show
 *
 * A database may be named anything, escape codes that rewrite the terminal
 * included.  Whatever was read from a record, or from a file that a record
 * names, passes through here before it is written.
 *
 * NULL stays NULL.  A string that is safe already is returned as it is.
 */
#ifndef ANALYZER_PRINTABLE_H
#define ANALYZER_PRINTABLE_H

#include <stddef.h>
#include <stdint.h>
#include "analyzer/arena.h"

/*
 * For a terminal or a log: control characters (ESC, newline, C1), what turns
 * the direction of writing, and bytes that are not UTF-8 become \xNN.
 */
const char *printable_text(struct arena *arena, const char *text);

/* For a command to be copied: in quotes, where a shell needs them. */
const char *printable_word(struct arena *arena, const char *text);

/* For JSON, whose writer escapes: bytes that are not UTF-8 become U+FFFD. */
const char *printable_utf8(struct arena *arena, const char *text);

/*
 * The length of the UTF-8 character at `text`, 1 to 4, and the character; 0
 * if there is none (the end, or bytes that are not UTF-8).
 */
size_t printable_decode(const char *text, uint32_t *ret_character);

#endif
