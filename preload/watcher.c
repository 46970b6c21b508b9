/* SPDX-License-Identifier: MIT */
#include "preload/watcher.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "preload/line.h"
#include "preload/orphan.h"
#include "preload/say.h"
#include "record/format.h"

#define ANALYZER "connleak"

/*
 * From the folder of the shim: both may be in one, as after `make`, or it in
 * lib, or in a folder of lib.  analyzer/launch.c looks the other way.
 */
static const char *const places[] = { "", "../bin/", "../../bin/" };
#define PLACES (sizeof(places) / sizeof(places[0]))

/*
 * The settings, how to print, and where to find debug information.  What else
 * is in the program's environment, LD_PRELOAD for one, is none of its business.
 */
static const char *const told[] = {
	"CONNLEAK_", "TERM=", "NO_COLOR=", "LANG=",	  "LC_",
	"TZ=",	     "HOME=", "XDG_",	   "DEBUGINFOD_",
};

/* Written once, by watcher_init(): the program may change all of these. */
static struct {
	char paths[PLACES][PATH_MAX];
	char folder[PATH_MAX];
	char **environment; /* NULL: there was no memory for it */
} watcher;

static bool is_told(const char *variable)
{
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		if (!strncmp(variable, told[i], strlen(told[i])))
			return true;
	return false;
}

static void copy_environment(char *const *environment)
{
	size_t count = 1, length = 0;
	char **copy, *text;

	for (char *const *at = environment; *at; at++)
		if (is_told(*at)) {
			count++;
			length += strlen(*at) + 1;
		}
	copy = mmap(NULL, count * sizeof(*copy) + length,
		    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (copy == MAP_FAILED)
		return;
	watcher.environment = copy;
	text = (char *)(copy + count);
	for (char *const *at = environment; *at; at++)
		if (is_told(*at)) {
			*copy++ = text;
			text = stpcpy(text, *at) + 1;
		}
}

/* Without links and relative names, as the launcher knows its own. */
static bool find_shim(char *out, size_t size)
{
	char link[48] = "/proc/self/fd/";
	struct dl_find_object shim;
	ssize_t length = -1;
	int fd;

	if (_dl_find_object(&watcher, &shim))
		return false;
	fd = open(shim.dlfo_link_map->l_name, O_PATH | O_CLOEXEC);
	if (fd >= 0) {
		line_digits(link + strlen(link), (uint64_t)fd);
		length = readlink(link, out, size - 1);
		close(fd);
	}
	out[length > 0 ? length : 0] = 0;
	return out[0] == '/';
}

static void find_analyzer(void)
{
	char shim[PATH_MAX];
	size_t length = 0;

	if (find_shim(shim, sizeof(shim)))
		length = (size_t)(strrchr(shim, '/') + 1 - shim);
	for (size_t i = 0; i < PLACES; i++) {
		char *path = watcher.paths[i];

		if (!length ||
		    length + strlen(places[i]) + sizeof(ANALYZER) > PATH_MAX)
			continue;
		memcpy(path, shim, length);
		strcpy(stpcpy(path + length, places[i]), ANALYZER);
	}
}

void watcher_init(char *const *environment)
{
	orphan_init();
	copy_environment(environment);
	find_analyzer();
	if (!getcwd(watcher.folder, sizeof(watcher.folder)))
		strcpy(watcher.folder, "/");
}

/* It holds a lock as long as it lives, and judges all of its run itself. */
static bool has_launcher(const char *folder)
{
	char log[1024];
	bool has;
	int fd;

	if (strlen(folder) + sizeof("/" RECORD_LOG) > sizeof(log))
		return false;
	strcpy(stpcpy(log, folder), "/" RECORD_LOG);
	fd = open(log, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	has = flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
	close(fd);
	return has;
}

static int start(const char *record)
{
	char *paths[PLACES + 1] = { NULL };
	char *const arguments[] = { (char *)ANALYZER, (char *)"watch",
				    (char *)record, watcher.folder, NULL };
	const struct orphan orphan = {
		.paths = paths,
		.arguments = arguments,
		.environment = watcher.environment,
		.output = say_descriptor(),
	};

	if (!watcher.environment)
		return -ENOMEM;
	for (size_t i = 0; i < PLACES; i++)
		paths[i] = watcher.paths[i];
	return orphan_start(&orphan);
}

static void say_why(const char *record, const char *why)
{
	struct line line = { .length = 0 };

	line_add(&line, "connleak: no report when process");
	line_number(&line, (uint64_t)getpid());
	line_add(&line, " ends: ");
	line_add(&line, why);
	line_add(&line, "; to judge it: " ANALYZER " report ");
	line_add(&line, record);
	line_add(&line, "\n");
	say(line.text, line.length);
}

void watcher_start(const char *folder, const char *record)
{
	const char *why;
	int err;

	if (has_launcher(folder))
		return;
	why = orphan_obstacle();
	err = why ? 0 : start(record);
	if (err == -ENOENT)
		why = "there is no " ANALYZER " beside libconnleak.so or in "
		      "../bin";
	else if (err)
		why = strerrordesc_np(-err);
	if (why)
		say_why(record, why);
}

void watcher_refuse(const char *folder, const char *record)
{
	if (!has_launcher(folder))
		say_why(record, "CONNLEAK_REPORT can only be exit");
}
