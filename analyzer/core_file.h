/* SPDX-License-Identifier: MIT */
/*
 * core_file - the segments and the notes of an ELF core, one by one
 *
 * Of x86-64.  It is read in small pieces: a core may have gigabytes.  Nothing
 * in it is trusted; whoever fails leaves a clause in `in.why`, as input.h does.
 */
#ifndef ANALYZER_CORE_FILE_H
#define ANALYZER_CORE_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include "record/input.h"

struct core_file {
	struct input in;
	uint64_t size; /* of the file */
	Elf64_Ehdr header;
};

/* A note of the name "CORE"; its bytes lie at `offset`. */
struct core_note {
	uint32_t type;
	uint64_t offset, size;
};

/* Whether it is an ELF file, as a record never is. */
bool core_file_is_elf(struct input *in);

/* Takes over `in`.  0, or a negative errno where it is no such core. */
int core_file_open(struct core_file *f, const struct input *in)
	__attribute__((warn_unused_result));

/*
 * These call `visit` for each segment of a type, or each note, and return what
 * it returned first that is not 0.
 */
int core_file_segments(struct core_file *f, uint32_t type,
		       int (*visit)(void *context, const Elf64_Phdr *segment),
		       void *context) __attribute__((warn_unused_result));
int core_file_notes(struct core_file *f,
		    int (*visit)(void *context, const struct core_note *note),
		    void *context) __attribute__((warn_unused_result));

/* Notes why it is refused. */
int core_file_damaged(struct core_file *f, const char *why);

#endif
