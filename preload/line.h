/* SPDX-License-Identifier: MIT */
/*
 * line - one line for the run's log, made without stdio and written whole
 *
 * Needs no lock and no memory but the stack, so that a child of vfork() may
 * write one too.  What does not fit is cut; a line without its end is counted
 * by the reader.
 */
#ifndef PRELOAD_LINE_H
#define PRELOAD_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct line {
	char text[4096];
	size_t length;
};

/* Begins with `word`, the pid and the start of the calling process. */
void line_begin(struct line *line, const char *word);
/* The same of another one; if it is gone already, its start is 0. */
void line_begin_of(struct line *line, const char *word, pid_t pid);
void line_add(struct line *line, const char *text);
/* A blank and a number, the time of day, or an escaped word ("?" for NULL). */
void line_number(struct line *line, uint64_t value);
void line_time(struct line *line);
void line_word(struct line *line, const char *word);

/*
 * Appends it, with a newline, to the log in `folder`.  False if there is no
 * log there or it cannot be written.
 */
bool line_log(struct line *line, const char *folder);

/* Writes it in digits (24 bytes suffice) and a NUL; returns where that is. */
char *line_digits(char *out, uint64_t value);

/* The time of day, in nanoseconds. */
uint64_t line_now(void);

/* When this process started: START of record/format.h; 0 without /proc. */
uint64_t line_start_ticks(void);

/* Whether the process that started then is gone, or a zombie, for certain. */
bool line_has_ended(pid_t pid, uint64_t start_ticks);

#endif
