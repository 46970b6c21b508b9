/* SPDX-License-Identifier: MIT */
#include "preload/scan/pages.h"

#include <sys/syscall.h>
#include <unistd.h>

#define PAGE	((uintptr_t)4096)
#define PIECE	((uintptr_t)1 << 20)
#define SMALL	(16 * PAGE) /* not worth asking */
#define PRESENT ((uint64_t)1 << 63)
#define SWAPPED ((uint64_t)1 << 62)

void pages_begin(struct pages *p, const struct region *region, int pagemap,
		 bool *ret_swapped)
{
	p->region = region;
	p->next = region->start;
	p->pagemap = region->anonymous && region->end - region->start > SMALL
			     ? pagemap
			     : -1;
	p->ret_swapped = ret_swapped;
	p->known = 0;
	p->count = 0;
}

/* What the kernel says of a page; PRESENT if it cannot be asked. */
static uint64_t entry_of(struct pages *p, uintptr_t page)
{
	const size_t most = sizeof(p->entries) / sizeof(p->entries[0]);
	long got;

	if (page < p->known || page >= p->known + p->count * PAGE) {
		const uintptr_t left = (p->region->end - page) / PAGE + 1;

		got = syscall(SYS_pread64, p->pagemap, p->entries,
			      (left < most ? left : most) * sizeof(uint64_t),
			      (long)(page / PAGE * sizeof(uint64_t)));
		p->known = page;
		p->count = got > 0 ? (unsigned)got / sizeof(uint64_t) : 0;
		if (!p->count)
			p->pagemap = -1;
	}
	return p->count ? p->entries[(page - p->known) / PAGE] : PRESENT;
}

static bool is_touched(struct pages *p, uintptr_t address)
{
	const uint64_t entry =
		p->pagemap < 0 ? PRESENT : entry_of(p, address & ~(PAGE - 1));

	if (entry & SWAPPED)
		*p->ret_swapped = true;
	return entry & PRESENT;
}

static uintptr_t page_after(uintptr_t address)
{
	return (address & ~(PAGE - 1)) + PAGE;
}

bool pages_next(struct pages *p, uintptr_t *ret_start, uintptr_t *ret_end)
{
	const uintptr_t end = p->region->end;
	uintptr_t at = p->next, stop;

	while (at < end && !is_touched(p, at))
		at = page_after(at);
	for (stop = at; stop < end && stop - at < PIECE;
	     stop = page_after(stop))
		if (!is_touched(p, stop))
			break;
	/* A word may begin in one piece and end in the next. */
	*ret_start = at == p->next && at > p->region->start ? at - 8 : at;
	p->next = stop < end ? stop : end;
	*ret_end = p->next;
	return at < end;
}
