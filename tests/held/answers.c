/* SPDX-License-Identifier: MIT */
/*
 * answers FOLDER... - what the searches in these folders of records found
 *
 * A line per folder: its name, the outcome of its search, the answers with
 * commas between, who holds the first, whose doubts these are, and the time it
 * took in microseconds.  `none` is no answer, `-` no search or no holder.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "record/reader.h"

#define NAMED(names, n) ((n) < sizeof(names) / sizeof(names[0]) ? names[n] : "?")

static const char *const answers[] = { "none", "lost", "held", "maybe" };
static const char *const holders[] = { "-",	 "global", "stack",  "register",
				       "thread", "kernel", "unknown" };
static const char *const outcomes[] = { "-",	  "complete", "late",
					"memory", "failed",   "off" };

struct found {
	char text[256];
	struct record_scan first;
	struct record_search search;
};

static void add(struct found *found, const struct record_scan *scan)
{
	if (found->text[0])
		strncat(found->text, ",", 2);
	else
		found->first = *scan;
	strncat(found->text, NAMED(answers, scan->answer), 8);
}

static void take(struct found *found, const struct reader *r)
{
	struct record_scan scan;

	for (uint32_t i = 0; i < reader_count(r, RECORD_SCANS) && i < 16; i++)
		if (reader_scan(r, i, &scan))
			add(found, &scan);
	if (reader_count(r, RECORD_SEARCHES))
		reader_search(r, 0, &found->search);
}

static int print(const char *folder)
{
	struct found found = { .text = "" };
	DIR *const dir = opendir(folder);
	const struct dirent *entry;
	const char *why, *name = strrchr(folder, '/');
	struct reader *r;

	while (dir && (entry = readdir(dir)))
		if (strstr(entry->d_name, RECORD_SUFFIX) &&
		    !reader_open(dirfd(dir), entry->d_name, &r, &why)) {
			take(&found, r);
			reader_free(r);
		}
	printf("%s %s %s %s %u %llu\n", name ? name + 1 : folder,
	       NAMED(outcomes, found.search.outcome),
	       found.text[0] ? found.text : "none",
	       NAMED(holders, found.first.holder), found.search.doubts,
	       (unsigned long long)found.search.took_ns / 1000);
	return dir ? closedir(dir) : 1;
}

int main(int argc, char **argv)
{
	int bad = 0;

	for (int i = 1; i < argc; i++)
		bad |= print(argv[i]);
	return bad;
}
