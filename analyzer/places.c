/* SPDX-License-Identifier: MIT */
#include "analyzer/places.h"

#include <string.h>

#include "analyzer/naming.h"
#include "analyzer/shares.h"

#define BUCKETS 1024u

/* What of a frame makes stacks equal. */
struct key_frame {
	uint64_t offset;
	uint8_t module[RECORD_BUILD_ID_MAX]; /* build-id, or hashed path */
};

static uint64_t hash_bytes(const void *bytes, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < size; i++) {
		hash ^= ((const unsigned char *)bytes)[i];
		hash *= 0x100000001b3u;
	}
	return hash;
}

void places_init(struct places *p, struct arena *arena, struct symbols *symbols,
		 const struct pool_code *pools)
{
	p->arena = arena;
	p->symbols = symbols;
	p->pools = pools;
	p->buckets = arena_array(arena, BUCKETS, sizeof(*p->buckets));
	p->nowhere = NULL;
	p->count = 0;
}

static void fill_key(const struct reader *reader,
		     const struct record_frame *frame, struct key_frame *key)
{
	struct record_module module;
	const char *path;
	uint64_t hash;

	key->offset = frame->offset;
	if (!reader_module(reader, frame->where, &module))
		return;
	if (module.build_id_size) {
		memcpy(key->module, module.build_id, module.build_id_size);
		return;
	}
	path = reader_string(reader, module.path);
	hash = path ? hash_bytes(path, strlen(path)) : 0;
	memcpy(key->module, &hash, sizeof(hash));
}

/* The function called comes first: it is no frame, but part of the place. */
static struct key_frame *make_key(struct places *p, const struct reader *reader,
				  const struct record_site *site,
				  size_t *ret_size)
{
	const size_t count = site->frame_count + 1u;
	const char *function = reader_string(reader, site->function);
	struct key_frame *key = arena_array(p->arena, count, sizeof(*key));
	struct record_frame frame;

	key[0].offset = function ? hash_bytes(function, strlen(function)) : 0;
	for (unsigned i = 0; reader_frame(reader, site, i, &frame); i++)
		fill_key(reader, &frame, &key[i + 1]);
	*ret_size = count * sizeof(*key);
	return key;
}

static size_t symbolise(struct places *p, const struct reader *reader,
			const struct record_frame *frame,
			struct report_frame **ret)
{
	struct symbols_module known = { 0 };
	struct record_module module;

	if (reader_module(reader, frame->where, &module)) {
		known.path = reader_string(reader, module.path);
		known.build_id = module.build_id;
		known.build_id_size = module.build_id_size;
	}
	return symbols_frames(p->symbols, p->arena, &known, frame->offset, ret);
}

static void append(struct places *p, struct report_stack *stack,
		   const struct report_frame *frames, size_t count)
{
	struct report_frame *all;

	all = arena_array(p->arena, stack->count + count, sizeof(*all));
	if (stack->count)
		memcpy(all, stack->frames, stack->count * sizeof(*all));
	memcpy(all + stack->count, frames, count * sizeof(*all));
	stack->frames = all;
	stack->count += count;
}

/* `called` is NULL but in the frame that may be of the function called. */
static void mark_pools(const struct places *p, struct report_frame *frames,
		       size_t count, const char *called)
{
	bool inside = false;

	for (size_t i = 0; i < count; i++)
		frames[i].pools =
			p->pools && pool_code_has(p->pools, &frames[i]);
	/* What is inlined into it comes before it. */
	for (size_t i = count; i-- > 0;) {
		inside |= pool_code_is_called(&frames[i], called);
		frames[i].pools |= inside;
	}
}

static void fill_stack(struct places *p, const struct reader *reader,
		       const struct record_site *site,
		       struct report_stack *stack)
{
	const char *called = reader_string(reader, site->function);
	struct record_frame frame;

	for (unsigned i = 0; reader_frame(reader, site, i, &frame); i++) {
		struct report_frame *frames;
		size_t count;

		/* Script frames are known to the format, not yet to us. */
		if (frame.kind != FRAME_NATIVE)
			continue;
		count = symbolise(p, reader, &frame, &frames);
		mark_pools(p, frames, count, i ? NULL : called);
		append(p, stack, frames, count);
	}
	stack->cut = site->flags & SITE_CUT;
	stack->broken = site->flags & SITE_BROKEN;
	stack->site = naming_site(stack);
}

