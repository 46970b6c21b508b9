/* SPDX-License-Identifier: MIT */
/*
 * make_record - records for tests, made without the writer
 *
 * Elements are added one by one, make_finish() lays them out as format.h
 * says, and then a test may damage what it likes:
 *
 *	struct make_record m;
 *
 *	make_init(&m);
 *	site = make_site(&m, "PQconnectdb", &frame, 1);
 *	make_slot(&m, &(struct record_slot){ .site = site, ... });
 *	make_finish(&m);
 *	make_segment(&m, RECORD_SLOTS)->count++;
 *
 * Without memory or with nonsense it aborts.
 */
#ifndef TESTS_MAKE_RECORD_H
#define TESTS_MAKE_RECORD_H

#include "record/format.h"

#define MAKE_SEGMENTS 64

struct make_segment {
	struct record_segment entry;
	unsigned char *elements;
	uint32_t spare; /* elements at its end that are never used */
};

struct make_record {
	/* What later versions may do; to be set before make_finish(). */
	uint32_t header_extra;	/* bytes more in the header; times 8 */
	uint32_t entry_extra;	/* in an entry of the directory; times 8 */
	uint32_t element_extra; /* bytes more in every element but strings */
	uint32_t room;		/* unused entries of the directory */
	struct record_header header; /* what the layout does not decide */
	struct make_segment segments[MAKE_SEGMENTS];
	size_t segment_count;

	/* The record; after make_finish(). */
	unsigned char *bytes;
	size_t size;
};

/* All types of version 1, with no elements. */
void make_init(struct make_record *m);
void make_release(struct make_record *m);

/* Elements of this type go into a new segment from now on. */
void make_next_segment(struct make_record *m, uint16_t type, uint32_t spare);
/* A segment of `size` bytes of a type of any number. */
void make_unknown(struct make_record *m, uint16_t type, uint16_t flags,
		  uint32_t size);

/* These return the number of what they add. */
uint32_t make_string(struct make_record *m, const char *text);
uint32_t make_slot(struct make_record *m, const struct record_slot *slot);
uint32_t make_event(struct make_record *m, const struct record_event *event);
uint32_t make_scan(struct make_record *m, const struct record_scan *scan);
uint32_t make_search(struct make_record *m, const struct record_search *search);
/* Of the types that need no more than that. */
uint32_t make_one(struct make_record *m, uint16_t type, const void *element);
uint32_t make_mark(struct make_record *m, enum record_mark_kind kind,
		   int32_t status);
uint32_t make_frame(struct make_record *m, const struct record_frame *frame);
uint32_t make_module(struct make_record *m, const struct record_module *module);
uint32_t make_server(struct make_record *m, const char *host, const char *port,
		     const char *dbname, const char *user);
/* A site of connections; the counters are 0. */
uint32_t make_site(struct make_record *m, const char *function,
		   const struct record_frame *frames, uint16_t count);
/* ... with one frame, in the first module. */
uint32_t make_site_at(struct make_record *m, const char *function,
		      uint64_t offset);

/* Some of everything: 5 slots, the last of them in flight, 2 sites ... */
void make_some(struct make_record *m);

void make_finish(struct make_record *m);
void make_save(const struct make_record *m, const char *path);

/* Into `bytes`: the header, the first segment of a type, an element of it. */
struct record_header *make_header(const struct make_record *m);
struct record_segment *make_segment(const struct make_record *m, uint16_t type);
void *make_element(const struct make_record *m, uint16_t type, uint32_t number);

#endif
