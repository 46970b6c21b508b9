/* SPDX-License-Identifier: MIT */
#include "analyzer/debugfile.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <elfutils/libdwelf.h>

static size_t kept_size(size_t size)
{
	return size < DEBUGFILE_ID_SIZE ? size : DEBUGFILE_ID_SIZE;
}

struct build_id build_id_from(const void *bytes, size_t size)
{
	struct build_id id = { .size = bytes ? size : 0 };

	if (bytes)
		memcpy(id.bytes, bytes, kept_size(size));
	return id;
}

bool build_id_equal(const struct build_id *a, const struct build_id *b)
{
	return a->size == b->size &&
	       memcmp(a->bytes, b->bytes, kept_size(a->size)) == 0;
}

int regular_open(const char *path)
{
	struct stat file;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

/* elfutils would unpack compressed files, however much comes out of them. */
static bool has_elf_magic(int fd)
{
	char magic[SELFMAG];

	return pread(fd, magic, SELFMAG, 0) == SELFMAG &&
	       memcmp(magic, ELFMAG, SELFMAG) == 0;
}

int build_id_read(int fd, struct build_id *ret)
{
	const void *bytes = NULL;
	int type = -ENOEXEC;
	GElf_Ehdr header;
	ssize_t size;
	Elf *elf;

	elf_version(EV_CURRENT);
	if (!has_elf_magic(fd))
		return type;
	elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && gelf_getehdr(elf, &header)) {
		size = dwelf_elf_gnu_build_id(elf, &bytes);
		*ret = build_id_from(bytes, size > 0 ? (size_t)size : 0);
		type = header.e_type;
	}
	elf_end(elf);
	return type;
}

char *path_beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	const int folder = slash ? (int)(slash + 1 - path) : 0;
	char *joined;

	if (asprintf(&joined, "%.*s%s", *name == '/' ? 0 : folder, path, name) <
	    0)
		return NULL;
	return joined;
}

/* The CRC-32 of .gnu_debuglink, which is that of zlib. */
static uint32_t crc32_of(int fd)
{
	unsigned char buffer[16384];
	uint32_t table[256], crc = UINT32_MAX;
	off_t at = 0;
	ssize_t i, n;

	for (i = 0; i < 256; i++) {
		uint32_t entry = (uint32_t)i;
		int bit;

		for (bit = 0; bit < 8; bit++)
			entry = entry >> 1 ^ (entry & 1 ? 0xedb88320u : 0);
		table[i] = entry;
	}
	while ((n = pread(fd, buffer, sizeof(buffer), at)) > 0) {
		for (i = 0; i < n; i++)
			crc = crc >> 8 ^ table[(crc ^ buffer[i]) & 0xff];
		at += n;
	}
	return ~crc;
}

/* What a file must be to be the debug info of a module. */
struct wanted {
	const struct build_id *id;
	const char *module;
	bool has_crc;
	uint32_t crc;
};

static bool same_file(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* A link may bear the name of the module, which is then found beside itself. */
static bool is_wanted(int fd, const struct wanted *wanted)
{
	struct build_id id;

	if (same_file(fd, wanted->module) || build_id_read(fd, &id) < 0)
		return false;
	if (wanted->id->size)
		return build_id_equal(&id, wanted->id);
	return wanted->has_crc && crc32_of(fd) == wanted->crc;
}

/* Takes `path`: it is freed, or given back with the descriptor. */
static int open_wanted(char *path, const struct wanted *wanted, char **ret_path)
{
	int fd = path ? regular_open(path) : -1;

	if (fd >= 0 && is_wanted(fd, wanted)) {
		*ret_path = path;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	free(path);
	return -1;
}

static int search_folders(const char *link, const struct wanted *wanted,
			  char **ret_path)
{
	const char *module = wanted->module;
	const int folder = (int)(strrchr(module, '/') - module);
	static const char *const patterns[][2] = { { "", "" },
						   { "", "/.debug" },
						   { DEBUGFILE_ROOT, "" } };
	size_t i;
	int fd = -1;

	for (i = 0; fd < 0 && i < sizeof(patterns) / sizeof(*patterns); i++) {
		char *path;

		if (asprintf(&path, "%s%.*s%s/%s", patterns[i][0], folder,
			     module, patterns[i][1], link) < 0)
			path = NULL;
		fd = open_wanted(path, wanted, ret_path);
	}
	return fd;
}

int debugfile_find(const char *module, const struct build_id *id,
		   const char *link, uint32_t crc, char **ret_path)
{
	struct wanted wanted = { .id = id, .has_crc = link, .crc = crc };
	char *canonical = realpath(module, NULL), *invented = NULL;
	int fd = -1;

	if (!canonical)
		return -1;
	wanted.module = canonical;
	if (!link &&
	    asprintf(&invented, "%s.debug", strrchr(canonical, '/') + 1) < 0)
		invented = NULL;
	if (link || invented)
		fd = search_folders(link ? link : invented, &wanted, ret_path);
	free(invented);
	free(canonical);
	return fd;
}

/* Is there a regular file at `path`, and with this build-id? */
static bool has_build_id(const char *path, const struct build_id *id)
{
	struct build_id found;
	bool equal;
	int fd;

	fd = regular_open(path);
	if (fd < 0)
		return false;
	equal = build_id_read(fd, &found) >= 0 && build_id_equal(&found, id);
	close(fd);
	return equal;
}

static char *path_by_id(const struct build_id *id)
{
	const size_t size = kept_size(id->size);
	char digits[2 * DEBUGFILE_ID_SIZE + 1] = "", *path;
	size_t i;

	for (i = 0; i < size; i++)
		snprintf(digits + 2 * i, 3, "%02x", id->bytes[i]);
	if (asprintf(&path, DEBUGFILE_ROOT "/.build-id/%.2s/%s.debug", digits,
		     size ? digits + 2 : "") < 0)
		return NULL;
	return path;
}

bool debugfile_has_alternative(const char *debug_path, const char *name,
			       const struct build_id *id)
{
	char *by_id = path_by_id(id), *by_name = path_beside(debug_path, name);
	bool found;

	/* The order of elfutils, which reads the first that exists. */
	if (by_id && access(by_id, F_OK) == 0)
		found = has_build_id(by_id, id);
	else
		found = by_name && has_build_id(by_name, id);
	free(by_id);
	free(by_name);
	return found;
}
