/* SPDX-License-Identifier: MIT */
/* What places have seen becomes findings, the worst first. */
#include "analyzer/judge.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/kinds.h"
#include "analyzer/naming.h"

static int older(const void *a, const void *b)
{
	const struct report_handle *x = a, *y = b;

	return (x->acquired_at > y->acquired_at) -
	       (x->acquired_at < y->acquired_at);
}

static const char *say(struct report *r, enum kind_id kind, uint64_t count,
		       const char *function)
{
	const struct kind *row = kind_row(kind);

	return arena_printf(
		&r->arena, "%llu %s%s%s%s", (unsigned long long)count,
		count == 1 ? row->one : row->many,
		r->viewed_ns ? " so far" : "", function ? "; acquired by " : "",
		function ? function : "");
}

/* A place may be one where nothing was acquired, if that is not known. */
static const char *acquired_by(const struct place *place)
{
	return place->acquired || place->open ? place->function : NULL;
}

static void add_misuses(struct report *r, const struct place_group *group,
			struct report_finding *f)
{
	f->misused_count = group->misuse_count;
	f->misused_at = arena_array(&r->arena, group->misuse_count,
				    sizeof(*f->misused_at));
	for (size_t i = 0; i < group->misuse_count; i++)
		f->misused_at[i] = (struct report_misuse){
			.function = group->misuses[i].place->function,
			.count = group->misuses[i].count,
			.stack = group->misuses[i].place->stack,
		};
}

/*
 * What a pool keeps until the end is its business: that something holds it, or
 * that nobody could look, is no news.  One that it has handed out tells of all
 * that were connected at the same place.
 */
static bool are_in_pools(const struct place_group *group, enum class_id class)
{
	if (class != CLASS_HELD && class != CLASS_UNDECIDED)
		return false;
	for (size_t i = 0; i < group->handle_count; i++)
		if (group->handles[i].pooled)
			return true;
	return false;
}

struct report_finding *judge_add_finding(struct report *r)
{
	struct report_finding *f;

	r->findings = arena_grow(&r->arena, r->findings, r->finding_count,
				 sizeof(*r->findings));
	f = &r->findings[r->finding_count++];
	*f = (struct report_finding){ 0 };
	return f;
}

/* `class` is CLASSES for a kind that has none. */
static void add_finding(struct report *r, const struct gate *gate,
			struct place *place, enum kind_id kind,
			enum class_id class)
{
	struct place_group *group = &place->groups[kind][class];
	struct report_finding *f = judge_add_finding(r);

	if (group->handle_count)
		qsort(group->handles, group->handle_count,
		      sizeof(*group->handles), older);
	f->kind = kind_row(kind)->name;
	f->class = class < CLASSES ? class_row(class)->name : NULL;
	f->gates = gate_fails(gate, f->kind, f->class);
	f->count = group->count;
	f->in_pools = !f->gates && are_in_pools(group, class);
	f->aside = !f->gates && kind == KIND_NO_TIMEOUT;
	for (size_t i = 0; i < group->handle_count; i++) {
		f->thread_died += group->handles[i].thread_died;
		f->returned += group->handles[i].returned;
	}
	f->function = acquired_by(place);
	f->stack = place->stack;
	f->fingerprint = naming_fingerprint(&r->arena, f->kind, &f->stack);
	f->message = say(r, kind, f->count, f->function);
	if (f->returned)
		f->message = arena_printf(
			&r->arena, "%s; %llu of %llu given back late",
			f->message, (unsigned long long)f->returned,
			(unsigned long long)f->count);
	f->handles = group->handles;
	f->handle_count = group->handle_count < REPORT_MAX_HANDLES
				  ? group->handle_count
				  : REPORT_MAX_HANDLES;
	add_misuses(r, group, f);
}

static bool is_before(const struct report_stack *a,
		      const struct report_stack *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++)
		if (a->frames[i].offset != b->frames[i].offset)
			return a->frames[i].offset < b->frames[i].offset;
	return a->count < b->count;
}

/*
 * Two calls of one function from one function have equal fingerprints: what
 * comes later in the code is numbered.
 */
static void tell_apart(struct report *r)
{
	const char **own =
		arena_array(&r->arena, r->finding_count, sizeof(*own));

	for (size_t i = 0; i < r->finding_count; i++) {
		const struct report_finding *f = &r->findings[i];
		unsigned before = 0;

		for (size_t j = 0; j < r->finding_count; j++)
			before += !strcmp(r->findings[j].fingerprint,
					  f->fingerprint) &&
				  is_before(&r->findings[j].stack, &f->stack);
		own[i] = before ? naming_numbered(&r->arena, f->fingerprint,
						  before)
				: f->fingerprint;
	}
	for (size_t i = 0; i < r->finding_count; i++)
		r->findings[i].fingerprint = own[i];
}

/* What nobody has to look at comes last. */
static int rank(const struct report_finding *f)
{
	if (class_find(f->class) == CLASS_BY_DESIGN)
		return 2;
	return f->in_pools || f->aside;
}

static int worse(const void *a, const void *b)
{
	const struct report_finding *x = a, *y = b;

	if (x->gates != y->gates)
		return x->gates ? -1 : 1;
	if (rank(x) != rank(y))
		return rank(x) - rank(y);
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	/* What was never given back comes before what came of that. */
	if (kind_find(x->kind) != kind_find(y->kind))
		return kind_find(x->kind) < kind_find(y->kind) ? -1 : 1;
	return strcmp(x->fingerprint, y->fingerprint);
}

void judge_findings(struct report *r, const struct places *places,
		    const struct evidence *e, const struct gate *gate,
		    const struct verdicts *verdicts)
{
	struct place **all = places_all(places);

	for (size_t i = 0; i < places->count; i++)
		for (int k = 0; k < KINDS; k++)
			for (int c = 0; c <= CLASSES; c++)
				if (all[i]->groups[k][c].count)
					add_finding(r, gate, all[i],
						    (enum kind_id)k,
						    (enum class_id)c);
	judge_limits(r, e, gate, verdicts);
	tell_apart(r);
	if (r->finding_count)
		qsort(r->findings, r->finding_count, sizeof(*r->findings),
		      worse);
}
