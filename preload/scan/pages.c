/* SPDX-License-Identifier: MIT */
#include "preload/scan/pages.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE	((uintptr_t)4096)
#define PIECE	((uintptr_t)1 << 20)
#define SMALL	(16 * PAGE) /* not worth asking */
#define PRESENT PAGES_ANY
#define SWAPPED ((uint64_t)1 << 62)

void pages_begin(struct pages *p, const struct region *region, int pagemap,
		 bool *ret_swapped)
{
	p->region = region;
	p->next = region->start;
	p->pagemap = region->anonymous && region->end - region->start > SMALL
			     ? pagemap
			     : -1;
	p->is_file = !region->anonymous && region->kind == REGION_UNKNOWN;
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

/* To read one that is not there may make it, or may be a crash. */
static uint64_t file_entry_of(struct pages *p, uintptr_t page)
{
	const size_t most = sizeof(p->resident);

	if (page < p->known || page >= p->known + p->count * PAGE) {
		const uintptr_t left = (p->region->end - page) / PAGE;

		p->known = page;
		p->count = (unsigned)(left < most ? left : most);
		if (syscall(SYS_mincore, page, p->count * PAGE, p->resident))
			memset(p->resident, 0, sizeof(p->resident));
	}
	return p->resident[(page - p->known) / PAGE] & 1 ? PRESENT : SWAPPED;
}

static bool is_touched(struct pages *p, uintptr_t address)
{
	const uintptr_t page = address & ~(PAGE - 1);
	const uint64_t entry = p->is_file	? file_entry_of(p, page)
			       : p->pagemap < 0 ? PRESENT
						: entry_of(p, page);

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

bool pages_are_touched(int pagemap, uintptr_t start, uintptr_t end,
		       uint64_t how)
{
	const uint64_t bits = how | SWAPPED;
	uint64_t entries[512];

	for (uintptr_t left = (end - start) / PAGE, page = start / PAGE;
	     left;) {
		const size_t most = sizeof(entries) / sizeof(entries[0]);
		const size_t wanted = left < most ? left : most;
		const long got = syscall(SYS_pread64, pagemap, entries,
					 wanted * sizeof(uint64_t),
					 (long)(page * sizeof(uint64_t)));
		const size_t count = got > 0 ? (size_t)got / 8 : 0;

		for (size_t i = 0; i < count; i++)
			if (entries[i] & bits)
				return true;
		if (!count)
			return true;
		page += count;
		left -= count;
	}
	return false;
}
