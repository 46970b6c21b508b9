/* SPDX-License-Identifier: MIT */
#include "preload/program.h"

#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "preload/image.h"
#include "preload/line.h"

#define DEFAULT_FOLDERS "/bin:/usr/bin" /* where PATH is not set */
#define DESCRIPTOR	"/proc/self/fd/"

/* Not getenv(): a shell may have its own, which is not what libc asks. */
static const char *folders_to_search(void)
{
	for (char **at = environ; at && *at; at++)
		if (!strncmp(*at, "PATH=", 5))
			return *at + 5;
	return DEFAULT_FOLDERS;
}

static bool is_searched(const struct program *program)
{
	return program->search && !strchr(program->file, '/');
}

/* The C library looks in the next folder after these. */
static bool goes_on(int err)
{
	return err == -EACCES || err == -ENOENT || err == -ESTALE ||
	       err == -ENOTDIR || err == -ENODEV || err == -ETIMEDOUT;
}

/* An empty name in PATH is the current folder. */
static void join(char *out, const char *folder, size_t length, const char *file)
{
	memcpy(out, folder, length);
	if (length)
		out[length++] = '/';
	strcpy(out + length, file);
}

/* Of one look for it in PATH. */
struct search {
	const char *folders;
	size_t longest; /* of them */
	char *path;	/* has room for that and the file */
};

static size_t begin_search(const struct program *program, struct search *s)
{
	s->folders = folders_to_search();
	s->longest = strnlen(s->folders, PATH_MAX - 1);
	return s->longest + strnlen(program->file, NAME_MAX) + 2;
}

/* What was found is in `path`. */
static int search(const struct program *program, const struct search *s,
		  struct image *out)
{
	const char *folder = s->folders;
	size_t length;
	int err;

	if (!program->file[0])
		return -ENOENT;
	if (strnlen(program->file, NAME_MAX + 1) > NAME_MAX)
		return -ENAMETOOLONG;
	for (;; folder += length + 1) {
		length = strcspn(folder, ":");
		if (length <= s->longest) {
			join(s->path, folder, length, program->file);
			err = image_look(s->path, program->or_shell, out);
			if (!goes_on(err))
				return err;
		}
		if (!folder[length])
			return -ENOENT;
	}
}

/* The link to the open folder or file, which also an O_PATH has. */
static void descriptor_path(char *out, int descriptor)
{
	line_digits(stpcpy(out, DESCRIPTOR), (uint64_t)descriptor);
}

static int look_below(const struct program *program, struct image *out)
{
	const size_t length = strlen(program->file);
	char *path;

	if (program->folder < 0)
		return -EBADF;
	if (length >= PATH_MAX)
		return -ENAMETOOLONG;
	path = alloca(sizeof(DESCRIPTOR) + 24 + length);
	descriptor_path(path, program->folder);
	if (length) {
		strcat(path, "/");
		strcat(path, program->file);
	}
	return image_look(path, program->or_shell, out);
}

static bool is_below(const struct program *program)
{
	return program->folder != AT_FDCWD && program->file[0] != '/';
}

int program_look(const struct program *program, struct image *out)
{
	struct search s;

	if (is_below(program))
		return look_below(program, out);
	if (!is_searched(program))
		return image_look(program->file, program->or_shell, out);
	s.path = alloca(begin_search(program, &s));
	return search(program, &s, out);
}

/* `file`, below the folder that `out` names, if it is not absolute. */
static bool append(char *out, size_t size, const char *file)
{
	if (file[0] == '/')
		out[0] = 0;
	if (strlen(out) + 1 + strlen(file) >= size)
		return false;
	if (file[0] && file[0] != '/')
		strcat(out, "/");
	strcat(out, file);
	return true;
}

static bool name_below(const struct program *program, char *out, size_t size)
{
	char link[sizeof(DESCRIPTOR) + 24];
	ssize_t length;

	descriptor_path(link, program->folder);
	length = readlink(link, out, size - 1);
	out[length > 0 ? length : 0] = 0;
	return length > 0 && append(out, size, program->file);
}

static bool name_from_here(const char *path, char *out, size_t size)
{
	if (path[0] != '/' && !getcwd(out, size))
		return false;
	return append(out, size, path);
}

bool program_name(const struct program *program, char *out, size_t size)
{
	struct image image;
	struct search s;

	if (is_below(program))
		return name_below(program, out, size);
	if (!is_searched(program))
		return name_from_here(program->file, out, size);
	s.path = alloca(begin_search(program, &s));
	return !search(program, &s, &image) &&
	       name_from_here(s.path, out, size);
}
