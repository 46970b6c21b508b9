/* SPDX-License-Identifier: MIT */
#include "preload/hooked.h"

#include <string.h>
#include <sys/auxv.h>

#include "preload/around.h"
#include "preload/elf.h"
#include "preload/guard.h"
#include "preload/matches.h"
#include "preload/memory.h"
#include "preload/modules.h"
#include "preload/patch.h"
#include "preload/relocations.h"
#include "preload/scope.h"

/* One function that is hooked, or was to be. */
struct hooked {
	struct around around;
	const char *name; /* if it is exported */
};

/*
 * What was hooked of one object at once: one mapping of `size` bytes, with the
 * functions and, in the same order, their patches behind it.
 */
struct batch {
	struct batch *next;
	size_t size, count;
	uintptr_t start; /* of the object ... */
	const void *link_map;
	uint64_t file; /* ... as objects.h has it */
	struct hooked *functions;
	struct patch *patches;
	struct patch_near near;
};

/* Guarded by LOCK_LIBPQ. */
static struct {
	struct batch *batches;
	bool by_tables; /* a function is hooked by the loader's tables */
} hooked;

/* One look; in two jobs, since the decoder cannot be opened in one. */
struct look {
	const char *why; /* the decoder could not be opened, or NULL */
	bool is_open;
	bool needs_decoder;
};

static const char only_tables[] =
	"; only calls through the tables of the loader are seen";
static const char copies[] = "the compiler has made a copy of it";
static const char no_calls[] = "; its calls are not seen";

/* --- what is gone --------------------------------------------------------- */

static bool is_of(const struct batch *batch, const struct object *object)
{
	return object && object->start == batch->start &&
	       object->link_map == batch->link_map &&
	       object->file == batch->file;
}

/* It may have been unloaded, and be back in its place as it was at first. */
static bool is_there(const struct batch *batch)
{
	if (!is_of(batch, objects_find((void *)batch->start)))
		return false;
	for (size_t i = 0; i < batch->count; i++)
		if (batch->patches[i].jump && !patch_is_in(&batch->patches[i]))
			return false;
	return true;
}

static void forget_unloaded(void)
{
	struct batch **link = &hooked.batches, *batch;

	while ((batch = *link)) {
		if (is_there(batch)) {
			link = &batch->next;
			continue;
		}
		*link = batch->next;
		patch_forget(batch->patches, batch->count, &batch->near);
		memory_unmap(batch, batch->size);
	}
}

static bool is_hooked(const uint8_t *function)
{
	for (const struct batch *b = hooked.batches; b; b = b->next)
		for (size_t i = 0; i < b->count; i++)
			if (b->patches[i].function == function)
				return true;
	return false;
}

/* --- what is new ---------------------------------------------------------- */

static struct batch *new_batch(const struct object *object, size_t count)
{
	const size_t size =
		sizeof(struct batch) +
		count * (sizeof(struct hooked) + sizeof(struct patch));
	struct batch *batch = memory_map(size);

	if (!batch)
		return NULL;
	batch->size = size;
	batch->start = object->start;
	batch->link_map = object->link_map;
	batch->file = object->file;
	batch->functions = (struct hooked *)(batch + 1);
	batch->patches = (struct patch *)(batch->functions + count);
	return batch;
}

static size_t place_of(const struct batch *batch, const struct match *match)
{
	size_t at = 0;

	while (at < batch->count &&
	       batch->patches[at].function != match->address)
		at++;
	return at;
}

/* Of two rules of one verb the first counts: the user's come first. */
static void add_rule(struct hooked *function, const struct match *match)
{
	const struct known_rule *known = match->rule;
	struct around *around = &function->around;
	struct around_rule *rule = &around->by_verb[known->rule.verb];

	if (rule->rule)
		return;
	rule->rule = &known->rule;
	rule->function = known->function;
	rule->number = match->outcome;
	rule->built_in = known->built_in;
	around->counts_nested |= known->rule.counts_nested;
}

