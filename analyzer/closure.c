/* SPDX-License-Identifier: MIT */
#include "analyzer/closure.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "analyzer/elf_file.h"
#include "analyzer/elf_names.h"
#include "analyzer/loader_cache.h"
#include "analyzer/proc.h"

#define LIBRARIES_MAX 512 /* of one file */
#define CACHE	      "/etc/ld.so.cache"

/* Where libraries are that are in no cache; of every word size and libc. */
static const char *const usual[] = {
	"/lib/x86_64-linux-gnu",
	"/usr/lib/x86_64-linux-gnu",
	"/lib64",
	"/usr/lib64",
	"/lib",
	"/usr/lib",
	"/lib/i386-linux-gnu",
	"/usr/lib/i386-linux-gnu",
	"/lib32",
	"/usr/lib32",
	"/usr/local/lib",
};

static const char *const functions[] = { "PQconnectStart", "PQfinish", NULL };

struct library {
	const char *name, *path; /* path: NULL if it was not found */
	size_t needed_by;
	const char *rpath; /* not obeyed if there is a RUNPATH */
	bool has_runpath;
};

/* The first is the file itself; they are read in the loader's order. */
struct search {
	struct arena *arena;
	struct loader_cache cache;
	struct elf_file first;
	struct library *libraries;
	size_t count;
};

static bool fits(const struct search *s, const char *path)
{
	struct elf_file f;
	bool fits;

	if (elf_file_open(&f, s->arena, path))
		return false;
	fits = elf_file_same_machine(&s->first, &f);
	elf_file_close(&f);
	return fits;
}

/* The folder of the file in which $ORIGIN stands. */
static const char *origin_of(struct search *s, const char *path)
{
	char *real = realpath(path, NULL);
	const char *folder = real ? arena_strdup(s->arena, real) : path;
	const char *slash = strrchr(folder, '/');

	free(real);
	return slash ? arena_printf(s->arena, "%.*s", (int)(slash - folder),
				    folder)
		     : ".";
}

/* With $ORIGIN put in; what else begins with $ is passed over. */
static const char *expand(struct search *s, const char *text, size_t length,
			  const char *owner)
{
	const char *path = arena_printf(s->arena, "%.*s", (int)length, text);
	static const char *const words[] = { "${ORIGIN}", "$ORIGIN" };

	for (int i = 0; i < 2; i++) {
		const char *at = strstr(path, words[i]);

		if (at)
			path = arena_printf(
				s->arena, "%.*s%s%s", (int)(at - path), path,
				origin_of(s, owner), at + strlen(words[i]));
	}
	return path;
}

static const char *try_folder(struct search *s, const char *folder,
			      const char *name)
{
	const char *path = arena_printf(s->arena, "%s/%s", folder, name);

	return fits(s, path) ? path : NULL;
}

/* `list` as in RUNPATH, that of the library `owner`. */
static const char *try_list(struct search *s, const char *list,
			    const char *owner, const char *name)
{
	const char *found = NULL;

	while (!found && list && *list) {
		const size_t length = strcspn(list, ":;");

		if (length)
			found = try_folder(s, expand(s, list, length, owner),
					   name);
		list += length + (list[length] != 0);
	}
	return found;
}

/* RPATH counts for all that its owner needs in turn. */
static const char *try_rpaths(struct search *s, size_t by, const char *name)
{
	const char *found = NULL;

	if (s->libraries[by].has_runpath)
		return NULL;
	for (;; by = s->libraries[by].needed_by) {
		const struct library *l = &s->libraries[by];

		if (!l->has_runpath)
			found = try_list(s, l->rpath, l->path, name);
		if (found || !by)
			return found;
	}
}

static const char *try_cache(struct search *s, const char *name)
{
	const char *path;

	for (size_t n = 0; (path = loader_cache_find(&s->cache, name, n)); n++)
		if (fits(s, path))
			return path;
	return NULL;
}

static const char *try_usual(struct search *s, const char *name)
{
	const char *found = NULL;

	for (size_t i = 0; !found && i < sizeof(usual) / sizeof(*usual); i++)
		found = try_folder(s, usual[i], name);
	return found;
}

static const char *find_file(struct search *s, size_t by, const char *runpath,
			     const char *name)
{
	const char *owner = s->libraries[by].path, *found;

	if (strchr(name, '/')) {
		const char *path = expand(s, name, strlen(name), owner);

		return fits(s, path) ? path : NULL;
	}
	found = try_rpaths(s, by, name);
	if (!found)
		found = try_list(s, getenv("LD_LIBRARY_PATH"), owner, name);
	if (!found)
		found = try_list(s, runpath, owner, name);
	if (!found)
		found = try_cache(s, name);
	return found ? found : try_usual(s, name);
}

static bool is_known(const struct search *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (!strcmp(s->libraries[i].name, name))
			return true;
	return false;
}

/* Lists what the library `by` needs. */
static void add_needed(struct search *s, size_t by, const struct elf_file *f)
{
	const char *runpath = elf_file_dynamic(f, DT_RUNPATH, 0), *name;

	s->libraries[by].has_runpath = runpath != NULL;
	s->libraries[by].rpath = elf_file_dynamic(f, DT_RPATH, 0);
	for (size_t n = 0; (name = elf_file_dynamic(f, DT_NEEDED, n)); n++) {
		if (s->count == LIBRARIES_MAX)
			return;
		if (is_known(s, name))
			continue;
		s->libraries[s->count].name = name;
		s->libraries[s->count].needed_by = by;
		s->libraries[s->count].path = find_file(s, by, runpath, name);
		s->count++;
	}
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void found_libpq(struct closure *c, const struct search *s,
			const struct library *l)
{
	const struct library *by = &s->libraries[l->needed_by];

	c->has_libpq = true;
	c->libpq = l->path;
	c->through = by == s->libraries ? NULL : by->path;
}

/* Also one that goes by another name, or is part of a larger library. */
static void read_library(struct closure *c, struct search *s, size_t i)
{
	const struct library *l = &s->libraries[i];
	struct elf_file f;

	if (i && !c->has_libpq && proc_is_libpq(base_of(l->name)))
		found_libpq(c, s, l);
	if (!l->path) {
		if (!c->missing)
			c->missing = l->name;
		return;
	}
	if (elf_file_open(&f, s->arena, l->path))
		return;
	if (i && !c->has_libpq && elf_names_defines(&f, functions))
		found_libpq(c, s, l);
	add_needed(s, i, &f);
	elf_file_close(&f);
}

static const char **list_files(const struct search *s)
{
	const char **files =
		arena_array(s->arena, s->count + 1, sizeof(*files));
	size_t count = 0;

	for (size_t i = 0; i < s->count; i++)
		if (s->libraries[i].path)
			files[count++] = s->libraries[i].path;
	return files;
}

void closure_find(struct closure *c, struct arena *arena, const char *path)
{
	struct search s = { .arena = arena };

	*c = (struct closure){ .files = list_files(&s) };
	if (elf_file_open(&s.first, arena, path))
		return;
	loader_cache_read(&s.cache, arena, CACHE);
	s.libraries = arena_array(arena, LIBRARIES_MAX, sizeof(*s.libraries));
	s.libraries[s.count++] =
		(struct library){ .name = base_of(path), .path = path };
	for (size_t i = 0; i < s.count; i++)
		read_library(c, &s, i);
	c->files = list_files(&s);
	elf_file_close(&s.first);
}
