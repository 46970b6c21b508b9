/* SPDX-License-Identifier: MIT */
/*
 * directory - header and directory of a record, checked
 *
 * The first half of the reader: what passes here can be stepped through
 * without another thought about sizes.  Every segment lies in the file, behind
 * the directory and beside the others; those of one known type are numbered
 * without a gap, their elements are at least as large as in version 1, and no
 * more of them are used than there are.  Since all lie side by side in a file
 * of at most 1 GiB, no number comes near RECORD_NONE.
 */
#ifndef RECORD_DIRECTORY_H
#define RECORD_DIRECTORY_H

#include "record/format.h"
#include "record/input.h"

#define DIRECTORY_MAX_ELEMENT  4096u /* of the types we know */
#define DIRECTORY_MAX_SEGMENTS 65536u

struct known_type {
	uint16_t type;	/* enum record_type */
	uint32_t least; /* size in version 1, never to be changed */
};

/*
 * In the order in which they refer to each other.  Whoever loads them in this
 * order, each with a directory of its own, finds everything that a loaded
 * element refers to, also while the process adds to them.
 */
#define KNOWN_TYPES 17
extern const struct known_type known_types[KNOWN_TYPES];

struct directory {
	struct record_header header;
	struct record_segment *segments;
	size_t count;
};

/*
 * Reads header and directory, again if they were read before; `d` begins as
 * zeros.  Returns 0, or a negative errno with `in->why` set.
 */
int directory_read(struct directory *d, struct input *in)
	__attribute__((warn_unused_result));
void directory_release(struct directory *d);

#endif
