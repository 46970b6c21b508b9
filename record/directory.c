/* SPDX-License-Identifier: MIT */
#include "record/directory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_HEADER 336u /* in version 1, never to be changed */
#define LEAST_ENTRY  32u

/*
 * With the size that its elements had in version 1.  What refers to others
 * comes before them, so that these are there when it is followed.
 */
/* clang-format off */
const struct known_type known_types[KNOWN_TYPES] = {
	{ RECORD_SEARCHES, 48 },
	{ RECORD_SCANS,    40 },
	{ RECORD_MARKS,    24 },
	{ RECORD_EXHAUSTIONS, 40 },
	{ RECORD_KEEPERS,  48 },
	{ RECORD_EVENTS,   56 },
	{ RECORD_ERRORS,   16 },
	{ RECORD_HOLDS,    32 },
	{ RECORD_SLOTS,   112 },
	{ RECORD_SITES,   272 },
	{ RECORD_POOLS,   408 },
	{ RECORD_SERIES,   32 },
	{ RECORD_RULES,    32 },
	{ RECORD_FRAMES,   16 },
	{ RECORD_SERVERS,  32 },
	{ RECORD_MODULES,  64 },
	{ RECORD_STRINGS,   1 },
};
/* clang-format on */

/* What a segment takes of the file: from `begin` up to before `end`. */
struct span {
	uint64_t begin, end;
};

static int damaged(struct input *in, const char *why)
{
	return input_fail(in, -EINVAL, why);
}

static int check_identity(struct input *in, const struct record_header *h,
			  uint64_t size)
{
	static const char magic[sizeof(h->magic)] = RECORD_MAGIC;
	const size_t known = size < sizeof(magic) ? size : sizeof(magic);

	if (size == 0)
		return damaged(in, "it is empty");
	if (memcmp(h->magic, magic, known) != 0)
		return damaged(in, "it is not a connleak record");
	if (size < sizeof(*h))
		return damaged(in, "it is truncated");
	if (h->byte_order == __builtin_bswap32(RECORD_BYTE_ORDER))
		return damaged(in, "it was made on a machine with another "
				   "byte order");
	if (h->byte_order != RECORD_BYTE_ORDER)
		return damaged(in, "it is damaged: its byte order is unknown");
	if (h->version != RECORD_VERSION)
		return damaged(in, "it was made by another version of "
				   "connleak");
	return 0;
}

static int read_header(struct input *in, struct record_header *h)
{
	uint64_t size;
	int err;

	memset(h, 0, sizeof(*h));
	err = input_size(in, &size);
	if (!err)
		err = input_read(in, 0, h,
				 size < sizeof(*h) ? size : sizeof(*h));
	return err ? err : check_identity(in, h, size);
}

static uint64_t directory_end(const struct record_header *h)
{
	return h->header_size +
	       (uint64_t)h->directory_room * h->directory_entry_size;
}

static int check_header(struct input *in, const struct record_header *h,
			uint32_t segment_count)
{
	uint64_t size;
	const int err = input_size(in, &size);

	if (err)
		return err;
	if (h->header_size < LEAST_HEADER || h->pid <= 0)
		return damaged(in, "it is damaged: in its header");
	if (h->file_size > RECORD_MAX_SIZE)
		return damaged(in, "it is damaged, or larger than 1 GiB");
	if (h->file_size > size)
		return damaged(in, "it is truncated");
	if (h->directory_entry_size < LEAST_ENTRY ||
	    directory_end(h) > h->file_size ||
	    segment_count > h->directory_room ||
	    segment_count > DIRECTORY_MAX_SEGMENTS)
		return damaged(in, "it is damaged: in the size of its "
				   "directory");
	return 0;
}

static int read_segments(struct directory *d, struct input *in, uint32_t count)
{
	const struct record_header *h = &d->header;
	struct record_segment *segments;
	int err = 0;

	d->count = 0;
	if (!count)
		return 0;
	segments = reallocarray(d->segments, count, sizeof(*segments));
	if (!segments)
		return input_fail(in, -ENOMEM, NULL);
	d->segments = segments;
	for (uint32_t i = 0; i < count && !err; i++)
		err = input_read(in,
				 h->header_size +
					 (uint64_t)i * h->directory_entry_size,
				 &segments[i], sizeof(*segments));
	if (!err)
		d->count = count;
	return err;
}

