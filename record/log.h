/* SPDX-License-Identifier: MIT */
/*
 * log - what the run's log says, trusting nothing in it
 *
 * The lines are specified in record/format.h.  They come from many processes,
 * some of which were killed or had a full disk while they wrote: a line that
 * is not whole is counted and skipped, the others count.
 */
#ifndef RECORD_LOG_H
#define RECORD_LOG_H

#include <stddef.h>
#include <stdint.h>

#define LOG_MAX_SIZE (UINT64_C(64) << 20) /* a larger file is refused */

enum log_kind {
	LOG_SPACE,
	LOG_START,
	LOG_IMAGE,
	LOG_EXEC,
	LOG_BARE,
	LOG_PEER,
	LOG_CONNECT,
	LOG_STATIC,
	LOG_UNSEEN,
	LOG_RECORD,
	LOG_LOST,
	LOG_EXIT,   /* `end ... exit` */
	LOG_SIGNAL, /* `end ... signal` */
	LOG_LEFT,
	LOG_HOLDS,
	LOG_STOP,
};

/* A line.  Fields that its kind does not have are 0 or NULL. */
struct log_event {
	enum log_kind kind;
	int32_t pid;
	int32_t number;	  /* exit status, signal, errno or namespace */
	uint64_t start;	  /* START, as in the record's name */
	uint64_t time;	  /* nanoseconds since the epoch */
	const char *exe;  /* as it was: any bytes but NUL */
	const char *what; /* the ADDRESS, EVIDENCE, REASON or NAME, the same */
};

struct log {
	struct log_event *events; /* in the order of the lines */
	size_t count;
	size_t malformed; /* lines of a known first word, or of none */
	size_t unknown;	  /* lines of an unknown first word */
	char *text;	  /* the exes lie in it */
};

/*
 * Reads the log `name` in the folder `dirfd`, as reader_open() a record.
 * Returns 0 and log_release() is to be called; or a negative errno and in
 * `ret_why` a clause that fits behind "FILE: ".
 */
int log_open(struct log *log, int dirfd, const char *name, const char **ret_why)
	__attribute__((warn_unused_result));
/* The same from memory, which is no longer needed afterwards. */
int log_open_memory(struct log *log, const char *bytes, size_t size,
		    const char **ret_why) __attribute__((warn_unused_result));
void log_release(struct log *log);

#endif
