/* SPDX-License-Identifier: MIT */
/*
 * blind - where PostgreSQL was used and connleak could not look
 *
 * A program that ran without the shim and shows evidence of PostgreSQL makes
 * the picture incomplete: libpq in the process or among what it is linked
 * with, Debian's wrapper in front of a client, or a connection to a
 * PostgreSQL.  So does a watched one in which something else than libpq
 * connected to one.  An unwatched program without evidence is a note.
 */
#ifndef ANALYZER_BLIND_H
#define ANALYZER_BLIND_H

#include "analyzer/evidence.h"
#include "analyzer/report.h"
#include "analyzer/unwatched.h"

/* Adds to the report; one line for all processes of one program. */
bool blind_judge(struct report *report, const struct evidence *evidence,
		 const struct unwatched_list *unwatched);

/*
 * Why the shim is not loaded with this file, and what to do about it; NULL if
 * it is.  Both fit behind "it was not watched: ".
 */
const char *blind_why(const struct executable *file);
const char *blind_cure(const struct executable *file);

/* What of this file is evidence of PostgreSQL, or NULL; it was searched. */
const char *blind_evidence(struct arena *arena, const struct executable *file);

#endif