static const struct known_type *find_known(uint16_t type)
{
	for (size_t i = 0; i < KNOWN_TYPES; i++)
		if (known_types[i].type == type)
			return &known_types[i];
	return NULL;
}

/* What must hold for any segment, so that an unknown one can be skipped. */
static int check_place(struct input *in, const struct record_header *h,
		       const struct record_segment *s)
{
	const uint64_t size = (uint64_t)s->count * s->element_size;

	if (s->type == 0)
		return damaged(in, "it is damaged: a segment has no type");
	if (s->offset < directory_end(h) || s->offset > h->file_size ||
	    size > h->file_size - s->offset)
		return damaged(in, "it is damaged: a segment lies outside of "
				   "it");
	if (s->used > s->count)
		return damaged(in, "it is damaged: a segment is more than "
				   "full");
	return 0;
}

/* `first` is the number that the segment must begin with. */
static int check_known(struct input *in, const struct known_type *known,
		       const struct record_segment *s, uint32_t first)
{
	const bool bytes = s->type == RECORD_STRINGS;

	/* Left out, it could hide a handle that is out. */
	if (s->version != 1)
		return damaged(in, "it was made by another version of "
				   "connleak");
	if (s->element_size < known->least ||
	    s->element_size > (bytes ? 1 : DIRECTORY_MAX_ELEMENT))
		return damaged(in, "it is damaged: an element has a wrong "
				   "size");
	if (s->first != first)
		return damaged(in,
			       "it is damaged: its elements are misnumbered");
	return 0;
}

static int check_segments(struct directory *d, struct input *in)
{
	uint32_t next[KNOWN_TYPES] = { 0 };
	int err = 0;

	for (size_t i = 0; i < d->count && !err; i++) {
		const struct record_segment *s = &d->segments[i];
		const struct known_type *known = find_known(s->type);

		err = check_place(in, &d->header, s);
		if (!err && known) {
			err = check_known(in, known, s,
					  next[known - known_types]);
			next[known - known_types] += s->count;
		} else if (!err && s->flags & SEGMENT_REQUIRED) {
			err = damaged(in, "it needs a newer version of "
					  "connleak");
		}
	}
	return err;
}

static int compare_spans(const void *left, const void *right)
{
	const struct span *a = left, *b = right;

	return (a->begin > b->begin) - (a->begin < b->begin);
}

static bool spans_overlap(struct span *spans, size_t count)
{
	if (count)
		qsort(spans, count, sizeof(*spans), compare_spans);
	for (size_t i = 1; i < count; i++)
		if (spans[i].begin < spans[i - 1].end)
			return true;
	return false;
}

/*
 * Without this a small file could describe a hundred large segments that are
 * all the same bytes, and take a hundred times its size in memory.
 */
static int check_overlap(struct directory *d, struct input *in)
{
	struct span *spans = calloc(d->count + 1, sizeof(*spans));
	size_t count = 0;
	int err = 0;

	if (!spans)
		return input_fail(in, -ENOMEM, NULL);
	for (size_t i = 0; i < d->count; i++) {
		const struct record_segment *s = &d->segments[i];
		const uint64_t size = (uint64_t)s->count * s->element_size;

		if (size)
			spans[count++] =
				(struct span){ s->offset, s->offset + size };
	}
	if (spans_overlap(spans, count))
		err = damaged(in, "it is damaged: its segments overlap");
	free(spans);
	return err;
}

int directory_read(struct directory *d, struct input *in)
{
	uint32_t count;
	int err;

	err = read_header(in, &d->header);
	if (err)
		return err;
	/*
	 * A growing file is first made longer and then counts the segment, so
	 * the count is taken first here and the length with the second read.
	 */
	count = d->header.segment_count;
	atomic_thread_fence(memory_order_acquire);
	err = read_header(in, &d->header);
	if (!err)
		err = check_header(in, &d->header, count);
	if (!err)
		err = read_segments(d, in, count);
	if (!err)
		err = check_segments(d, in);
	return err ? err : check_overlap(d, in);
}

void directory_release(struct directory *d)
{
	free(d->segments);
	d->segments = NULL;
	d->count = 0;
}
