/* SPDX-License-Identifier: MIT */
#include "preload/scan/hits.h"

#define HITS 65536u

bool hits_begin(struct hits *h, struct workspace *w)
{
	*h = (struct hits){ .list = workspace_array(w, struct hit, HITS) };
	return h->list;
}

void hits_note(struct hits *h, struct target *target, uintptr_t where)
{
	if (h->count == HITS) {
		target->in_doubt = true;
		h->overflow = true;
		return;
	}
	h->list[h->count++] = (struct hit){ where, target };
}

static void sift(struct hit *hits, size_t at, size_t count)
{
	const struct hit hit = hits[at];

	for (size_t child; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count &&
		    hits[child + 1].where > hits[child].where)
			child++;
		if (hits[child].where <= hit.where)
			break;
		hits[at] = hits[child];
	}
	hits[at] = hit;
}

/* A heap sort: qsort() may call malloc. */
void hits_sort(struct hits *h)
{
	for (size_t i = h->count / 2; i-- > 0;)
		sift(h->list, i, h->count);
	for (size_t i = h->count; i-- > 1;) {
		const struct hit last = h->list[i];

		h->list[i] = h->list[0];
		h->list[0] = last;
		sift(h->list, 0, i);
	}
}

size_t hits_first(const struct hits *h, uintptr_t address)
{
	size_t low = 0, high = h->count;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (h->list[middle].where < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}
