/* SPDX-License-Identifier: MIT */
/*
 * core - what a core file says of a watched process
 *
 * Who died, in which thread and of what, and which records it had mapped.  A
 * record is mapped shared and from a file: the kernel leaves it out of a core,
 * unless bit 3 of /proc/PID/coredump_filter is set or the file had no name any
 * more.  Then its pages are here, to be read as if they were the file.
 *
 * Cores of x86-64, by the kernel or by gdb; core_file.h opens them.
 */
#ifndef ANALYZER_CORE_H
#define ANALYZER_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "analyzer/arena.h"
#include "record/input.h"

/* What a core knows of one record. */
struct core_record {
	const char *path; /* as the process had it */
	int pid;	  /* whose it is, and its start: its name says so */
	uint64_t start;
	uint64_t mapped; /* of the file, up to here */
	/* Its bytes, from the first to the last that are in the core. */
	struct input_part *parts;
	size_t part_count;
};

struct core {
	struct input in;
	int pid, parent;
	int tid;	/* of the thread that died */
	int signal;	/* that it died of; 0: it was alive */
	bool by_kernel; /* else by gdb, perhaps from another pid namespace */
	bool cut;	/* the file ends before the core does */
	struct core_record *records;
	size_t record_count;
};

/*
 * Fills `c` from `in`, which has to live as long as its parts are read; strings
 * and arrays are the arena's.  Returns 0, or a negative errno and a clause that
 * fits behind "FILE: ".
 */
int core_read(struct core *c, struct arena *arena, const struct input *in,
	      const char **ret_why) __attribute__((warn_unused_result));

/*
 * The record of the process itself; NULL if it had none.  A child of fork()
 * has the beginning of its parent's mapped until it makes its own.
 */
const struct core_record *core_own_record(const struct core *c);

#endif
