/* SPDX-License-Identifier: MIT */
#include "analyzer/emit.h"

#include <errno.h>

int emit(FILE *out, const char *text, size_t size)
{
	errno = 0;
	if (fwrite(text, 1, size, out) != size || fflush(out) || ferror(out))
		return errno ? -errno : -EIO;
	return 0;
}
