/* SPDX-License-Identifier: MIT */
#include "analyzer/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "record/format.h"

#define RUN_PREFIX  "run-"
#define ROOT_PLACE  "/var/tmp"
#define ROOT_PREFIX "connleak-"
#define RUN_TIME    "00000000-000000" /* %Y%m%d-%H%M%S */
#define RUN_RANDOM  "XXXXXX"
/* On a full disk, the log can still say so: its space is there already. */
#define LOG_SPACE 16384

bool folder_has_ending(const char *name, const char *ending)
{
	size_t length = strlen(name), end = strlen(ending);

	return length > end && !strcmp(name + length - end, ending);
}

/* Skips digits, of which there must be one; NULL stays NULL. */
static const char *skip_digits(const char *text, const char *digits)
{
	const size_t length = text ? strspn(text, digits) : 0;

	return length ? text + length : NULL;
}

/* Whether it is PID-START-RANDOM.rec or .new. */
static bool is_record_name(const char *name)
{
	name = skip_digits(name, "0123456789");
	name = name && *name == '-' ? name + 1 : NULL;
	name = skip_digits(name, "0123456789");
	name = name && *name == '-' ? name + 1 : NULL;
	name = skip_digits(name, "0123456789abcdef");
	return name && (!strcmp(name, RECORD_SUFFIX) ||
			!strcmp(name, RECORD_UNFINISHED));
}

/* Whether a regular file begins with these bytes; never follows a link. */
static bool begins_with(const char *path, const char *bytes)
{
	const size_t size = strlen(bytes);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char head[32];
	struct stat about;
	bool does;

	if (fd < 0)
		return false;
	does = !fstat(fd, &about) && S_ISREG(about.st_mode) &&
	       read(fd, head, size) == (ssize_t)size &&
	       !memcmp(head, bytes, size);
	close(fd);
	return does;
}

/*
 * Whether connleak has made this file.  What it has not made it must never
 * remove, whatever its name: people keep things in odd places.
 */
static bool is_ours(const char *folder, const char *name, struct arena *arena)
{
	const char *path = arena_printf(arena, "%s/%s", folder, name);

	if (!strcmp(name, RECORD_LOG))
		return begins_with(path, RECORD_LOG_FIRST "\n");
	if (!strcmp(name, RECORD_GAPS))
		return begins_with(path, RECORD_MAGIC);
	if (!is_record_name(name))
		return false;
	/* An unfinished record may still be empty. */
	return begins_with(path, folder_has_ending(name, RECORD_SUFFIX)
					 ? RECORD_MAGIC
					 : "");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int folder_list(const char *path, struct arena *arena, char ***ret_names,
		size_t *ret_count)
{
	DIR *dir = opendir(path);
	size_t count = 0;
	char **names = NULL;
	struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		names = arena_grow(arena, names, count, sizeof(*names));
		names[count++] = arena_strdup(arena, entry->d_name);
	}
	closedir(dir);
	if (count)
		qsort(names, count, sizeof(*names), by_name);
	*ret_names = names;
	*ret_count = count;
	return 0;
}

/* Whether the launcher of the run in there is alive: it holds a lock. */
static bool is_in_use(const char *path, struct arena *arena)
{
	const char *log = arena_printf(arena, "%s/" RECORD_LOG, path);
	int fd = open(log, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool in_use;

	if (fd < 0)
		return false;
	in_use = flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
	close(fd);
	return in_use;
}

/*
 * Removes an older run's files: -ENOTEMPTY and nothing if there are others,
 * -EBUSY and nothing if the run is going on.
 */
static int empty(const char *path, struct arena *arena)
{
	char **names;
	size_t count;
	int err = folder_list(path, arena, &names, &count);

	if (err)
		return err;
	if (is_in_use(path, arena))
		return -EBUSY;
	for (size_t i = 0; i < count; i++)
		if (!is_ours(path, names[i], arena))
			return -ENOTEMPTY;
	for (size_t i = 0; i < count; i++)
		if (unlink(arena_printf(arena, "%s/%s", path, names[i])))
			return -errno;
	return 0;
}

static int make_parents(const char *path)
{
	char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *slash = copy; (slash = strchr(slash + 1, '/'));) {
		*slash = 0;
		/* What could not be made shows when the last one is made. */
		mkdir(copy, 0700);
		*slash = '/';
	}
	free(copy);
	return 0;
}

/* Root's programs drop their rights, and still have to leave a record. */
static mode_t folder_mode(void)
{
	return geteuid() ? 0700 : 01733;
}

static int make_named(struct folder *f, struct arena *arena, const char *name)
{
	int err;

	f->named = true;
	if (mkdir(name, 0700)) {
		if (errno != EEXIST)
			return -errno;
		err = empty(name, arena);
		if (err)
			return err;
	} else if (chmod(name, folder_mode())) {
		return -errno;
	}
	f->path = realpath(name, NULL);
	if (!f->path)
		return -errno;
	return 0;
}

/* The folder that the default runs lie in; NULL if there is no home. */
static const char *default_place(struct arena *arena)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (!geteuid())
		return ROOT_PLACE;
	if (state && state[0] == '/')
		return arena_printf(arena, "%s/connleak", state);
	if (home && home[0] == '/')
		return arena_printf(arena, "%s/.local/state/connleak", home);
	return NULL;
}

static const char *default_prefix(void)
{
	return geteuid() ? RUN_PREFIX : ROOT_PREFIX;
}

