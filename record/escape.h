/* SPDX-License-Identifier: MIT */
/*
 * escape - one word of any bytes, for the log of a run
 *
 * Both sides use it: the shim writes with it, inside a stranger's process, so
 * it calls nothing.
 */
#ifndef RECORD_ESCAPE_H
#define RECORD_ESCAPE_H

#include <stddef.h>

#define ESCAPE_LONGEST 4 /* bytes that one byte becomes at most */

/*
 * Writes `text` and a NUL; what would end the word or the line, or is no
 * visible ASCII, becomes \ooo, the rest (UTF-8 too) stays.  Returns the
 * length, or -ENAMETOOLONG where it does not fit into `size`.
 */
int escape_text(char *out, size_t size, const char *text)
	__attribute__((warn_unused_result));
/*
 * Turns it back, in place.  Returns 0, or -EINVAL for what escape_text()
 * would not have written, and `text` is then half done.
 */
int escape_undo(char *text) __attribute__((warn_unused_result));

#endif
