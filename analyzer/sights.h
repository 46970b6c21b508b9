/* SPDX-License-Identifier: MIT */
/*
 * sights - what was seen of processes without the shim, each thing told once
 *
 * Its lines in the log are `unseen` (record/format.h).
 */
#ifndef ANALYZER_SIGHTS_H
#define ANALYZER_SIGHTS_H

#include <stdint.h>
#include <sys/types.h>
#include "analyzer/folder.h"
#include "analyzer/proc.h"

struct sights {
	struct folder *folder;
	struct sight *list; /* lines that were written */
	size_t count;
	unsigned look; /* of which there are many */
};

/* A look at all processes begins, and ends: those that are gone are forgotten.
 */
void sights_begin_look(struct sights *s);
void sights_end_look(struct sights *s);

/* One of them, and what is mapped there. */
void sights_add(struct sights *s, pid_t pid, uint64_t start,
		const struct proc_maps *maps);

void sights_release(struct sights *s);

#endif
