/* SPDX-License-Identifier: MIT */
#include "preload/sites.h"

#include <string.h>

#include "preload/counters.h"
#include "preload/hash.h"
#include "preload/modules.h"
#include "preload/recording.h"

struct site {
	uint64_t hash;
	uint32_t number;
	UT_hash_handle hh;
};

/* Names of functions; those of a library may be gone with it. */
struct name {
	uint64_t hash;
	uint32_t string;
	UT_hash_handle hh;
};

/* Guarded by recording_lock(). */
static struct {
	struct site *by_hash;
	struct name *names;
} sites;

uint32_t sites_name(struct writer *record, const char *function)
{
	const uint64_t hash = hash_text(HASH_SEED, function);
	struct name *entry;

	HASH_FIND_BYHASHVALUE(hh, sites.names, &hash, sizeof(hash),
			      (unsigned)hash, entry);
	if (entry)
		return entry->string;
	entry = memory_take(sizeof(*entry));
	if (!entry)
		return 0;
	entry->hash = hash;
	entry->string = writer_string(record, function);
	HASH_ADD_BYHASHVALUE(hh, sites.names, hash, sizeof(hash),
			     (unsigned)hash, entry);
	return entry->string;
}

/* The module's number in the record, which it gets at its first frame. */
static uint32_t module_number(struct writer *record, struct module *module)
{
	struct record_module *stored;
	uint32_t number;

	if (module->record != RECORD_NONE)
		return module->record;
	number = writer_reserve(record, RECORD_MODULES, 1);
	if (number == RECORD_NONE)
		return RECORD_NONE;
	stored = writer_at(record, RECORD_MODULES, number);
	stored->bias = module->bias;
	stored->build_id_size = module->build_id_size;
	memcpy(stored->build_id, module->build_id, sizeof(stored->build_id));
	stored->path = writer_string(record, module->path);
	writer_publish(record, RECORD_MODULES, number, 1);
	module->record = number;
	return number;
}

uint32_t sites_module(struct writer *record, uintptr_t address,
		      uint64_t *ret_offset)
{
	struct module *module;

	modules_refresh();
	module = modules_find(address);
	*ret_offset = address - (module ? module->bias : 0);
	return module ? module_number(record, module) : RECORD_NONE;
}

static void name_frames(struct writer *record, const struct stack *stack,
			struct record_frame *out)
{
	modules_refresh();
	for (unsigned i = 0; i < stack->count; i++) {
		/* The address returned to may be behind the module's end. */
		struct module *module = modules_find(stack->frames[i] - 1);

		memset(&out[i], 0, sizeof(out[i]));
		out[i].kind = FRAME_NATIVE;
		out[i].where = RECORD_NONE;
		out[i].offset = stack->frames[i];
		if (!module)
			continue;
		out[i].where = module_number(record, module);
		if (out[i].where != RECORD_NONE)
			out[i].offset -= module->bias;
		else
			recording_lost(record, LOSS_MODULE);
	}
}

static uint64_t hash_frames(enum record_handle_kind kind, const char *function,
			    const struct record_frame *frames, unsigned count)
{
	uint64_t hash = hash_word(HASH_SEED, (uint64_t)kind);

	hash = hash_word(hash, (uintptr_t)function);
	for (unsigned i = 0; i < count; i++) {
		hash = hash_word(hash, frames[i].where);
		hash = hash_word(hash, frames[i].offset);
	}
	return hash;
}

static uint32_t store(struct writer *record, const struct record_site *site,
		      const struct record_frame *frames)
{
	uint32_t first =
		writer_reserve(record, RECORD_FRAMES, site->frame_count);
	uint32_t number = writer_reserve(record, RECORD_SITES, 1);
	struct record_site *stored;

	if (first == RECORD_NONE || number == RECORD_NONE)
		return RECORD_NONE;
	memcpy(writer_at(record, RECORD_FRAMES, first), frames,
	       site->frame_count * sizeof(*frames));
	writer_publish(record, RECORD_FRAMES, first, site->frame_count);
	stored = writer_at(record, RECORD_SITES, number);
	*stored = *site;
	stored->first_frame = first;
	writer_publish(record, RECORD_SITES, number, 1);
	return number;
}

static uint32_t add_site(struct writer *record, const struct record_site *site,
			 const struct record_frame *frames)
{
	struct site *entry = memory_take(sizeof(*entry));
	uint32_t number;

	if (!entry)
		return RECORD_NONE;
	number = store(record, site, frames);
	if (number == RECORD_NONE) {
		memory_give(entry, sizeof(*entry));
		return RECORD_NONE;
	}
	entry->hash = site->hash;
	entry->number = number;
	HASH_ADD_BYHASHVALUE(hh, sites.by_hash, hash, sizeof(entry->hash),
			     (unsigned)entry->hash, entry);
	return number;
}

