/* SPDX-License-Identifier: MIT */
#include "record/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int input_fail(struct input *in, int err, const char *why)
{
	in->why = why ? why : strerrordesc_np(-err);
	return err;
}

static int open_failed(struct input *in, int err, bool follow)
{
	if (err == -ENXIO) /* a socket, or a device without its driver */
		return input_fail(in, err, "it is not a regular file");
	if (err == -ELOOP && !follow)
		return input_fail(in, err, "it is a symbolic link");
	return input_fail(in, err, NULL);
}

static int check_regular(struct input *in)
{
	struct stat st;

	if (fstat(in->fd, &st))
		return input_fail(in, -errno, NULL);
	if (!S_ISREG(st.st_mode))
		return input_fail(in, -EINVAL, "it is not a regular file");
	return 0;
}

int input_open(struct input *in, int dirfd, const char *name)
{
	const bool follow = dirfd == AT_FDCWD;
	int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY;
	int err;

	/* A pipe would wait here for its writer. */
	flags |= O_NONBLOCK;
	if (!follow)
		flags |= O_NOFOLLOW;

	*in = (struct input){ .fd = openat(dirfd, name, flags) };
	if (in->fd < 0)
		return open_failed(in, -errno, follow);
	err = check_regular(in);
	if (err)
		input_close(in);
	return err;
}

void input_memory(struct input *in, const void *bytes, size_t size)
{
	*in = (struct input){ .fd = -1, .memory = bytes, .memory_size = size };
}

void input_close(struct input *in)
{
	if (in->fd >= 0)
		close(in->fd);
	in->fd = -1;
}

int input_size(struct input *in, uint64_t *ret_size)
{
	struct stat st;

	if (in->fd < 0) {
		*ret_size = in->memory_size;
		return 0;
	}
	if (fstat(in->fd, &st))
		return input_fail(in, -errno, NULL);
	*ret_size = (uint64_t)st.st_size;
	return 0;
}

static int truncated(struct input *in)
{
	return input_fail(in, -EINVAL, "it is truncated");
}

static int read_memory(struct input *in, uint64_t offset, void *out,
		       size_t size)
{
	if (offset > in->memory_size || size > in->memory_size - offset)
		return truncated(in);
	memcpy(out, in->memory + offset, size);
	return 0;
}

int input_read(struct input *in, uint64_t offset, void *out, size_t size)
{
	unsigned char *at = out;

	if (!size)
		return 0;
	if (in->fd < 0)
		return read_memory(in, offset, out, size);
	while (size) {
		const ssize_t n = pread(in->fd, at, size, (off_t)offset);

		if (n == 0)
			return truncated(in);
		if (n < 0 && errno != EINTR)
			return input_fail(in, -errno, NULL);
		if (n > 0) {
			at += n;
			offset += (uint64_t)n;
			size -= (size_t)n;
		}
	}
	return 0;
}
