/* SPDX-License-Identifier: MIT */
#include "analyzer/proc.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record/format.h"

#define SHIM	"libconnleak.so"
#define DELETED " (deleted)"

static FILE *open_file(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return fopen(path, "re");
}

/* The kernel's number of the namespace that our pids are of. */
static uint64_t own_space(void)
{
	unsigned long long number = 0;
	char text[48];
	const ssize_t length =
		readlink("/proc/self/ns/pid", text, sizeof(text) - 1);

	text[length > 0 ? length : 0] = 0;
	return sscanf(text, "pid:[%llu]", &number) == 1 ? number : 0;
}

uint32_t proc_space(void)
{
	return record_space(record_start(1, own_space()));
}

/*
 * Fields 3, 20 and 22 of /proc/PID/stat, behind a name that may hold anything.
 * A zombie has ended, and only its parent has not looked yet; unless there are
 * other threads, which go on when the first one has left.
 */
uint64_t proc_start(pid_t pid)
{
	unsigned long long start = 0;
	int threads = 0;
	char line[1024], state, *at;
	FILE *file = open_file(pid, "stat");

	if (!file)
		return 0;
	at = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	if (!at ||
	    sscanf(at + 1,
		   " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d "
		   "%*d %*d %*d %d %*d %llu",
		   &state, &threads, &start) != 3 ||
	    (state == 'Z' && threads <= 1))
		start = 0;
	fclose(file);
	return record_start(start, own_space());
}

static void visit_list(const char *path, proc_visit *visit, void *data)
{
	FILE *children = fopen(path, "re");
	int child;

	if (!children)
		return;
	while (fscanf(children, "%d", &child) == 1)
		visit(data, child);
	fclose(children);
}

/* Children belong to the thread that made them. */
void proc_children(pid_t pid, proc_visit *visit, void *data)
{
	char path[128];
	struct dirent *thread;
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	threads = opendir(path);
	if (!threads)
		return;
	while ((thread = readdir(threads))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/children",
			 (int)pid, thread->d_name);
		visit_list(path, visit, data);
	}
	closedir(threads);
}

static void cut_ending(char *text, const char *ending)
{
	const size_t length = strlen(text), end = strlen(ending);

	if (length > end && !strcmp(text + length - end, ending))
		text[length - end] = 0;
}

void proc_exe(pid_t pid, char *out, size_t size)
{
	char path[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	length = readlink(path, out, size - 1);
	out[length > 0 ? length : 0] = 0;
	cut_ending(out, DELETED);
}

void proc_name(pid_t pid, char *out, size_t size)
{
	FILE *file = open_file(pid, "comm");

	out[0] = 0;
	if (!file)
		return;
	if (fgets(out, (int)size, file))
		out[strcspn(out, "\n")] = 0;
	else
		out[0] = 0;
	fclose(file);
}

bool proc_is_foreign(pid_t pid)
{
	FILE *file = open_file(pid, "status");
	bool foreign = false;
	char line[256];
	unsigned user;

	if (!file)
		return false;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Uid: %*u %u", &user) == 1) {
			foreign = user != geteuid();
			break;
		}
	fclose(file);
	return foreign;
}

bool proc_has_open(pid_t pid, const struct stat *file)
{
	struct dirent *entry;
	struct stat about;
	bool found = false;
	char path[64];
	DIR *files;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	files = opendir(path);
	if (!files)
		return false;
	while (!found && (entry = readdir(files)))
		found = !fstatat(dirfd(files), entry->d_name, &about, 0) &&
			about.st_dev == file->st_dev &&
			about.st_ino == file->st_ino;
	closedir(files);
	return found;
}

bool proc_is_libpq(const char *base)
{
	return !strncmp(base, "libpq", 5) &&
	       (base[5] == '.' || base[5] == '-') && strstr(base + 5, ".so");
}

/* "START-END MODE OFFSET DEVICE INODE   PATH" */
static void read_mapping(char *line, struct proc_maps *out)
{
	char *path = strchr(line, '/');
	const char *base;

	if (!path)
		return;
	path[strcspn(path, "\n")] = 0;
	cut_ending(path, DELETED);
	base = strrchr(path, '/') + 1;
	out->shim |= !strcmp(base, SHIM);
	out->libpq |= proc_is_libpq(base);
}

/* That of a process with other rights can be opened, but not read. */
void proc_maps(pid_t pid, struct proc_maps *out)
{
	FILE *file = open_file(pid, "maps");
	char *line = NULL;
	size_t room = 0;

	*out = (struct proc_maps){ .readable = false };
	if (!file)
		return;
	while (getline(&line, &room, file) > 0) {
		out->readable = true;
		read_mapping(line, out);
	}
	free(line);
	fclose(file);
}
