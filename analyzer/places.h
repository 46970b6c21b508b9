/* SPDX-License-Identifier: MIT */
/*
 * places - the sites of all records together
 *
 * Equal stacks are one site, in whatever process they acquired: equal by
 * module (its build-id, or its path where it has none) and offset, frame by
 * frame.  Each stack is symbolised once.
 */
#ifndef ANALYZER_PLACES_H
#define ANALYZER_PLACES_H

#include "analyzer/kinds.h"
#include "analyzer/pool_code.h"
#include "analyzer/report.h"
#include "analyzer/symbols.h"
#include "record/reader.h"

/* Where handles of a group were misused, and how many. */
struct place_misuse {
	struct place *place;
	uint64_t count;
};

/*
 * Handles of one kind and class from one place: those of a leak are out, the
 * others were misused.
 */
struct place_group {
	struct report_handle *handles;
	size_t handle_count;
	uint64_t count; /* of what was done wrong: may be more */
	struct place_misuse *misuses;
	size_t misuse_count;
};

struct place {
	const void *key; /* the stack as bytes */
	size_t key_size;
	struct place *next;
	const char *function; /* the function called; NULL if unknown */
	struct report_stack stack;
	enum record_handle_kind kind;
	uint64_t acquired, released, open;
	uint64_t hold_us[RECORD_HOLD_BUCKETS], longest_ns;
	uint64_t longest_query_ns; /* that ended, also of what is out */
	uint64_t waits, failed, wait_ns, longest_wait_ns; /* of leases */
	uint64_t unbounded; /* connections that nothing bounds in connecting */
	struct place_group groups[KINDS][CLASSES + 1]; /* [CLASSES]: none */
};

struct places {
	struct arena *arena;
	struct symbols *symbols;
	const struct pool_code *pools; /* NULL: there is none */
	struct place **buckets;
	struct place *nowhere; /* of handles whose site was lost */
	size_t count;
};

void places_init(struct places *p, struct arena *arena, struct symbols *symbols,
		 const struct pool_code *pools);

/* The place of a site of a record; never NULL. */
struct place *places_find(struct places *p, const struct reader *reader,
			  uint32_t site);

/* Adds what a record says of a site: its counters, its holds and waits. */
void places_add_counts(struct places *p, const struct reader *reader,
		       uint32_t site);

/* A query that ended took so long: the longest counts. */
void places_add_query(struct place *place, uint64_t ns);

void places_add_handle(struct places *p, struct place *place, enum kind_id kind,
		       enum class_id class, const struct report_handle *handle);

/* One that was out for too long, and may be still. */
void places_add_long(struct places *p, struct place *place,
		     const struct report_handle *handle);

/*
 * A handle that was acquired at `place` and misused at `where`, and `more` that
 * nobody has kept.
 */
void places_add_misuse(struct places *p, struct place *place, enum kind_id kind,
		       struct place *where, const struct report_handle *handle,
		       uint64_t more);

/* All of them, in no order. */
struct place **places_all(const struct places *p);

/* How long `share` (0.5, 0.99) of the completed holds took at most; or NAN. */
double place_hold_s(const struct place *place, double share);

#endif
