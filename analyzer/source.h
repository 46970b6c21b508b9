/* SPDX-License-Identifier: MIT */
/* source - the place in the source code that debug info gives for code */
#ifndef ANALYZER_SOURCE_H
#define ANALYZER_SOURCE_H

#include <stdbool.h>
#include <elfutils/libdw.h>

struct arena;

struct source {
	const char *file; /* NULL if unknown */
	int line;	  /* 0 if unknown */
};

/*
 * Of `address` by the line table of `unit`.  Compilers have code without a
 * line; it gets that of the code before it, down to the address `low`.
 */
struct source source_at(struct arena *arena, Dwarf_Die *unit,
			Dwarf_Addr address, Dwarf_Addr low);

/*
 * Of the call that `inlined`, an inlined function, stands for.  `unit` is that
 * with the line table: a split unit does not know its folder.
 */
struct source source_of_call(struct arena *arena, Dwarf_Die *unit,
			     Dwarf_Die *inlined);

/*
 * `path`, absolute if `folder` is (NULL is not), and without "." and "..": as
 * words, for the folders of another machine cannot be looked at.  A relative
 * folder, as reproducible builds have, is in the path already.
 */
char *source_path(struct arena *arena, const char *folder, const char *path);

#endif
