/* SPDX-License-Identifier: MIT */
/*
 * scanned - the functions of a file, and what debug info says of them
 */
#ifndef ANALYZER_SCANNED_H
#define ANALYZER_SCANNED_H

#include "analyzer/candidates.h"
#include "analyzer/object.h"
#include "analyzer/signature.h"

struct scanned {
	struct arena *arena;
	const char *path;
	struct object object;
	Dwarf_Addr bias;
	struct units *units; /* NULL without debug info */
	struct candidate *functions;
	size_t count;
	bool uses_postgres; /* it names functions of libpq, or libpqxx */
	bool stripped;	    /* names of functions of its own are gone */
};

/* False if it cannot be read; else it is to be released. */
bool scanned_read(struct scanned *s, struct arena *arena, const char *path);
void scanned_release(struct scanned *s);

/* False if there is no debug info of it. */
bool scanned_signature(struct scanned *s, const struct candidate *function,
		       struct signature *ret);

#endif
