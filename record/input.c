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

void input_parts(struct input *in, const struct input *whole,
		 const struct input_part *parts, size_t count)
{
	*in = (struct input){
		.fd = -1, .whole = whole, .parts = parts, .part_count = count
	};
}

void input_close(struct input *in)
{
	if (in->fd >= 0)
		close(in->fd);
	in->fd = -1;
}

static uint64_t parts_size(const struct input *in)
{
	const struct input_part *last;

	if (!in->part_count)
		return 0;
	last = &in->parts[in->part_count - 1];
	return last->at + last->size;
}

int input_size(struct input *in, uint64_t *ret_size)
{
	struct stat st;

	if (in->whole) {
		*ret_size = parts_size(in);
		return 0;
	}
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

/* The part that `offset` lies in, which must be in one. */
static const struct input_part *find_part(const struct input *in,
					  uint64_t offset)
{
	size_t low = 0, high = in->part_count;

	while (high - low > 1) {
		const size_t middle = low + (high - low) / 2;

		if (in->parts[middle].at <= offset)
			low = middle;
		else
			high = middle;
	}
	return &in->parts[low];
}

static int read_parts(struct input *in, uint64_t offset, unsigned char *out,
		      size_t size)
{
	const uint64_t end = parts_size(in);
	struct input whole = *in->whole;

	if (offset > end || size > end - offset)
		return truncated(in);
	while (size) {
		const struct input_part *part = find_part(in, offset);
		const uint64_t skip = offset - part->at;
		const size_t take = size < part->size - skip
					    ? size
					    : (size_t)(part->size - skip);
		const int err =
			input_read(&whole, part->offset + skip, out, take);

		if (err)
			return input_fail(in, err, whole.why);
		out += take;
		offset += take;
		size -= take;
	}
	return 0;
}

int input_read(struct input *in, uint64_t offset, void *out, size_t size)
{
	unsigned char *at = out;

	if (!size)
		return 0;
	if (in->whole)
		return read_parts(in, offset, out, size);
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
