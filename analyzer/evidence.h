/* SPDX-License-Identifier: MIT */
/*
 * evidence - what the watched processes left behind, opened and listed
 *
 * Of run folders, single records and cores alike.  A record in a folder that
 * cannot be read is named and does not hide the others.
 *
 *	evidence_init(&e, &arena);
 *	err = evidence_add(&e, path, &error); ... for each path
 *	err = evidence_settle(&e, &error);
 */
#ifndef ANALYZER_EVIDENCE_H
#define ANALYZER_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "analyzer/arena.h"
#include "record/format.h"
#include "record/input.h"
#include "record/log.h"
#include "record/reader.h"

struct evidence_record {
	struct reader *reader;
	const char *name; /* of the file */
	size_t run;	  /* which log tells of its process */
	bool in_core;	  /* a core tells more of its process: */
	int died_of;	  /* the signal; 0 if it was alive */
	int died_in;	  /* the thread; 0 if unknown */
};

/* What is to be added to a record, or becomes one itself. */
struct evidence_core {
	const char *path;
	const char *record_path;
	struct reader *reader; /* NULL: the record has to come from elsewhere */
	bool pages;	       /* the reader's: the record as it was then */
	const char *why;       /* it is not here */
	int signal, tid;
};

/* One folder, or the single records together (those have no log). */
struct evidence_run {
	struct log log;
	bool has_log;
	char **names; /* of all files in it */
	size_t name_count;
	uint64_t gaps[GAP_KINDS];
};

struct evidence {
	struct arena *arena;
	struct evidence_record *records;
	size_t record_count;
	struct evidence_run *runs;
	size_t run_count;
	struct evidence_core *cores;
	size_t core_count;
	const char **bad; /* "FILE: why", each a loss */
	size_t bad_count;
	size_t unfinished; /* records whose process had acknowledged nothing */
	size_t unneeded;   /* made ahead, and empty: they show nothing */
	uint64_t ended_ns; /* of processes whose end nobody tells; or 0 */
};

void evidence_init(struct evidence *e, struct arena *arena);
void evidence_release(struct evidence *e);

/*
 * A run folder, a record, or a core.  Returns 0, or -errno and in `ret_error`
 * a line or two about `path`, which a person named: a record that is bad itself
 * is an error.
 */
int evidence_add(struct evidence *e, const char *path, const char **ret_error)
	__attribute__((warn_unused_result));

/*
 * Once, when all paths were added: each core goes with the record of its
 * process, wherever that came from, so that no record counts twice.  A core
 * whose record is nowhere is an error.
 */
int evidence_settle(struct evidence *e, const char **ret_error)
	__attribute__((warn_unused_result));

/* Parts of these: evidence_core.c, of a core that is open; evidence.c. */
int evidence_add_core(struct evidence *e, const char *path, struct input *in,
		      const char **ret_error)
	__attribute__((warn_unused_result));
struct evidence_record *evidence_add_record(struct evidence *e,
					    struct reader *reader,
					    const char *path, size_t run);
size_t evidence_add_run(struct evidence *e);

#endif
