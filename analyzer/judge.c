/* SPDX-License-Identifier: MIT */
#include "analyzer/judge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/classes.h"
#include "analyzer/holders.h"
#include "analyzer/kinds.h"
#include "analyzer/naming.h"

/* What of a handle's life decides its kind. */
static enum kind_id kind_of(const struct record_slot *slot)
{
	if (slot->kind == HANDLE_CANCEL)
		return KIND_LEAKED_CANCEL;
	if (slot->kind == HANDLE_LEASE)
		return KIND_LEAKED_LEASE;
	if (slot->state == SLOT_ESTABLISHED ||
	    slot->flags & SLOT_EVER_ESTABLISHED)
		return KIND_LEAKED_CONNECTION;
	if (slot->state == SLOT_FAILED)
		return KIND_UNFINISHED_FAILED_CONNECT;
	return KIND_ABANDONED_ASYNC_CONNECT;
}

double judge_since_s(uint64_t now_ns, uint64_t then_ns)
{
	return now_ns > then_ns ? (double)(now_ns - then_ns) / 1e9 : 0;
}

void judge_fill_handle(struct arena *arena, const struct pools *pools,
		       const struct record_slot *slot,
		       const struct process *process, struct report_handle *out)
{
	const struct record_header *header = reader_header(pools->reader);

	memset(out, 0, sizeof(*out));
	out->pid = header->pid;
	out->process = process ? process->number : SIZE_MAX;
	out->tid = slot->tid;
	out->thread_died =
		process && process->died_in && process->died_in == slot->tid;
	out->acquired_at = header->started_ns + slot->acquired_ns;
	out->age_s = out->use.idle_s = out->use.query_s = NAN;
	if (process && process->ended_ns)
		out->age_s = judge_since_s(process->ended_ns, out->acquired_at);
	out->pool = pools_name(pools, slot->pool);
	out->pooled =
		slot->kind == HANDLE_CONNECTION && slot->flags & SLOT_POOLED;
	judge_fill_backend(arena, pools->reader, slot, out);
}

/* By whom does not matter: its process no longer could. */
static void add_release(struct report *r, struct place *place)
{
	place->released++;
	r->totals.finishes++;
	if (r->totals.open_at_end)
		r->totals.open_at_end--;
}

/* What is out in a process that has ended is not out now. */
static bool is_over(const struct report *r, const struct process *process)
{
	return r->viewed_ns && process && strcmp(process->end, "running") != 0;
}

/* What the user has said of the place comes before what was found out. */
static enum class_id class_of(struct report *r, const struct gate *gate,
			      struct place *place,
			      const struct classes *classes, uint32_t number,
			      const struct record_slot *slot)
{
	struct suppression *known = NULL;

	if (gate->suppress)
		known = suppress_find(gate->suppress, &place->stack);
	if (!known)
		return classes_of(classes, number, slot,
				  naming_has_users(&place->stack));
	known->handles++;
	r->suppressed++;
	return CLASS_BY_DESIGN;
}

/* Those that ended, of it and of the connection that a lease has. */
static void add_queries(struct place *place, const struct classes *classes,
			uint32_t number, const struct record_slot *slot)
{
	struct record_slot connection;

	places_add_query(place, slot->longest_query_ns);
	if (slot->kind == HANDLE_LEASE &&
	    pools_partner(classes->reader, number, slot, &connection))
		places_add_query(place, connection.longest_query_ns);
}

static enum class_id add_handle(struct report *r, const struct gate *gate,
				struct places *places,
				const struct classes *classes, uint32_t number,
				const struct record_slot *slot,
				const struct process *process)
{
	struct place *place = places_find(places, classes->reader, slot->site);
	const enum class_id class =
		class_of(r, gate, place, classes, number, slot);
	struct report_handle handle;
	struct record_scan scan;

	judge_fill_handle(&r->arena, classes->pools, slot, process, &handle);
	judge_fill_use(&r->arena, classes, number, slot, &handle);
	if (slot->kind != HANDLE_LEASE &&
	    classes_scan(classes, number, slot, &scan))
		handle.held_by = holders_say(places->symbols, &r->arena,
					     classes->reader, &scan);
	places_add_handle(places, place, kind_of(slot), class, &handle);
	add_queries(place, classes, number, slot);
	return class;
}

/* Only what counts: of some pools nobody knows whether they are any. */
static bool is_out(const struct pools *pools, uint32_t number,
		   struct record_slot *ret)
{
	return reader_slot(pools->reader, number, ret) &&
	       ret->state != SLOT_FREE && pools_counts_slot(pools, ret);
}

static void add_sums(struct places *places, const struct pools *pools)
{
	const uint32_t count = reader_count(pools->reader, RECORD_SITES);
	struct record_site site;

	for (uint32_t i = 0; i < count; i++)
		if (reader_site(pools->reader, i, &site) &&
		    pools_counts_site(pools, &site))
			places_add_counts(places, pools->reader, i);
}

static void add_record(struct report *r, const struct gate *gate,
		       struct places *places, const struct pools *pools,
		       const struct process *process,
		       const struct handovers *handovers,
		       struct verdicts *verdicts)
{
	const struct reader *reader = pools->reader;
	struct classes classes;
	struct record_slot slot;
	uint8_t *found;

	classes_find(&classes, &r->arena, pools, process);
	add_sums(places, pools);
	if (is_over(r, process))
		return;
	found = arena_array(&r->arena, classes.slot_count, 1);
	for (uint32_t i = 0; i < classes.slot_count; i++) {
		found[i] = CLASSES;
		if (!is_out(pools, i, &slot))
			continue;
		if (judge_is_handed_over(handovers, reader, i))
			add_release(r, places_find(places, reader, slot.site));
		else if (classes_is_meant_as_lease(&classes, i, &slot))
			found[i] = CLASS_BY_DESIGN; /* told once */
		else
			found[i] = (uint8_t)add_handle(
				r, gate, places, &classes, i, &slot, process);
	}
	judge_searches(r, &classes);
	judge_verdicts_add(verdicts, r, places, &classes, found);
}

