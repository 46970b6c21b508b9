/* SPDX-License-Identifier: MIT */
#include "preload/seen.h"

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>

/*
 * Of each kind the first so many places are taken, by hashes; 0 is a free
 * place.  One that was taken stays so.
 */
struct table {
	_Atomic(uint64_t) places[SEEN_KINDS][SEEN_MOST];
	_Atomic(bool) full[SEEN_KINDS]; /* and that was said */
};

static_assert(sizeof(struct table) <= 4096, "the kernel wipes whole pages");

static struct table first;
static struct table *_Atomic table = &first;

void seen_begin(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return;
	if (madvise(page, 4096, MADV_WIPEONFORK))
		munmap(page, 4096);
	else
		atomic_store(&table, page);
}

const void *seen_page(void)
{
	return atomic_load(&table);
}

/* What is looked for in the table: 0 would be a free place. */
static uint64_t mark(uint64_t hash)
{
	return hash ? hash : 1;
}

bool seen_is_known(enum seen_kind kind, uint64_t hash)
{
	struct table *t = atomic_load_explicit(&table, memory_order_acquire);

	for (int i = 0; i < SEEN_MOST; i++) {
		const uint64_t taken = atomic_load_explicit(
			&t->places[kind][i], memory_order_relaxed);

		if (!taken || taken == mark(hash))
			return taken;
	}
	return atomic_load_explicit(&t->full[kind], memory_order_relaxed);
}

enum seen_answer seen_add(enum seen_kind kind, uint64_t hash)
{
	struct table *t = atomic_load_explicit(&table, memory_order_acquire);

	for (int i = 0; i < SEEN_MOST; i++) {
		uint64_t taken = 0;

		if (atomic_compare_exchange_strong(&t->places[kind][i], &taken,
						   mark(hash)))
			return SEEN_NEW;
		if (taken == mark(hash))
			return SEEN_KNOWN;
	}
	return atomic_exchange(&t->full[kind], true) ? SEEN_KNOWN : SEEN_FULL;
}
