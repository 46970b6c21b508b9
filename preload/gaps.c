/* SPDX-License-Identifier: MIT */
#include "preload/gaps.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct record_gaps *tally; /* set before there is a second thread */

static void *map(int fd)
{
	struct stat about;
	void *memory;

	/* Behind the end of a file is SIGBUS. */
	if (fstat(fd, &about) || !S_ISREG(about.st_mode) ||
	    about.st_size < (off_t)sizeof(*tally))
		return NULL;
	memory = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED,
		      fd, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

void gaps_begin(const char *folder)
{
	static const char magic[] = RECORD_MAGIC;
	char path[1024];
	int fd;

	if (!folder[0] ||
	    strlen(folder) + sizeof("/" RECORD_GAPS) > sizeof(path))
		return;
	strcpy(path, folder);
	strcat(path, "/" RECORD_GAPS);
	fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	tally = map(fd);
	close(fd);
	if (tally && memcmp(tally->magic, magic, sizeof(magic)) != 0) {
		munmap(tally, sizeof(*tally));
		tally = NULL;
	}
}

bool gaps_count(enum record_gap gap)
{
	if (tally)
		atomic_fetch_add(&tally->count[gap], 1);
	return tally;
}
