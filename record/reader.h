/* SPDX-License-Identifier: MIT */
/*
 * reader - what a record says, trusting nothing in it
 *
 * A record comes from a process that may have crashed, may still be running,
 * or may be somebody's attempt to crash the analyzer.  reader_open() copies
 * the whole file into memory and checks its structure; what it returns no
 * longer depends on the file.  It takes at most about the file's size, and
 * files above 1 GiB are refused.
 *
 * Elements are named by number, as everywhere in the file.  An accessor
 * copies one out and returns false where the file has none of that number,
 * so a reference may be followed without a check before:
 *
 *	for (i = 0; i < reader_count(r, RECORD_SLOTS); i++) {
 *		if (!reader_slot(r, i, &slot) || slot.state == SLOT_FREE)
 *			continue;
 *		if (reader_site(r, slot.site, &site))
 *			...
 *	}
 *
 * What the accessors do not check is meaning: a kind or state may be one that
 * format.h does not name, a time may lie in the future.  Fields that a newer
 * or older writer has more or less than format.h are left out or 0.
 *
 * The process may still be running.  Then each slot is as it was at some one
 * moment, the moments differ, everything a slot refers to is there, and the
 * counters are a little newer than the slots.
 */
#ifndef RECORD_READER_H
#define RECORD_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "record/format.h"

#define READER_MAX_STRING 65536u /* a longer one counts as unknown */

struct input;
struct reader;

/*
 * Opens the record `name` in the folder `dirfd`: a regular file, and a
 * symbolic link to one only with AT_FDCWD, when a person named it.  Returns
 * 0, or a negative errno and in `ret_why` a clause that fits behind
 * "FILE: "; it lives as long as the program.  Nothing is left open.
 */
int reader_open(int dirfd, const char *name, struct reader **ret,
		const char **ret_why) __attribute__((warn_unused_result));
/* The same from memory, which is no longer needed afterwards. */
int reader_open_memory(const void *bytes, size_t size, struct reader **ret,
		       const char **ret_why)
	__attribute__((warn_unused_result));
/* The same from whatever can be read; input.h. */
int reader_open_input(struct input *in, struct reader **ret,
		      const char **ret_why) __attribute__((warn_unused_result));
void reader_free(struct reader *r);

const struct record_header *reader_header(const struct reader *r);

/*
 * No element has this number or a higher one.  Below it numbers may be
 * missing, where a segment was left before it was full.  0 for types that
 * this reader does not know.
 */
uint32_t reader_count(const struct reader *r, enum record_type type);
/* Slots caught while they were changed; reader_slot() has none of them. */
uint32_t reader_in_flight(const struct reader *r);

bool reader_slot(const struct reader *r, uint32_t number,
		 struct record_slot *ret);
/* `frame_count` is at most RECORD_MAX_FRAMES, whatever the file says. */
bool reader_site(const struct reader *r, uint32_t number,
		 struct record_site *ret);
/* Frame `index` of `site`; false behind its last one. */
bool reader_frame(const struct reader *r, const struct record_site *site,
		  unsigned index, struct record_frame *ret);
/* `build_id_size` is at most RECORD_BUILD_ID_MAX. */
bool reader_module(const struct reader *r, uint32_t number,
		   struct record_module *ret);
bool reader_server(const struct reader *r, uint32_t number,
		   struct record_server *ret);
bool reader_event(const struct reader *r, uint32_t number,
		  struct record_event *ret);
bool reader_mark(const struct reader *r, uint32_t number,
		 struct record_mark *ret);
bool reader_scan(const struct reader *r, uint32_t number,
		 struct record_scan *ret);
bool reader_search(const struct reader *r, uint32_t number,
		   struct record_search *ret);
bool reader_rule(const struct reader *r, uint32_t number,
		 struct record_rule *ret);
bool reader_pool(const struct reader *r, uint32_t number,
		 struct record_pool *ret);
bool reader_bucket(const struct reader *r, uint32_t number,
		   struct record_bucket *ret);
bool reader_hold(const struct reader *r, uint32_t number,
		 struct record_hold *ret);
bool reader_error(const struct reader *r, uint32_t number,
		  struct record_error *ret);
bool reader_exhaustion(const struct reader *r, uint32_t number,
		       struct record_exhaustion *ret);
bool reader_keeper(const struct reader *r, uint32_t number,
		   struct record_keeper *ret);
/*
 * NULL if unknown, never "" for 0.  Lives as long as `r`.  The bytes are the
 * watched process's: they need not be UTF-8, nor safe for a terminal.
 */
const char *reader_string(const struct reader *r, uint32_t number);

#endif
