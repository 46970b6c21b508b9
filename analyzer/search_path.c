/* SPDX-License-Identifier: MIT */
#include "analyzer/search_path.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_FOLDERS "/bin:/usr/bin" /* the C library's, without PATH */

static const char *make_absolute(struct arena *arena, const char *path)
{
	char *here;
	const char *absolute;

	if (path[0] == '/')
		return path;
	here = getcwd(NULL, 0);
	if (!here)
		return path;
	while (!strncmp(path, "./", 2))
		path += 2;
	absolute = arena_printf(arena, "%s/%s", strcmp(here, "/") ? here : "",
				path);
	free(here);
	return absolute;
}

static bool may_be_executed(const char *path)
{
	struct stat about;

	return !stat(path, &about) && S_ISREG(about.st_mode) &&
	       !access(path, X_OK);
}

const char *search_path_find(struct arena *arena, const char *name)
{
	const char *folders = getenv("PATH");
	size_t length;

	if (strchr(name, '/'))
		return access(name, F_OK) ? NULL : make_absolute(arena, name);
	if (!*name)
		return NULL;
	for (folders = folders ? folders : DEFAULT_FOLDERS; folders;
	     folders = folders[length] ? folders + length + 1 : NULL) {
		const char *path;

		/* An empty one is the current folder. */
		length = strcspn(folders, ":");
		path = arena_printf(arena, "%.*s%s%s", (int)length, folders,
				    length ? "/" : "", name);
		if (may_be_executed(path))
			return make_absolute(arena, path);
	}
	return NULL;
}
