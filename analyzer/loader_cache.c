/* SPDX-License-Identifier: MIT */
#include "analyzer/loader_cache.h"

#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC	   "glibc-ld.so.cache1.1"
#define LARGEST	   (64 << 20) /* that is believed to be one */
#define MAGIC_SIZE (sizeof(MAGIC) - 1)

/* As glibc's ldconfig writes it; texts are offsets from the file's start. */
struct head {
	char magic[MAGIC_SIZE];
	uint32_t count;
	uint32_t unused[6];
};

struct entry {
	uint32_t flags;
	uint32_t name, path;
	uint32_t unused;
	uint64_t features;
};

static_assert(sizeof(struct head) == 48, "the head is on disk");
static_assert(sizeof(struct entry) == 24, "an entry is on disk");

static const char *read_file(struct arena *arena, int fd, size_t *ret_size)
{
	struct stat about;
	char *bytes;

	if (fstat(fd, &about) || !S_ISREG(about.st_mode) ||
	    about.st_size < (off_t)sizeof(struct head) ||
	    about.st_size > LARGEST)
		return NULL;
	*ret_size = (size_t)about.st_size;
	/* A NUL more, so that the last text ends as well. */
	bytes = arena_alloc(arena, *ret_size + 1);
	if (pread(fd, bytes, *ret_size, 0) != about.st_size)
		return NULL;
	return bytes;
}

void loader_cache_read(struct loader_cache *cache, struct arena *arena,
		       const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct head head;

	*cache = (struct loader_cache){ .bytes = NULL };
	if (fd < 0)
		return;
	cache->bytes = read_file(arena, fd, &cache->size);
	close(fd);
	if (!cache->bytes)
		return;
	memcpy(&head, cache->bytes, sizeof(head));
	if (!memcmp(head.magic, MAGIC, MAGIC_SIZE) &&
	    head.count <= (cache->size - sizeof(head)) / sizeof(struct entry))
		cache->entries = head.count;
}

static const char *text_at(const struct loader_cache *cache, uint32_t offset)
{
	return offset < cache->size ? cache->bytes + offset : "";
}

const char *loader_cache_find(const struct loader_cache *cache,
			      const char *name, size_t n)
{
	for (size_t i = 0; i < cache->entries; i++) {
		struct entry entry;

		memcpy(&entry,
		       cache->bytes + sizeof(struct head) + i * sizeof(entry),
		       sizeof(entry));
		if (!strcmp(text_at(cache, entry.name), name) && !n--)
			return text_at(cache, entry.path);
	}
	return NULL;
}