static uint32_t find_or_add(struct writer *record, enum record_handle_kind kind,
			    const char *function, const struct stack *stack)
{
	/* Static, since a thread's stack may be small; the lock guards it. */
	static struct record_frame frames[RECORD_MAX_FRAMES];
	struct record_site site = { .kind = kind, .pool = RECORD_NONE };
	struct site *entry;

	name_frames(record, stack, frames);
	site.hash = hash_frames(kind, function, frames, stack->count);
	HASH_FIND_BYHASHVALUE(hh, sites.by_hash, &site.hash, sizeof(site.hash),
			      (unsigned)site.hash, entry);
	if (entry)
		return entry->number;
	site.frame_count = (uint16_t)stack->count;
	if (stack->cut)
		site.flags |= SITE_CUT;
	if (stack->broken || stack->alone)
		site.flags |= SITE_BROKEN;
	site.function = sites_name(record, function);
	return add_site(record, &site, frames);
}

uint32_t sites_number(struct writer *record, enum record_handle_kind kind,
		      const char *function, const struct stack *stack)
{
	const uint32_t number = find_or_add(record, kind, function, stack);

	if (number == RECORD_NONE)
		recording_lost(record, LOSS_SITE);
	else if (stack->alone)
		recording_lost(record, LOSS_STACK);
	return number;
}

/* NULL for one that was not kept. */
static struct record_site *site_at(struct writer *record, uint32_t number)
{
	return number == RECORD_NONE ? NULL
				     : writer_at(record, RECORD_SITES, number);
}

uint32_t sites_acquired(struct writer *record, enum record_handle_kind kind,
			const char *function, const struct stack *stack)
{
	const uint32_t number = sites_number(record, kind, function, stack);
	struct record_site *site = site_at(record, number);

	if (site)
		counter_add(&site->acquired, 1);
	return number;
}

void sites_unbounded(struct writer *record, uint32_t number)
{
	struct record_site *site = site_at(record, number);

	if (site)
		counter_add(&site->unbounded, 1);
}

unsigned sites_bucket(uint64_t ns)
{
	unsigned bucket = 0;

	for (uint64_t us = ns / 1000; us && bucket < RECORD_HOLD_BUCKETS - 1;
	     us >>= 1)
		bucket++;
	return bucket;
}

void sites_released(struct writer *record, uint32_t number, uint64_t held_ns)
{
	struct record_site *site = site_at(record, number);

	if (!site)
		return;
	counter_add(&site->released, 1);
	counter_add32(&site->hold_us[sites_bucket(held_ns)], 1);
	counter_raise(&site->longest_ns, held_ns);
}

void sites_queried(struct writer *record, uint32_t number, uint64_t longest_ns)
{
	struct record_site *site = site_at(record, number);

	if (site)
		counter_raise(&site->longest_query_ns, longest_ns);
}

/* A site that asks, which `pool` is the first for. */
static struct record_site *asking(struct writer *record, uint32_t number,
				  uint32_t pool)
{
	struct record_site *site = writer_at(record, RECORD_SITES, number);

	if (site->pool == RECORD_NONE)
		site->pool = pool;
	return site;
}

void sites_leased(struct writer *record, uint32_t number, uint32_t pool)
{
	if (number != RECORD_NONE)
		counter_add(&asking(record, number, pool)->acquired, 1);
}

void sites_failed(struct writer *record, uint32_t number, uint32_t pool)
{
	if (number != RECORD_NONE)
		counter_add(&asking(record, number, pool)->failed, 1);
}

uint64_t sites_acquires(struct writer *record, uint32_t number)
{
	const struct record_site *site = site_at(record, number);

	return site ? counter_get(&site->acquired) : 0;
}

void sites_waited(struct writer *record, uint32_t number, uint64_t ns)
{
	struct record_site *site = site_at(record, number);

	if (!site)
		return;
	counter_add32(&site->waits, ns >= RECORD_WAIT_NS);
	counter_add(&site->wait_ns, ns);
	counter_raise(&site->longest_wait_ns, ns);
}

void sites_wait_goes_on(struct writer *record, uint32_t number, uint64_t ns)
{
	struct record_site *site = site_at(record, number);

	if (!site)
		return;
	counter_add32(&site->waits, -(uint32_t)(ns >= RECORD_WAIT_NS));
	counter_add(&site->wait_ns, -ns);
}

void sites_forget(void)
{
	memset(&sites, 0, sizeof(sites));
}
