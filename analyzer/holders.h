/* SPDX-License-Identifier: MIT */
/*
 * holders - what still points to a handle, in words
 *
 *	global shared (app)
 *	global app+0x5120			no symbol has this address
 *	heap block of 72 bytes, held by stack of thread 4711
 *	memory that nobody understands
 */
#ifndef ANALYZER_HOLDERS_H
#define ANALYZER_HOLDERS_H

#include "analyzer/arena.h"
#include "analyzer/symbols.h"
#include "record/reader.h"

/* NULL if nothing points to it, as far as the search has said. */
const char *holders_say(struct symbols *symbols, struct arena *arena,
			const struct reader *reader,
			const struct record_scan *scan);

#endif
