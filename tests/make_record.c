/* SPDX-License-Identifier: MIT */
#include "tests/make_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	uint16_t type;
	uint32_t size;
} types[] = {
	{ RECORD_SLOTS, sizeof(struct record_slot) },
	{ RECORD_SITES, sizeof(struct record_site) },
	{ RECORD_FRAMES, sizeof(struct record_frame) },
	{ RECORD_MODULES, sizeof(struct record_module) },
	{ RECORD_SERVERS, sizeof(struct record_server) },
	{ RECORD_EVENTS, sizeof(struct record_event) },
	{ RECORD_MARKS, sizeof(struct record_mark) },
	{ RECORD_SCANS, sizeof(struct record_scan) },
	{ RECORD_SEARCHES, sizeof(struct record_search) },
	{ RECORD_RULES, sizeof(struct record_rule) },
	{ RECORD_POOLS, sizeof(struct record_pool) },
	{ RECORD_SERIES, sizeof(struct record_bucket) },
	{ RECORD_HOLDS, sizeof(struct record_hold) },
	{ RECORD_ERRORS, sizeof(struct record_error) },
	{ RECORD_EXHAUSTIONS, sizeof(struct record_exhaustion) },
	{ RECORD_KEEPERS, sizeof(struct record_keeper) },
	{ RECORD_STRINGS, 1 },
};
#define TYPES (sizeof(types) / sizeof(types[0]))

static struct make_segment *new_segment(struct make_record *m, uint16_t type,
					uint32_t element_size, uint32_t first)
{
	struct make_segment *s = &m->segments[m->segment_count];

	if (m->segment_count++ == MAKE_SEGMENTS)
		abort();
	*s = (struct make_segment){ .entry = { .type = type,
					       .version = 1,
					       .element_size = element_size,
					       .first = first } };
	return s;
}

static struct make_segment *newest(struct make_record *m, uint16_t type)
{
	for (size_t i = m->segment_count; i-- > 0;)
		if (m->segments[i].entry.type == type)
			return &m->segments[i];
	abort();
}

/* `count` elements in a row; zeros where there is nothing to copy. */
static uint32_t add(struct make_record *m, uint16_t type, const void *elements,
		    uint32_t count)
{
	struct make_segment *s = newest(m, type);
	const size_t size = s->entry.element_size;
	const uint32_t used = s->entry.used;

	s->elements = realloc(s->elements, (used + count) * size + 1);
	if (!s->elements)
		abort();
	if (elements)
		memcpy(s->elements + used * size, elements, count * size);
	else
		memset(s->elements + used * size, 0, count * size);
	s->entry.used = used + count;
	return s->entry.first + used;
}

void make_init(struct make_record *m)
{
	*m = (struct make_record){
		.header = { .magic = RECORD_MAGIC,
			    .version = RECORD_VERSION,
			    .byte_order = RECORD_BYTE_ORDER,
			    .pid = 4711,
			    .start_ticks = 815,
			    .started_ns = 1700000000000000000u,
			    .started_mono = 1000000000u },
	};
	for (size_t i = 0; i < TYPES; i++)
		new_segment(m, types[i].type, types[i].size, 0);
	add(m, RECORD_STRINGS, "", 1);
}

void make_release(struct make_record *m)
{
	for (size_t i = 0; i < m->segment_count; i++)
		free(m->segments[i].elements);
	free(m->bytes);
	m->segment_count = 0;
	m->bytes = NULL;
}

void make_next_segment(struct make_record *m, uint16_t type, uint32_t spare)
{
	struct make_segment *last = newest(m, type);

	last->spare = spare;
	new_segment(m, type, last->entry.element_size,
		    last->entry.first + last->entry.used + spare);
}

void make_unknown(struct make_record *m, uint16_t type, uint16_t flags,
		  uint32_t size)
{
	new_segment(m, type, 1, 0)->entry.flags = flags;
	add(m, type, NULL, size);
}

uint32_t make_string(struct make_record *m, const char *text)
{
	return add(m, RECORD_STRINGS, text, (uint32_t)strlen(text) + 1);
}

uint32_t make_slot(struct make_record *m, const struct record_slot *slot)
{
	return add(m, RECORD_SLOTS, slot, 1);
}

uint32_t make_event(struct make_record *m, const struct record_event *event)
{
	return add(m, RECORD_EVENTS, event, 1);
}

uint32_t make_scan(struct make_record *m, const struct record_scan *scan)
{
	return add(m, RECORD_SCANS, scan, 1);
}

uint32_t make_search(struct make_record *m, const struct record_search *search)
{
	return add(m, RECORD_SEARCHES, search, 1);
}

uint32_t make_one(struct make_record *m, uint16_t type, const void *element)
{
	return add(m, type, element, 1);
}

uint32_t make_mark(struct make_record *m, enum record_mark_kind kind,
		   int32_t status)
{
	const struct record_mark mark = { .kind = kind, .status = status };

	return add(m, RECORD_MARKS, &mark, 1);
}

uint32_t make_frame(struct make_record *m, const struct record_frame *frame)
{
	return add(m, RECORD_FRAMES, frame, 1);
}

uint32_t make_module(struct make_record *m, const struct record_module *module)
{
	return add(m, RECORD_MODULES, module, 1);
}

uint32_t make_server(struct make_record *m, const char *host, const char *port,
		     const char *dbname, const char *user)
{
	const struct record_server server = { .host = make_string(m, host),
					      .port = make_string(m, port),
					      .dbname = make_string(m, dbname),
					      .user = make_string(m, user) };

	return add(m, RECORD_SERVERS, &server, 1);
}