static struct place *add(struct places *p, struct place **bucket)
{
	struct place *new = arena_alloc(p->arena, sizeof(*new));

	new->next = *bucket;
	*bucket = new;
	p->count++;
	return new;
}

static struct place *nowhere(struct places *p)
{
	if (!p->nowhere)
		p->nowhere = add(p, &p->buckets[0]);
	return p->nowhere;
}

struct place *places_find(struct places *p, const struct reader *reader,
			  uint32_t number)
{
	struct record_site site;
	struct place **bucket, *place;
	const char *function;
	void *key;
	size_t size;

	if (!reader_site(reader, number, &site))
		return nowhere(p);
	key = make_key(p, reader, &site, &size);
	bucket = &p->buckets[hash_bytes(key, size) % BUCKETS];
	for (place = *bucket; place; place = place->next)
		if (place->key_size == size && !memcmp(place->key, key, size))
			return place;
	place = add(p, bucket);
	place->key = key;
	place->key_size = size;
	place->kind = (enum record_handle_kind)site.kind;
	function = reader_string(reader, site.function);
	place->function = arena_strdup(p->arena, function);
	fill_stack(p, reader, &site, &place->stack);
	return place;
}

void places_add_counts(struct places *p, const struct reader *reader,
		       uint32_t number)
{
	struct place *place;
	struct record_site site;

	if (!reader_site(reader, number, &site))
		return;
	place = places_find(p, reader, number);
	place->acquired += site.acquired;
	place->released += site.released;
	place->waits += site.waits;
	place->failed += site.failed;
	place->wait_ns += site.wait_ns;
	place->unbounded += site.unbounded;
	if (site.longest_wait_ns > place->longest_wait_ns)
		place->longest_wait_ns = site.longest_wait_ns;
	for (unsigned i = 0; i < RECORD_HOLD_BUCKETS; i++)
		place->hold_us[i] += site.hold_us[i];
	if (site.longest_ns > place->longest_ns)
		place->longest_ns = site.longest_ns;
	places_add_query(place, site.longest_query_ns);
}

void places_add_query(struct place *place, uint64_t ns)
{
	if (ns > place->longest_query_ns)
		place->longest_query_ns = ns;
}

static void add_handle(struct places *p, struct place_group *group,
		       const struct report_handle *handle)
{
	group->handles = arena_grow(p->arena, group->handles,
				    group->handle_count, sizeof(*handle));
	group->handles[group->handle_count++] = *handle;
	group->count++;
}

void places_add_handle(struct places *p, struct place *place, enum kind_id kind,
		       enum class_id class, const struct report_handle *handle)
{
	add_handle(p, &place->groups[kind][class], handle);
	place->open++;
}

void places_add_long(struct places *p, struct place *place,
		     const struct report_handle *handle)
{
	add_handle(p, &place->groups[KIND_HELD_TOO_LONG][CLASSES], handle);
}

static struct place_misuse *
misuse_at(struct places *p, struct place_group *group, struct place *where)
{
	for (size_t i = 0; i < group->misuse_count; i++)
		if (group->misuses[i].place == where)
			return &group->misuses[i];
	group->misuses =
		arena_grow(p->arena, group->misuses, group->misuse_count,
			   sizeof(*group->misuses));
	group->misuses[group->misuse_count].place = where;
	group->misuses[group->misuse_count].count = 0;
	return &group->misuses[group->misuse_count++];
}

void places_add_misuse(struct places *p, struct place *place, enum kind_id kind,
		       struct place *where, const struct report_handle *handle,
		       uint64_t more)
{
	struct place_group *group = &place->groups[kind][CLASSES];

	add_handle(p, group, handle);
	group->count += more;
	misuse_at(p, group, where)->count += 1 + more;
}

struct place **places_all(const struct places *p)
{
	struct place **all = arena_array(p->arena, p->count + 1, sizeof(*all));
	size_t count = 0;

	for (size_t i = 0; i < BUCKETS; i++)
		for (struct place *at = p->buckets[i]; at; at = at->next)
			all[count++] = at;
	return all;
}

double place_hold_s(const struct place *place, double share)
{
	return shares_s(place->hold_us, place->longest_ns, share);
}
