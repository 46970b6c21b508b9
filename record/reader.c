/* SPDX-License-Identifier: MIT */
/* Loads what directory.c has checked, and hands it out by number. */
#include "record/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "record/directory.h"
#include "record/snapshot.h"

#define KNOWN_NUMBERS (RECORD_KEEPERS + 1) /* the highest of known_types */

static_assert(DIRECTORY_MAX_ELEMENT <= SNAPSHOT_MAX_SLOT,
	      "any slot can be copied");

/* The part of a segment that is in use. */
struct loaded {
	unsigned char *bytes;
	uint32_t element_size;
	uint32_t first, used;
};

/* All segments of one type, in the order of their numbers. */
struct table {
	struct loaded *segments;
	size_t count;
	uint32_t end; /* the highest number in use, and one */
};

struct reader {
	struct record_header header;
	struct table tables[KNOWN_NUMBERS];
	struct snapshot slots;
};

static int load_segment(struct reader *r, struct input *in,
			const struct record_segment *s, struct table *table)
{
	struct loaded *to = &table->segments[table->count];
	const size_t size = (size_t)s->used * s->element_size;

	*to = (struct loaded){ .element_size = s->element_size,
			       .first = s->first,
			       .used = s->used };
	to->bytes = malloc(size ? size : 1);
	if (!to->bytes)
		return input_fail(in, -ENOMEM, NULL);
	table->count++;
	if (s->used)
		table->end = s->first + s->used;
	if (s->type == RECORD_SLOTS)
		return snapshot_slots(&r->slots, in, s, to->bytes);
	return input_read(in, s->offset, to->bytes, size);
}

static int load_type(struct reader *r, struct input *in,
		     const struct directory *d, uint16_t type)
{
	struct table *table = &r->tables[type];
	size_t count = 0;
	int err = 0;

	for (size_t i = 0; i < d->count; i++)
		count += d->segments[i].type == type;
	if (!count)
		return 0;
	table->segments = calloc(count, sizeof(*table->segments));
	if (!table->segments)
		return input_fail(in, -ENOMEM, NULL);
	for (size_t i = 0; i < d->count && !err; i++)
		if (d->segments[i].type == type)
			err = load_segment(r, in, &d->segments[i], table);
	return err;
}

static int load(struct reader *r, struct input *in)
{
	struct directory d = { .count = 0 };
	int err = 0;

	for (size_t i = 0; i < KNOWN_TYPES && !err; i++) {
		err = directory_read(&d, in);
		if (!err)
			err = load_type(r, in, &d, known_types[i].type);
	}
	if (!err && !r->tables[RECORD_SLOTS].count)
		err = input_fail(in, -EINVAL,
				 "it is damaged: it has no handles");
	if (!err) /* once more, for the counters */
		err = directory_read(&d, in);
	r->header = d.header;
	directory_release(&d);
	return err;
}

int reader_open_input(struct input *in, struct reader **ret,
		      const char **ret_why)
{
	struct reader *r = calloc(1, sizeof(*r));
	int err;

	if (r) {
		snapshot_init(&r->slots);
		err = load(r, in);
	} else {
		err = input_fail(in, -ENOMEM, NULL);
	}
	if (err) {
		*ret_why = in->why;
		reader_free(r);
		r = NULL;
	}
	*ret = r;
	return err;
}

int reader_open(int dirfd, const char *name, struct reader **ret,
		const char **ret_why)
{
	struct input in;
	int err = input_open(&in, dirfd, name);

	if (err) {
		*ret = NULL;
		*ret_why = in.why;
		return err;
	}
	err = reader_open_input(&in, ret, ret_why);
	input_close(&in);
	return err;
}

int reader_open_memory(const void *bytes, size_t size, struct reader **ret,
		       const char **ret_why)
{
	struct input in;

	input_memory(&in, bytes, size);
	return reader_open_input(&in, ret, ret_why);
}

void reader_free(struct reader *r)
{
	if (!r)
		return;
	for (size_t type = 0; type < KNOWN_NUMBERS; type++) {
		struct table *table = &r->tables[type];

		for (size_t i = 0; i < table->count; i++)
			free(table->segments[i].bytes);
		free(table->segments);
	}
	free(r);
}

const struct record_header *reader_header(const struct reader *r)
{
	return &r->header;
}

uint32_t reader_count(const struct reader *r, enum record_type type)
{
	return (unsigned)type < KNOWN_NUMBERS ? r->tables[type].end : 0;
}

uint32_t reader_in_flight(const struct reader *r)
{
	return r->slots.in_flight;
}