static void add_match(struct batch *batch, const struct match *match)
{
	const size_t at = place_of(batch, match);

	if (at == batch->count) {
		batch->count++;
		batch->patches[at].function = match->address;
		batch->patches[at].size = match->size;
		batch->patches[at].around = &around_calls;
		batch->patches[at].data = &batch->functions[at].around;
	}
	if (match->name)
		batch->functions[at].name = match->name;
	add_rule(&batch->functions[at], match);
}

/* One outcome for each rule, however many functions it names here. */
static void expect_outcome(struct matches *matches, size_t at)
{
	struct match *match = &matches->list[at];

	for (size_t i = 0; i < at; i++)
		if (matches->list[i].rule == match->rule) {
			match->outcome = matches->list[i].outcome;
			return;
		}
	match->outcome = known_rules_expect(match->rule);
}

static struct batch *make_batch(const struct object *object,
				struct matches *matches)
{
	struct batch *batch = new_batch(object, matches->count);

	for (size_t i = 0; i < matches->count; i++) {
		expect_outcome(matches, i);
		if (batch && !matches->list[i].copy)
			add_match(batch, &matches->list[i]);
	}
	return batch;
}

/* Where the program calls it by name, if not everywhere. */
static void detour(struct batch *batch, size_t at)
{
	struct patch *patch = &batch->patches[at];
	const char *why = patch->why;

	if (batch->functions[at].name && patch_detour(patch))
		hooked.by_tables = true;
	patch->why = why;
}

static void patch_batch(struct batch *batch, const struct object *object,
			const struct look *look)
{
	if (look->is_open && patch_prepare(batch->patches, batch->count,
					   &object->info, &batch->near))
		patch_apply(batch->patches, batch->count, &batch->near);
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->patches[i].original)
			continue;
		if (!look->is_open)
			batch->patches[i].why = look->why;
		detour(batch, i);
	}
}

/* --- what came of it ------------------------------------------------------ */

static const char *path_of(const struct object *object)
{
	const char *path = object->info.dlpi_name;

	return path && *path ? path : modules_program();
}

static void say_why(char *out, size_t size, const char *why, const char *more)
{
	out[0] = 0;
	strncat(out, why, size - 1);
	strncat(out, more, size - strlen(out) - 1);
}

static void take_result(const struct batch *batch, const struct match *match,
			struct outcome *what, char *why, size_t size)
{
	const struct patch *patch;

	if (match->copy) {
		say_why(why, size, copies, no_calls);
		return;
	}
	patch = &batch->patches[place_of(batch, match)];
	if (patch->jump)
		what->patched++;
	else
		say_why(why, size, patch->why,
			patch->original ? only_tables : no_calls);
}

static void tell_outcome(const struct object *object, const struct batch *batch,
			 const struct matches *matches, size_t first,
			 const char *refusal)
{
	char why[256] = "";
	struct outcome what = { .module = path_of(object) };

	for (size_t i = first; i < matches->count; i++)
		if (matches->list[i].rule == matches->list[first].rule &&
		    !refusal)
			take_result(batch, &matches->list[i], &what, why,
				    sizeof(why));
	if (refusal)
		say_why(why, sizeof(why), refusal, no_calls);
	what.why = why[0] ? why : NULL;
	known_rules_came_of(matches->list[first].outcome, &what);
}

/* Once for each rule. */
static void tell_outcomes(const struct object *object,
			  const struct batch *batch,
			  const struct matches *matches, const char *refusal)
{
	for (size_t i = 0; i < matches->count; i++) {
		size_t first = 0;

		while (matches->list[first].rule != matches->list[i].rule)
			first++;
		if (first == i)
			tell_outcome(object, batch, matches, i, refusal);
	}
}

/* --- the loader's tables -------------------------------------------------- */

/* One function, and an object that may call it. */
struct lead {
	const struct hooked *function;
	const struct patch *patch;
	const struct object *object;
	bool is_first; /* whoever looks the name up finds this function */
	uint32_t slots;
};

