/* SPDX-License-Identifier: MIT */
/*
 * input - the bytes of a file that nobody vouches for
 *
 * Only regular files are opened, and they are read, never mapped: a file that
 * is cut while it is mapped kills its reader with SIGBUS.  The file may be
 * written to, grow or shrink meanwhile; a read then sees old or new bytes, or
 * fails.  Bytes in memory can be read the same way, for tests, and parts of
 * another input, which is how a record lies in a core.
 *
 * Whoever fails leaves a clause in `why` that fits behind "FILE: ".  It lives
 * as long as the program.
 */
#ifndef RECORD_INPUT_H
#define RECORD_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct input {
	int fd; /* -1: the bytes are elsewhere */
	const unsigned char *memory;
	size_t memory_size;
	const struct input *whole; /* of which this is made of parts, or NULL */
	const struct input_part *parts;
	size_t part_count;
	const char *why; /* of the last failure */
};

/* What lies at `at` lies in the whole at `offset`. */
struct input_part {
	uint64_t at, offset, size;
};

/*
 * Opens `name` in the folder `dirfd`.  With AT_FDCWD a person named the file
 * and a symbolic link is followed; in a folder others may write to, it is
 * refused.  Returns 0, or a negative errno and there is nothing to close.
 */
int input_open(struct input *in, int dirfd, const char *name)
	__attribute__((warn_unused_result));
/* `bytes` must live as long as `in`. */
void input_memory(struct input *in, const void *bytes, size_t size);
/*
 * The same of all three.  The first part lies at 0, each further one where the
 * one before it ends.
 */
void input_parts(struct input *in, const struct input *whole,
		 const struct input_part *parts, size_t count);
void input_close(struct input *in);

int input_size(struct input *in, uint64_t *ret_size)
	__attribute__((warn_unused_result));
/* All of it or a failure: -EINVAL where the file ends before. */
int input_read(struct input *in, uint64_t offset, void *out, size_t size)
	__attribute__((warn_unused_result));

/* Notes why and returns `err`; without a clause, that of the errno. */
int input_fail(struct input *in, int err, const char *why);

#endif
