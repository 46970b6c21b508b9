/* SPDX-License-Identifier: MIT */
/*
 * portions - how many of some stretches of time lie over each bucket
 *
 * A stretch is a lease that was out, or the part of one that would not have
 * been if something were mended.
 *
 *	portions_init(&p, arena, bucket_ns, bucket_count);
 *	portions_add(&p, from_ns, to_ns);
 *	...
 *	portions_count(&p);
 *	p.buckets[i].least ... p.buckets[i].most
 */
#ifndef ANALYZER_PORTIONS_H
#define ANALYZER_PORTIONS_H

#include <stddef.h>
#include <stdint.h>
#include "analyzer/arena.h"

struct portions {
	struct arena *arena;
	uint64_t bucket_ns;
	size_t bucket_count;
	struct portion_edge {
		uint64_t at_ns;
		int by; /* 1: one begins, -1: one ends */
	} * edges;
	size_t edge_count;
	struct portion_bucket {
		uint32_t least, most; /* of them at once */
		double mean;
	} * buckets; /* after portions_count() */
	double total_s;
};

void portions_init(struct portions *p, struct arena *arena, uint64_t bucket_ns,
		   size_t bucket_count);
/* Does nothing for one that ends before it begins. */
void portions_add(struct portions *p, uint64_t from_ns, uint64_t to_ns);
/* Nothing may be added after it. */
void portions_count(struct portions *p);

#endif
