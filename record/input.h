/* SPDX-License-Identifier: MIT */
/*
 * input - the bytes of a file that nobody vouches for
 *
 * Only regular files are opened, and they are read, never mapped: a file that
 * is cut while it is mapped kills its reader with SIGBUS.  The file may be
 * written to, grow or shrink meanwhile; a read then sees old or new bytes, or
 * fails.  Bytes in memory can be read the same way, for tests.
 *
 * Whoever fails leaves a clause in `why` that fits behind "FILE: ".  It lives
 * as long as the program.
 */
#ifndef RECORD_INPUT_H
#define RECORD_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct input {
	int fd; /* -1: the bytes are in memory */
	const unsigned char *memory;
	size_t memory_size;
	const char *why; /* of the last failure */
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
void input_close(struct input *in);

int input_size(struct input *in, uint64_t *ret_size)
	__attribute__((warn_unused_result));
/* All of it or a failure: -EINVAL where the file ends before. */
int input_read(struct input *in, uint64_t offset, void *out, size_t size)
	__attribute__((warn_unused_result));

/* Notes why and returns `err`; without a clause, that of the errno. */
int input_fail(struct input *in, int err, const char *why);

#endif
