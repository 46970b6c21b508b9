/* SPDX-License-Identifier: MIT */
/* spelling - how much one word resembles another, that may have been meant */
#ifndef ANALYZER_SPELLING_H
#define ANALYZER_SPELLING_H

#include <stddef.h>

/* Levenshtein's distance: letters to add, to drop or to change. */
size_t spelling_distance(const char *a, const char *b);

#endif
