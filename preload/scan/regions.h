/* SPDX-License-Identifier: MIT */
/*
 * regions - what all the memory of this process is for
 *
 * Made from /proc/self/maps and from what the process knew of itself before
 * the search began (struct world).  Every byte that the program can read and
 * write lies in exactly one region, or is left out for a reason: it is ours, a
 * stack below its stack pointer, or the stack of a thread that has ended.
 */
#ifndef PRELOAD_SCAN_REGIONS_H
#define PRELOAD_SCAN_REGIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "preload/scan/workspace.h"

enum region_kind {
	REGION_GLOBALS, /* what a module can write to: a root */
	REGION_STACK,	/* of a living thread, with its thread-local storage */
	REGION_THREAD,	/* the main thread's own storage: a root */
	REGION_HEAP,	/* of malloc: heaps.c says which blocks are in use */
	REGION_BLOCK,	/* one block of malloc with a mapping of its own */
	REGION_UNKNOWN, /* memory that nobody here understands */
	REGION_HIDDEN,	/* nobody may read it now; someone may have before */
	REGION_LEFT_OUT,
};

struct region {
	uintptr_t start, end;
	enum region_kind kind;
	uint32_t owner; /* of the world's modules or threads */
	bool anonymous; /* pages that were never touched can be skipped */
};

struct world_thread {
	pid_t tid;
	uintptr_t sp;		 /* 0: not known */
	uintptr_t pointer;	 /* the thread pointer; 0: not known */
	uintptr_t registers[16]; /* all that may hold a handle */
	unsigned register_count;
	bool ended; /* the main thread, when others go on without it */
	bool asked;
	uintptr_t call, call_at; /* what it waited in, and where it goes on */
};

struct world_range {
	uintptr_t start, end;
};

/*
 * Gathered by the process itself before anybody searches it.  The first thread
 * is the one that asks.
 */
struct world {
	struct world_range *modules; /* what each can write to; in ... */
	size_t module_count;	     /* ... the order of their addresses */
	struct world_thread *threads;
	size_t thread_count;
	struct world_range *ours; /* in the order of their addresses */
	size_t our_count;
	uintptr_t main_thread; /* the main thread's thread pointer */
	size_t static_storage; /* bytes of a thread's storage below that */
	bool malloc_is_libcs;
	bool is_interpreted;	 /* there is an interpreter in the process */
	struct world_range libc; /* what it can write to */
	struct world_range *mappings; /* as regions_remember() saw them */
	size_t mapping_count;
	int pagemap; /* its own, when it is copied */
};

struct regions {
	struct region *list; /* in the order of their addresses */
	size_t count, room;
	bool whole; /* nothing was left out but for the reasons above */
};

/* False: /proc is not there, or no room; then nothing can be said. */
bool regions_read(struct regions *r, const struct world *world,
		  struct workspace *w);

/*
 * A copy of a process may lack some of its memory: what the program asked the
 * kernel to keep from its children.  So it is listed before, and looked up in
 * the copy.
 */
bool regions_remember(struct world *world, struct workspace *w);
bool regions_are_remembered(const struct regions *r, const struct world *world);

struct region *regions_find(const struct regions *r, uintptr_t address);

/*
 * What lies between becomes another kind, and its region is divided; a range of
 * no region is no error.  False: no room.
 */
bool regions_cut(struct regions *r, uintptr_t start, uintptr_t end,
		 enum region_kind kind);

#endif