/* The last segment that does not begin behind `number`, if it reaches it. */
static const struct loaded *find(const struct reader *r, enum record_type type,
				 uint32_t number)
{
	const struct table *table = &r->tables[type];
	size_t low = 0, high = table->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (table->segments[middle].first <= number)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || number - table->segments[low - 1].first >=
			    table->segments[low - 1].used)
		return NULL;
	return &table->segments[low - 1];
}

static bool copy_element(const struct reader *r, enum record_type type,
			 uint32_t number, void *out, size_t size)
{
	const struct loaded *s = find(r, type, number);

	if (!s)
		return false;
	memset(out, 0, size);
	memcpy(out, s->bytes + (size_t)(number - s->first) * s->element_size,
	       size < s->element_size ? size : s->element_size);
	return true;
}

bool reader_slot(const struct reader *r, uint32_t number,
		 struct record_slot *ret)
{
	return copy_element(r, RECORD_SLOTS, number, ret, sizeof(*ret)) &&
	       ret->sequence % 2 == 0;
}

bool reader_site(const struct reader *r, uint32_t number,
		 struct record_site *ret)
{
	if (!copy_element(r, RECORD_SITES, number, ret, sizeof(*ret)))
		return false;
	if (ret->frame_count > RECORD_MAX_FRAMES)
		ret->frame_count = RECORD_MAX_FRAMES;
	return true;
}

bool reader_frame(const struct reader *r, const struct record_site *site,
		  unsigned index, struct record_frame *ret)
{
	if (index >= site->frame_count ||
	    index > UINT32_MAX - site->first_frame)
		return false;
	return copy_element(r, RECORD_FRAMES, site->first_frame + index, ret,
			    sizeof(*ret));
}

/* A build-id that is too long stays one that no file has. */
bool reader_module(const struct reader *r, uint32_t number,
		   struct record_module *ret)
{
	if (!copy_element(r, RECORD_MODULES, number, ret, sizeof(*ret)))
		return false;
	if (ret->build_id_size > RECORD_BUILD_ID_MAX)
		ret->build_id_size = RECORD_BUILD_ID_MAX;
	return true;
}

bool reader_server(const struct reader *r, uint32_t number,
		   struct record_server *ret)
{
	return copy_element(r, RECORD_SERVERS, number, ret, sizeof(*ret));
}

bool reader_event(const struct reader *r, uint32_t number,
		  struct record_event *ret)
{
	return copy_element(r, RECORD_EVENTS, number, ret, sizeof(*ret));
}

bool reader_mark(const struct reader *r, uint32_t number,
		 struct record_mark *ret)
{
	return copy_element(r, RECORD_MARKS, number, ret, sizeof(*ret));
}

bool reader_scan(const struct reader *r, uint32_t number,
		 struct record_scan *ret)
{
	return copy_element(r, RECORD_SCANS, number, ret, sizeof(*ret));
}

bool reader_search(const struct reader *r, uint32_t number,
		   struct record_search *ret)
{
	return copy_element(r, RECORD_SEARCHES, number, ret, sizeof(*ret));
}

bool reader_rule(const struct reader *r, uint32_t number,
		 struct record_rule *ret)
{
	return copy_element(r, RECORD_RULES, number, ret, sizeof(*ret));
}

bool reader_pool(const struct reader *r, uint32_t number,
		 struct record_pool *ret)
{
	return copy_element(r, RECORD_POOLS, number, ret, sizeof(*ret));
}

bool reader_bucket(const struct reader *r, uint32_t number,
		   struct record_bucket *ret)
{
	return copy_element(r, RECORD_SERIES, number, ret, sizeof(*ret));
}

bool reader_hold(const struct reader *r, uint32_t number,
		 struct record_hold *ret)
{
	return copy_element(r, RECORD_HOLDS, number, ret, sizeof(*ret));
}

bool reader_error(const struct reader *r, uint32_t number,
		  struct record_error *ret)
{
	return copy_element(r, RECORD_ERRORS, number, ret, sizeof(*ret));
}

bool reader_exhaustion(const struct reader *r, uint32_t number,
		       struct record_exhaustion *ret)
{
	return copy_element(r, RECORD_EXHAUSTIONS, number, ret, sizeof(*ret));
}

bool reader_keeper(const struct reader *r, uint32_t number,
		   struct record_keeper *ret)
{
	return copy_element(r, RECORD_KEEPERS, number, ret, sizeof(*ret));
}

const char *reader_string(const struct reader *r, uint32_t number)
{
	const struct loaded *s =
		number ? find(r, RECORD_STRINGS, number) : NULL;
	size_t left;

	if (!s)
		return NULL;
	left = s->used - (number - s->first);
	if (left > READER_MAX_STRING)
		left = READER_MAX_STRING;
	if (!memchr(s->bytes + (number - s->first), 0, left))
		return NULL;
	return (const char *)s->bytes + (number - s->first);
}