/* A damaged record, or a living one, may have more of the part. */
static uint64_t less(uint64_t whole, uint64_t part)
{
	return part < whole ? whole - part : 0;
}

static void add_totals(struct report_totals *t,
		       const struct record_header *header)
{
	const uint64_t connects = header->totals[TOTAL_CONNECTS];
	const uint64_t established = header->totals[TOTAL_ESTABLISHED];
	const uint64_t finishes = header->totals[TOTAL_FINISHES];
	const uint64_t peak = header->totals[TOTAL_PEAK_OPEN];

	t->connects += connects;
	t->failed_connects += less(connects, established);
	t->finishes += finishes;
	t->resets += header->totals[TOTAL_RESETS];
	t->open_at_end += less(connects, finishes);
	if (peak > t->peak_open)
		t->peak_open = peak;
}

static int more_open(const void *a, const void *b)
{
	const struct report_site *x = a, *y = b;

	if (x->open != y->open)
		return x->open > y->open ? -1 : 1;
	return (x->acquired < y->acquired) - (x->acquired > y->acquired);
}

/* Of connections and leases; cancel handles are in no sum. */
static void add_sites(struct report *r, const struct places *places)
{
	struct place **all = places_all(places);

	r->sites = arena_array(&r->arena, places->count, sizeof(*r->sites));
	for (size_t i = 0; i < places->count; i++) {
		const struct place *place = all[i];
		struct report_site *site = &r->sites[r->site_count];

		if (place->kind == HANDLE_CANCEL || place == places->nowhere ||
		    !(place->acquired || place->failed))
			continue;
		site->stack = place->stack;
		site->leases = place->kind == HANDLE_LEASE;
		site->acquired = place->acquired;
		site->released = place->released;
		site->open = place->open;
		site->p50_s = place_hold_s(place, 0.5);
		site->p99_s = place_hold_s(place, 0.99);
		site->max_s = place_hold_s(place, 1);
		site->waits = place->waits;
		site->failures = place->failed;
		site->wait_s = (double)place->wait_ns / 1e9;
		site->longest_wait_s = (double)place->longest_wait_ns / 1e9;
		r->site_count++;
	}
	if (r->site_count)
		qsort(r->sites, r->site_count, sizeof(*r->sites), more_open);
}

static void add_processes(struct report *r, const struct processes *p)
{
	r->processes = arena_array(&r->arena, p->count, sizeof(*r->processes));
	for (size_t i = 0; i < p->count; i++) {
		r->processes[i].pid = p->list[i].pid;
		r->processes[i].exe = p->list[i].exe;
		r->processes[i].end = p->list[i].end;
		r->processes[i].died_in = p->list[i].died_in;
		r->processes_watched += p->list[i].watched;
	}
	r->process_count = p->count;
	r->processes_seen = (unsigned)p->count;
}

/* Who misspells a pattern is not told by what it misses. */
static void note_unused(struct report *r, const struct suppress *suppress)
{
	for (size_t i = 0; suppress && i < suppress->count; i++) {
		const struct suppression *unused = &suppress->list[i];

		if (unused->handles)
			continue;
		judge_add_note(r, 0, NULL,
			       arena_printf(&r->arena,
					    "%s:%u: leak:%s matched nothing",
					    suppress->path, unused->line,
					    unused->pattern))
			->always = true;
	}
}

static void set_status(struct report *r, const struct gate *gate)
{
	for (size_t i = 0; i < r->incomplete_count; i++) {
		r->status = REPORT_INCOMPLETE;
		r->incomplete[i].allowed =
			gate_allows(gate, r->incomplete[i].reason);
	}
	for (size_t i = 0; i < r->finding_count; i++)
		if (r->findings[i].gates)
			r->status = REPORT_FINDINGS;
}

void judge(struct report *r, const struct evidence *e, const struct gate *gate,
	   const char *could_not)
{
	struct symbols *symbols = symbols_new();
	struct unwatched_list unwatched;
	struct handovers handovers;
	struct processes processes;
	struct verdicts verdicts;
	struct pools *pools = pools_of_all(&r->arena, e);
	struct pool_code code;
	struct places places;

	unwatched_find(&unwatched, e);
	processes_find(&processes, e, &unwatched);
	pool_code_find(&code, &r->arena, e);
	places_init(&places, &r->arena, symbols, &code);
	judge_verdicts_init(&verdicts, gate);
	judge_misuses(r, &places, e, pools, &processes, &handovers);
	for (size_t i = 0; i < e->record_count; i++) {
		add_totals(&r->totals, reader_header(e->records[i].reader));
		add_record(r, gate, &places, &pools[i],
			   processes_of(&processes, &e->records[i]), &handovers,
			   &verdicts);
	}
	judge_verdicts_tell(&verdicts, r);
	judge_held(r, &places, e, pools, &verdicts.thresholds);
	judge_timeouts(r, &places, e, &verdicts);
	judge_pools(r, e, pools);
	judge_findings(r, &places, e, gate, &verdicts);
	add_sites(r, &places);
	judge_exhaustions(r, &places, e, pools);
	add_processes(r, &processes);
	judge_rules(r, e);
	judge_unruled(r, e, pools);
	judge_gaps(r, e, &unwatched, could_not);
	note_unused(r, gate->suppress);
	set_status(r, gate);
	symbols_free(symbols);
}
