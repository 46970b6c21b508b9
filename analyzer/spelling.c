/* SPDX-License-Identifier: MIT */
#include "analyzer/spelling.h"

#include <string.h>

#define LONGEST 32 /* longer words resemble none */

size_t spelling_distance(const char *a, const char *b)
{
	size_t row[LONGEST + 1];
	const size_t length = strlen(b);

	if (strlen(a) > LONGEST || length > LONGEST)
		return LONGEST;
	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			size_t least = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < least)
				least = row[j] + 1;
			if (row[j - 1] + 1 < least)
				least = row[j - 1] + 1;
			row[j] = least;
		}
	}
	return row[length];
}
