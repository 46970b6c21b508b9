/* SPDX-License-Identifier: MIT */
/*
 * debugfile - ELF files on the disk, and whether they are the right ones
 *
 * Every open here is of a regular file and does not block.
 */
#ifndef ANALYZER_DEBUGFILE_H
#define ANALYZER_DEBUGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEBUGFILE_ROOT	  "/usr/lib/debug"
#define DEBUGFILE_ID_SIZE 64 /* of a longer build-id the rest is ignored */

struct build_id {
	uint8_t bytes[DEBUGFILE_ID_SIZE];
	size_t size; /* 0 if there is none */
};

struct build_id build_id_from(const void *bytes, size_t size);
bool build_id_equal(const struct build_id *a, const struct build_id *b);

/* A descriptor, or a negative errno; -EINVAL if it is no regular file. */
int regular_open(const char *path) __attribute__((warn_unused_result));

/* The type of the file (ET_DYN ...), or -ENOEXEC if it is not ELF. */
int build_id_read(int fd, struct build_id *ret)
	__attribute__((warn_unused_result));

/*
 * The debug file that `link` (of .gnu_debuglink; NULL for none) names for
 * `module`.  It must have the module's build-id, or the link's checksum where
 * the module has none.  A descriptor, and its name to be freed; or -1.
 */
int debugfile_find(const char *module, const struct build_id *id,
		   const char *link, uint32_t crc, char **ret_path)
	__attribute__((warn_unused_result));

/*
 * Is the file that `debug_path` shares parts with (.gnu_debugaltlink: `name`
 * and `id`) where elfutils will look, and is it the right one?
 */
bool debugfile_has_alternative(const char *debug_path, const char *name,
			       const struct build_id *id);

/* `name` in the folder of `path`, to be freed; `name` alone if absolute. */
char *path_beside(const char *path, const char *name);

#endif