static int make_default(struct folder *f, struct arena *arena)
{
	const char *place = default_place(arena);
	char when[32];
	time_t now = time(NULL);
	struct tm local;

	if (!place)
		return -ENOENT;
	localtime_r(&now, &local);
	strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &local);
	if (make_parents(arena_printf(arena, "%s/x", place)))
		return -ENOMEM;
	f->path = strdup(arena_printf(arena, "%s/%s%s-" RUN_RANDOM, place,
				      default_prefix(), when));
	if (!f->path)
		return -ENOMEM;
	if (!mkdtemp(f->path) || chmod(f->path, folder_mode()))
		return -errno;
	return 0;
}

static int open_log(struct folder *f, struct arena *arena)
{
	const char *path = arena_printf(arena, "%s/" RECORD_LOG, f->path);
	const char first[] = RECORD_LOG_FIRST "\n";
	int fd = open(path,
		      O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW |
			      O_CLOEXEC,
		      0600);

	if (fd < 0)
		return errno == EEXIST ? -EBUSY : -errno;
	/* Not every file system can; then a full disk may leave less to say. */
	if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, LOG_SPACE) &&
	    errno == ENOSPC) {
		close(fd);
		return -ENOSPC;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) || (!geteuid() && fchmod(fd, 0622)) ||
	    write(fd, first, sizeof(first) - 1) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	f->log = fd;
	return 0;
}

/* Written whole: what is mapped must be on the disk.  Without it we do. */
static void make_gaps(const struct folder *f, struct arena *arena)
{
	const struct record_gaps gaps = { .magic = RECORD_MAGIC,
					  .version = RECORD_VERSION };
	const char *path = arena_printf(arena, "%s/" RECORD_GAPS, f->path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	if ((!geteuid() && fchmod(fd, 0666)) ||
	    write(fd, &gaps, sizeof(gaps)) != (ssize_t)sizeof(gaps))
		unlink(path);
	close(fd);
}

/*
 * Two runs may be given one folder at the same moment: only one of them may
 * find it free.  The lock goes with the descriptor, when the log has its own.
 */
static int make_and_open(struct folder *f, struct arena *arena,
			 const char *name)
{
	int fd = -1, err;

	if (name) {
		fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0)
			flock(fd, LOCK_EX);
	}
	err = name ? make_named(f, arena, name) : make_default(f, arena);
	if (!err && strlen(f->path) > FOLDER_PATH_MAX)
		err = -ENAMETOOLONG;
	if (!err)
		err = open_log(f, arena);
	if (!err)
		make_gaps(f, arena);
	if (fd >= 0)
		close(fd);
	return err;
}

int folder_make(struct folder *f, struct arena *arena, const char *name,
		const char **ret_error)
{
	int err;

	f->path = NULL;
	f->log = -1;
	f->named = false;
	err = make_and_open(f, arena, name);
	if (!err)
		return 0;
	if (!name)
		name = f->path ? f->path : "the state folder (is HOME set?)";
	if (err == -ENOTEMPTY)
		*ret_error = arena_printf(arena,
					  "%s has other files in it; name a "
					  "folder for the records alone",
					  name);
	else if (err == -EBUSY)
		*ret_error = arena_printf(arena,
					  "%s belongs to a run that is going "
					  "on; name another folder",
					  name);
	else
		*ret_error =
			arena_printf(arena, "cannot keep records in %s: %s",
				     name, strerror(-err));
	return err;
}

void folder_log(struct folder *f, const char *format, ...)
{
	char line[8192];
	va_list arguments;
	int length;

	if (f->log < 0)
		return;
	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line) - 1, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= sizeof(line) - 1)
		return;
	line[length++] = '\n';
	/* What is missing from the log is shown as unknown. */
	if (write(f->log, line, (size_t)length) < 0)
		return;
}

static void remove_run(const char *path, struct arena *arena)
{
	if (!empty(path, arena))
		rmdir(path);
}

/* Whether it is a run in the default place that nobody gave its name. */
static bool is_default_run(const char *place, const char *name,
			   struct arena *arena)
{
	const char *prefix = default_prefix(), *time;
	const char *path = arena_printf(arena, "%s/%s", place, name);
	struct stat about;

	if (strncmp(name, prefix, strlen(prefix)))
		return false;
	time = name + strlen(prefix);
	return strspn(time, "0123456789-") >= strlen(RUN_TIME "-") &&
	       strlen(time) == strlen(RUN_TIME "-" RUN_RANDOM) &&
	       time[8] == '-' && time[15] == '-' && !lstat(path, &about) &&
	       S_ISDIR(about.st_mode) && about.st_uid == geteuid() &&
	       is_ours(path, RECORD_LOG, arena);
}

/* Names begin with the time, so the oldest come first. */
static void remove_oldest(struct arena *arena)
{
	const char *place = default_place(arena);
	char **names;
	size_t count, runs = 0;

	if (!place || folder_list(place, arena, &names, &count))
		return;
	for (size_t i = count; i-- > 0;) {
		if (is_default_run(place, names[i], arena) &&
		    ++runs > FOLDER_KEPT)
			remove_run(
				arena_printf(arena, "%s/%s", place, names[i]),
				arena);
	}
}

void folder_close(struct folder *f, bool keep)
{
	struct arena arena;

	arena_init(&arena);
	folder_log(f, "stop %lld000000000", (long long)time(NULL));
	if (f->log >= 0)
		close(f->log);
	f->log = -1;
	if (f->path && !f->named && !keep)
		remove_run(f->path, &arena);
	else if (!f->named)
		remove_oldest(&arena);
	free(f->path);
	f->path = NULL;
	arena_release(&arena);
}
