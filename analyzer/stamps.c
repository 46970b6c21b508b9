/* SPDX-License-Identifier: MIT */
#include "analyzer/stamps.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "analyzer/arena.h"
#include "analyzer/folder.h"
#include "record/format.h"
#include "record/input.h"

#define EVERY UINT64_C(100000000) /* ns */
#define SHARE 50		  /* a look is followed by so many pauses */

struct record {
	const char *name;
	uint32_t asked; /* so often, when last looked */
};

struct stamps {
	char *path;
	struct arena arena; /* of `records`; a new one with each look */
	struct record *records;
	size_t count; /* sorted by name */
	uint64_t due;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

struct stamps *stamps_new(const char *path)
{
	struct stamps *s = calloc(1, sizeof(*s));
	char *copy = strdup(path);

	if (!s || !copy) {
		free(s);
		free(copy);
		return NULL;
	}
	s->path = copy;
	arena_init(&s->arena);
	s->due = now_ns() + EVERY;
	return s;
}

void stamps_free(struct stamps *s)
{
	if (!s)
		return;
	arena_release(&s->arena);
	free(s->path);
	free(s);
}

/* What cannot be read was not asked. */
static uint32_t read_asked(int folder, const char *name)
{
	uint32_t asked = 0;
	struct input in;

	if (input_open(&in, folder, name))
		return 0;
	if (input_read(&in, offsetof(struct record_header, asked), &asked,
		       sizeof(asked)))
		asked = 0;
	input_close(&in);
	return asked;
}

static int by_name(const void *name, const void *record)
{
	return strcmp(name, ((const struct record *)record)->name);
}

static uint32_t known(const struct stamps *s, const char *name)
{
	const struct record *record =
		s->count ? bsearch(name, s->records, s->count,
				   sizeof(*s->records), by_name)
			 : NULL;

	return record ? record->asked : 0;
}

/* Of all files there are; -1 for `folder` is a record that a person named. */
static bool look(struct stamps *s, int folder)
{
	char **names = &s->path;
	struct record *records;
	struct arena arena;
	size_t files = 1, count = 0;
	bool asked = false;

	arena_init(&arena);
	if (folder >= 0 && folder_list(s->path, &arena, &names, &files))
		files = 0;
	records = arena_array(&arena, files, sizeof(*records));
	for (size_t i = 0; i < files; i++) {
		struct record *r = &records[count];

		if (!folder_has_ending(names[i], RECORD_SUFFIX))
			continue;
		count++;
		r->name = names[i];
		r->asked = read_asked(folder < 0 ? AT_FDCWD : folder, names[i]);
		asked |= r->asked != known(s, names[i]);
	}
	arena_release(&s->arena);
	s->arena = arena;
	s->records = records;
	s->count = count;
	return asked;
}

bool stamps_look(struct stamps *s)
{
	const uint64_t before = now_ns();
	uint64_t pause;
	bool asked;
	int folder;

	if (!s)
		return false;
	folder = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	asked = look(s, folder);
	if (folder >= 0)
		close(folder);
	pause = SHARE * (now_ns() - before);
	s->due = now_ns() + (pause > EVERY ? pause : EVERY);
	return asked;
}

uint64_t stamps_due(const struct stamps *s)
{
	return s ? s->due : STAMPS_NEVER;
}
