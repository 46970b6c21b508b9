/* SPDX-License-Identifier: MIT */
/* search_path - which file is meant by the name of a program, as in a shell */
#ifndef ANALYZER_SEARCH_PATH_H
#define ANALYZER_SEARCH_PATH_H

#include "analyzer/arena.h"

/*
 * Its absolute path: `name` itself if there is a slash in it, else the first
 * file of that name in PATH that may be executed.  Links stay, since the name
 * may say more than the file.  NULL if there is none.
 */
const char *search_path_find(struct arena *arena, const char *name);

#endif
