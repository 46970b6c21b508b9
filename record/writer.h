/* SPDX-License-Identifier: MIT */
/*
 * writer - makes a record and lets it grow, inside a watched process
 *
 * Safe in a stranger's process: no malloc, no stdio, no descriptor kept, no
 * signal raised (a full disk or a file-size limit is an error, not SIGBUS or
 * SIGXFSZ).  The caller keeps two threads from using one writer at a time.
 *
 * Elements never move: a pointer from writer_at() holds until writer_forget().
 */
#ifndef RECORD_WRITER_H
#define RECORD_WRITER_H

#include "record/format.h"

#define MUST_CHECK __attribute__((warn_unused_result))

#define WRITER_PATH_MAX 1024 /* of a record's path */
#define WRITER_SEGMENTS 240  /* entries in the directory */

struct writer_segment {
	char *elements;
	size_t size; /* of the mapping; 0 if it is part of the first one */
};

struct writer {
	struct record_header *header; /* NULL: there is no record */
	struct record_segment *directory;
	struct writer_segment segments[WRITER_SEGMENTS];
	uint64_t limit;	  /* of the file's size */
	uint32_t refused; /* growths that the disk refused since the last */
	char path[WRITER_PATH_MAX];
};

/* What identifies the process. */
struct writer_process {
	int32_t pid;
	uint64_t start_ticks; /* START */
	const char *exe;
};

/*
 * Makes the record of a process in `folder` (an absolute path).  Returns 0,
 * or a negative errno and leaves no file behind.
 */
MUST_CHECK int writer_create(struct writer *w, const char *folder,
			     const struct writer_process *process,
			     uint64_t limit);

/*
 * Leaves the record as it is, for instance in a child of fork(): the parent
 * goes on writing it.
 */
void writer_forget(struct writer *w);
/* The same, but the first RECORD_FIRST_SIZE bytes stay mapped and are returned.
 */
struct record_header *writer_leave(struct writer *w);

/*
 * Room for `count` elements in a row, zeroed, not yet counted as used.
 * Returns the number of the first, or RECORD_NONE if there is no more room.
 */
uint32_t writer_reserve(struct writer *w, enum record_type type,
			uint32_t count);
/*
 * Grows now, where the file can be opened, to what serves most processes until
 * their end: where it cannot, what does not fit is lost.
 */
void writer_grow_ahead(struct writer *w);
/* Publishes what writer_reserve() gave last for this type. */
void writer_publish(struct writer *w, enum record_type type, uint32_t first,
		    uint32_t count);
/* The element with this number, which must have been reserved. */
void *writer_at(struct writer *w, enum record_type type, uint32_t number);
/* A new string; 0 if there is no room for it. */
uint32_t writer_string(struct writer *w, const char *text);

/* Between these two, and only there, the fields of a slot may be changed. */
void writer_slot_begin(struct record_slot *slot);
void writer_slot_end(struct record_slot *slot);

#endif