/* Bound to it; or not bound yet, and it would be. */
static void lead_slot(const struct relocation *relocation, void *data)
{
	struct lead *lead = data;
	const uint8_t *bound = (const uint8_t *)*relocation->slot;
	const bool unbound = relocation->jump && lead->is_first &&
			     objects_has(lead->object, bound) &&
			     !objects_has(lead->object, lead->patch->function);

	if (strcmp(relocation->name, lead->function->name) ||
	    (bound != lead->patch->function && !unbound))
		return;
	if (relocations_write(&lead->object->info, relocation->slot,
			      (uintptr_t)stubs_code(lead->patch->stub)))
		lead->slots++;
}

static bool is_first(const struct hooked *function, const struct patch *patch)
{
	for (size_t i = 0; i < objects_count(); i++) {
		void *found = elf_symbol(&objects_at(i)->info, function->name);

		if (found)
			return found == patch->function;
	}
	return false;
}

static void lead_to(const struct hooked *function, const struct patch *patch)
{
	struct lead lead = {
		.function = function,
		.patch = patch,
		.is_first = is_first(function, patch),
	};

	for (size_t i = 0; i < objects_count(); i++) {
		lead.object = objects_at(i);
		if (!scope_is_shim((void *)lead.object->start))
			relocations_each(&lead.object->info, lead_slot, &lead);
	}
	for (int verb = 0; lead.slots && verb <= RULE_CAPACITY; verb++)
		if (function->around.by_verb[verb].rule)
			known_rules_add_slots(
				function->around.by_verb[verb].number,
				lead.slots);
}

/* Also in objects that are new. */
static void lead_tables(void)
{
	if (!hooked.by_tables)
		return;
	for (const struct batch *b = hooked.batches; b; b = b->next)
		for (size_t i = 0; i < b->count; i++)
			if (b->patches[i].original && !b->patches[i].jump)
				lead_to(&b->functions[i], &b->patches[i]);
}

/* --- a look --------------------------------------------------------------- */

/* What the shim itself stands on, and the shim. */
static const char *refusal_of(const struct object *object)
{
	if (objects_has(object, scope_real(SYSTEM_execve)) ||
	    object->start == getauxval(AT_BASE))
		return "it is a function of the C library";
	return NULL;
}

static void hook(const struct object *object, struct matches *matches,
		 const struct look *look)
{
	const char *refusal = refusal_of(object);
	struct batch *batch = make_batch(object, matches);

	if (!batch)
		refusal = "there is no memory";
	if (!refusal) {
		patch_batch(batch, object, look);
		batch->next = hooked.batches;
		hooked.batches = batch;
	}
	tell_outcomes(object, batch, matches, refusal);
	if (refusal && batch)
		memory_unmap(batch, batch->size);
}

static void leave_out_hooked(struct matches *matches)
{
	size_t left = 0;

	for (size_t i = 0; i < matches->count; i++)
		if (!is_hooked(matches->list[i].address))
			matches->list[left++] = matches->list[i];
	matches->count = left;
}

static void look_at(struct object *object, struct look *look)
{
	struct matches matches = { .list = NULL };

	matches_find(&matches, object);
	leave_out_hooked(&matches);
	if (matches.count && !look->is_open && !look->why) {
		look->needs_decoder = true;
	} else {
		object->matched = true;
		if (matches.count)
			hook(object, &matches, look);
	}
	matches_free(&matches);
}

static void look(void *data)
{
	forget_unloaded();
	for (size_t i = 0; i < objects_count(); i++) {
		struct object *object = objects_at(i);

		if (object->matched)
			continue;
		if (scope_is_shim((void *)object->start))
			object->matched = true;
		else
			look_at(object, data);
	}
	lead_tables();
}

bool hooked_notice(void)
{
	struct look this = { .why = NULL };

	if (!known_rules_count())
		return false;
	objects_hold(look, &this);
	if (this.needs_decoder) {
		this.is_open = patch_open(&this.why);
		objects_hold(look, &this);
		if (this.is_open)
			patch_close();
	}
	return hooked.batches;
}
