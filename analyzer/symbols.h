/* SPDX-License-Identifier: MIT */
/*
 * symbols - from a module and an offset to functions, files and lines
 *
 * Modules are opened once and kept until symbols_free().  Only regular files
 * are read, and only if their build-id (where the record has one) is the
 * recorded one: a module that was replaced since the run is said to be so,
 * never symbolised wrongly.  Debug info is looked for in the file itself and
 * by build-id in /usr/lib/debug; never over the network.
 */
#ifndef ANALYZER_SYMBOLS_H
#define ANALYZER_SYMBOLS_H

#include "analyzer/report.h"

struct symbols;

/* What the record says of a module. */
struct symbols_module {
	const char *path;
	const uint8_t *build_id;
	size_t build_id_size; /* 0 if it has none */
};

struct symbols *symbols_new(void);
void symbols_free(struct symbols *s);

/*
 * The frames at `offset` (an address as in the file, that is less the load
 * bias) of `module`: the inlined ones first, the function itself last; at
 * least one.  `offset` is that of a return address: what is looked up is the
 * byte before it, the call.  All strings are copied into `arena`.
 */
size_t symbols_frames(struct symbols *s, struct arena *arena,
		      const struct symbols_module *module, uint64_t offset,
		      struct report_frame **ret_frames);

/*
 * The variable that `offset` lies in, also a static one; NULL if it is not
 * known.
 */
const char *symbols_variable(struct symbols *s, struct arena *arena,
			     const struct symbols_module *module,
			     uint64_t offset);

#endif
