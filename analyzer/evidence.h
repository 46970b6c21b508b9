/* SPDX-License-Identifier: MIT */
/*
 * evidence - what the watched processes left behind, opened and listed
 *
 * Of run folders and single records alike.  A record in a folder that cannot
 * be read is named and does not hide the others.
 */
#ifndef ANALYZER_EVIDENCE_H
#define ANALYZER_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "analyzer/arena.h"
#include "record/log.h"
#include "record/reader.h"

struct evidence_record {
	struct reader *reader;
	size_t run; /* which log tells of its process */
};

/* One folder, or the single records together (those have no log). */
struct evidence_run {
	struct log log;
	bool has_log;
};

struct evidence {
	struct arena *arena;
	struct evidence_record *records;
	size_t record_count;
	struct evidence_run *runs;
	size_t run_count;
	const char **bad; /* "FILE: why", each a loss */
	size_t bad_count;
	size_t unfinished; /* records whose process had acknowledged nothing */
};

void evidence_init(struct evidence *e, struct arena *arena);
void evidence_release(struct evidence *e);

/*
 * A run folder, or a record.  Returns 0, or -errno and in `ret_error` one line
 * about `path`, which a person named: a record that is bad itself is an error.
 */
int evidence_add(struct evidence *e, const char *path, const char **ret_error)
	__attribute__((warn_unused_result));

#endif