uint32_t make_site(struct make_record *m, const char *function,
		   const struct record_frame *frames, uint16_t count)
{
	const struct record_site site = {
		.first_frame = add(m, RECORD_FRAMES, frames, count),
		.frame_count = count,
		.function = make_string(m, function),
		.kind = HANDLE_CONNECTION,
	};

	return add(m, RECORD_SITES, &site, 1);
}

uint32_t make_site_at(struct make_record *m, const char *function,
		      uint64_t offset)
{
	const struct record_frame frame = { .kind = FRAME_NATIVE,
					    .offset = offset };

	return make_site(m, function, &frame, 1);
}

static uint32_t some_site(struct make_record *m, uint32_t module)
{
	const struct record_frame frames[] = {
		{ FRAME_NATIVE, 0, module, 0x1234 },
		{ FRAME_NATIVE, 0, module, 0x5678 },
		{ FRAME_NATIVE, 0, RECORD_NONE, 0x7fff00001000 },
	};

	return make_site(m, "PQconnectdb", frames, 3);
}

void make_some(struct make_record *m)
{
	const struct record_module module = { .path = make_string(m, "/bin/x"),
					      .build_id_size = 20,
					      .build_id =
						      "0123456789abcdefghi" };
	const uint32_t server = make_server(m, "localhost", "5432", "db", "me");
	const uint32_t site = some_site(m, make_module(m, &module));
	struct record_slot slot = { .sequence = 2,
				    .kind = HANDLE_CONNECTION,
				    .acquired_ns = 1000,
				    .site = site,
				    .server = server,
				    .tid = 4711 };

	some_site(m, make_module(m, &module));
	m->header.exe = module.path;
	m->header.totals[TOTAL_CONNECTS] = 5;
	for (uint8_t state = SLOT_FREE; state <= SLOT_ESTABLISHED; state++) {
		slot.state = state;
		slot.handle = 0x1000u + state;
		make_slot(m, &slot);
	}
	slot.sequence = 3;
	make_slot(m, &slot);
}

static size_t stride(const struct make_record *m, const struct make_segment *s)
{
	return s->entry.element_size +
	       (s->entry.type == RECORD_STRINGS ? 0 : m->element_extra);
}

/* What a later version appended is 0xee, so that it shows if it is used. */
static void place_segment(struct make_record *m, struct make_segment *s,
			  size_t offset)
{
	const size_t size = s->entry.element_size, step = stride(m, s);
	unsigned char *to = m->bytes + offset;

	memset(to, 0xee, step * s->entry.used);
	for (uint32_t i = 0; i < s->entry.used; i++)
		memcpy(to + i * step, s->elements + i * size, size);
	s->entry.offset = offset;
	s->entry.count = s->entry.used + s->spare;
	s->entry.element_size = (uint32_t)step;
}

static size_t segment_size(const struct make_record *m,
			   const struct make_segment *s)
{
	const size_t size = stride(m, s) * (s->entry.used + s->spare);

	return (size + 7) / 8 * 8;
}

static void place_header(struct make_record *m)
{
	struct record_header *h = &m->header;

	h->header_size = (uint32_t)sizeof(*h) + m->header_extra;
	h->directory_entry_size =
		(uint32_t)sizeof(struct record_segment) + m->entry_extra;
	h->directory_room = (uint32_t)m->segment_count + m->room;
	h->segment_count = (uint32_t)m->segment_count;
	m->size = h->header_size +
		  (size_t)h->directory_room * h->directory_entry_size;
	m->size = (m->size + 7) / 8 * 8;
	for (size_t i = 0; i < m->segment_count; i++)
		m->size += segment_size(m, &m->segments[i]);
	h->file_size = m->size;
	m->bytes = calloc(1, m->size);
	if (!m->bytes)
		abort();
	memset(m->bytes, 0xee, h->header_size);
	memcpy(m->bytes, h, sizeof(*h));
}

void make_finish(struct make_record *m)
{
	unsigned char *entry;
	size_t offset;

	place_header(m);
	entry = m->bytes + m->header.header_size;
	offset = m->header.header_size + (size_t)m->header.directory_room *
						 m->header.directory_entry_size;
	offset = (offset + 7) / 8 * 8;
	for (size_t i = 0; i < m->segment_count; i++) {
		struct make_segment *s = &m->segments[i];
		const size_t size = segment_size(m, s);

		place_segment(m, s, offset);
		memset(entry, 0xee, m->header.directory_entry_size);
		memcpy(entry, &s->entry, sizeof(s->entry));
		entry += m->header.directory_entry_size;
		offset += size;
	}
}

void make_save(const struct make_record *m, const char *path)
{
	FILE *file = fopen(path, "wbx");

	if (!file || fwrite(m->bytes, 1, m->size, file) != m->size ||
	    fclose(file) != 0)
		abort();
}

struct record_header *make_header(const struct make_record *m)
{
	return (void *)m->bytes;
}

struct record_segment *make_segment(const struct make_record *m, uint16_t type)
{
	unsigned char *entry = m->bytes + m->header.header_size;

	for (size_t i = 0; i < m->segment_count; i++) {
		struct record_segment *s = (void *)entry;

		if (s->type == type)
			return s;
		entry += m->header.directory_entry_size;
	}
	abort();
}

void *make_element(const struct make_record *m, uint16_t type, uint32_t number)
{
	const struct record_segment *s = make_segment(m, type);

	return m->bytes + s->offset + (size_t)number * s->element_size;
}
