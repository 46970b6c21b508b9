/* SPDX-License-Identifier: MIT */
/*
 * world - what a process knows of itself before it is searched
 *
 * Modules and where they can write, whose malloc it uses, and what of its
 * memory is ours: the loader's answers, asked while the program still runs.
 * struct world (regions.h) has them.
 */
#ifndef PRELOAD_SCAN_WORLD_H
#define PRELOAD_SCAN_WORLD_H

#include <stdbool.h>

#include "preload/scan/regions.h"
#include "preload/scan/workspace.h"

/* Once, in the main thread: its storage is a root whoever asks later. */
void world_note_main_thread(void);

/*
 * All but the threads.  False when something could not be found out, there was
 * no room, or valgrind or a sanitizer is at work; then nothing can be said.
 * `ours` are ranges that are never looked at, beside the workspace: the shim's
 * own, and its records.
 */
bool world_gather(struct world *world, struct workspace *w,
		  const struct world_range *ours, size_t our_count);

#endif
