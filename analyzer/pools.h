/* SPDX-License-Identifier: MIT */
/*
 * pools - which pools of a record count, and what they are called
 *
 * The functions of a built-in rule may give out anything.  So a pool of such a
 * rule counts once it is proven that connections are what it has; until then
 * all that comes of it is left out, as if nobody had seen it.
 *
 * A pool is called as the function that acquires from it; several of one name
 * in a process are numbered, "NAME #1", in the order in which they were met.
 */
#ifndef ANALYZER_POOLS_H
#define ANALYZER_POOLS_H

#include <stdbool.h>
#include "analyzer/arena.h"
#include "analyzer/evidence.h"
#include "record/reader.h"

/* Of one record. */
struct pools {
	const struct reader *reader;
	struct pool {
		bool counts;
		const char *name; /* NULL unless it is a pool of leases */
	} * list;
	uint32_t count;
};

/* Of all records: an array in their order. */
struct pools *pools_of_all(struct arena *arena, const struct evidence *e);
void pools_read(struct pools *p, struct arena *arena,
		const struct reader *reader);

/* NULL unless it is known, counts, and is not simply all connections. */
const char *pools_name(const struct pools *p, uint32_t pool);

/*
 * Whether what refers to this pool counts.  A pool that could not be kept does:
 * what is out of it is out.
 */
bool pools_counts(const struct pools *p, uint32_t pool);
/* The same of a handle, and of a site; what is no lease always counts. */
bool pools_counts_slot(const struct pools *p, const struct record_slot *slot);
bool pools_counts_site(const struct pools *p, const struct record_site *site);

/*
 * The connection of a lease that is out and has the slot `number`; false if it
 * is not known.
 */
bool pools_partner(const struct reader *reader, uint32_t number,
		   const struct record_slot *lease, struct record_slot *ret);

#endif
