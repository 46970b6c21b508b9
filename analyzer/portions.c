/* SPDX-License-Identifier: MIT */
#include "analyzer/portions.h"

#include <stdlib.h>

void portions_init(struct portions *p, struct arena *arena, uint64_t bucket_ns,
		   size_t bucket_count)
{
	*p = (struct portions){ .arena = arena,
				.bucket_ns = bucket_ns,
				.bucket_count = bucket_count };
	p->buckets = arena_array(arena, bucket_count, sizeof(*p->buckets));
}

static void add_edge(struct portions *p, uint64_t at_ns, int by)
{
	p->edges = arena_grow(p->arena, p->edges, p->edge_count,
			      sizeof(*p->edges));
	p->edges[p->edge_count++] =
		(struct portion_edge){ .at_ns = at_ns, .by = by };
}

void portions_add(struct portions *p, uint64_t from_ns, uint64_t to_ns)
{
	if (to_ns <= from_ns)
		return;
	add_edge(p, from_ns, 1);
	add_edge(p, to_ns, -1);
	p->total_s += (double)(to_ns - from_ns) / 1e9;
}

/* One that ends when another begins is gone then. */
static int by_time(const void *a, const void *b)
{
	const struct portion_edge *x = a, *y = b;

	if (x->at_ns != y->at_ns)
		return x->at_ns > y->at_ns ? 1 : -1;
	return x->by - y->by;
}

/* The edges of bucket `i` begin at `edge`, `out` are out when it begins. */
static size_t count_bucket(struct portions *p, size_t i, size_t edge, int *out)
{
	struct portion_bucket *bucket = &p->buckets[i];
	const uint64_t end = (i + 1) * p->bucket_ns;
	uint64_t at = i * p->bucket_ns;
	double sum = 0;

	for (; edge < p->edge_count && p->edges[edge].at_ns <= at; edge++)
		*out += p->edges[edge].by;
	bucket->least = bucket->most = (uint32_t)*out;
	for (; edge < p->edge_count && p->edges[edge].at_ns < end; edge++) {
		sum += (double)(p->edges[edge].at_ns - at) * *out;
		at = p->edges[edge].at_ns;
		*out += p->edges[edge].by;
		if ((uint32_t)*out < bucket->least)
			bucket->least = (uint32_t)*out;
		if ((uint32_t)*out > bucket->most)
			bucket->most = (uint32_t)*out;
	}
	sum += (double)(end - at) * *out;
	bucket->mean = sum / (double)p->bucket_ns;
	return edge;
}

void portions_count(struct portions *p)
{
	size_t edge = 0;
	int out = 0;

	if (p->edge_count)
		qsort(p->edges, p->edge_count, sizeof(*p->edges), by_time);
	for (size_t i = 0; i < p->bucket_count; i++)
		edge = count_bucket(p, i, edge, &out);
}
