/* SPDX-License-Identifier: MIT */
#include "preload/scan/workspace.h"

#include <sys/mman.h>

#define PAGE ((size_t)4096)

bool workspace_map(struct workspace *w, size_t size)
{
	const size_t inner = (size + PAGE - 1) & ~(PAGE - 1);
	char *memory;

	memory = mmap(NULL, inner + 2 * PAGE, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return false;
	if (mprotect(memory + PAGE, inner, PROT_READ | PROT_WRITE)) {
		munmap(memory, inner + 2 * PAGE);
		return false;
	}
	w->start = (uintptr_t)memory;
	w->end = w->start + inner + 2 * PAGE;
	w->next = memory + PAGE;
	w->limit = w->next + inner;
	return true;
}

void workspace_unmap(struct workspace *w)
{
	munmap((void *)w->start, w->end - w->start);
}

void *workspace_take(struct workspace *w, size_t size)
{
	char *taken = w->next;

	if (size > (size_t)(w->limit - taken))
		return NULL;
	w->next += (size + 63) & ~(size_t)63;
	if (w->next > w->limit)
		w->next = w->limit;
	return taken;
}
