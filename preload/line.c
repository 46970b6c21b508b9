/* SPDX-License-Identifier: MIT */
#include "preload/line.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "preload/say.h"
#include "record/escape.h"
#include "record/format.h"
#include "record/writer.h"

void line_add(struct line *line, const char *text)
{
	size_t length = strlen(text);

	if (length > sizeof(line->text) - line->length)
		length = sizeof(line->text) - line->length;
	memcpy(line->text + line->length, text, length);
	line->length += length;
}

char *line_digits(char *out, uint64_t value)
{
	char digits[24], *at = digits + sizeof(digits);

	*--at = 0;
	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	return stpcpy(out, at);
}

void line_number(struct line *line, uint64_t value)
{
	char digits[24];

	line_digits(digits, value);
	line_add(line, " ");
	line_add(line, digits);
}

static uint64_t read_digits(const char *at)
{
	uint64_t value = 0;

	for (; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (uint64_t)(*at - '0');
	return value;
}

/* The number in what a link of /proc/self leads to, as "pid:[4026531836]". */
static uint64_t read_link(const char *path)
{
	char text[48];
	const ssize_t length = readlink(path, text, sizeof(text) - 1);

	text[length > 0 ? length : 0] = 0;
	return read_digits(text + strcspn(text, "0123456789"));
}

static uint64_t own_space(void)
{
	return read_link("/proc/self/ns/pid");
}

/* What /proc says of a process. */
struct stat_line {
	uint64_t start; /* of record/format.h; 0 if it says nothing */
	uint64_t threads;
	char state;
};

/* Field `number`, of which `at` is the end of the second; or NULL. */
static const char *field(const char *at, int number)
{
	for (int n = 2; at && n < number; n++)
		at = strchr(at + 1, ' ');
	return at ? at + 1 : NULL;
}

/* `path` is the name of its file. */
static struct stat_line read_stat(const char *path)
{
	struct stat_line stat = { 0 };
	const char *name_end;
	char text[640]; /* as far as field 22, whatever the others are */
	ssize_t length = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		length = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (length <= 0)
		return stat;
	text[length] = 0;
	name_end = strrchr(text, ')'); /* it may hold anything */
	if (!field(name_end, 22))
		return stat;
	stat.state = *field(name_end, 3);
	stat.threads = read_digits(field(name_end, 20));
	stat.start =
		record_start(read_digits(field(name_end, 22)), own_space());
	return stat;
}

static struct stat_line read_stat_of(pid_t pid)
{
	char path[48] = "/proc/";

	strcpy(line_digits(path + strlen(path), (uint64_t)pid), "/stat");
	return read_stat(path);
}

uint64_t line_start_ticks(void)
{
	return read_stat("/proc/self/stat").start;
}

/* A /proc of other pids than ours, or none, says nothing of others. */
bool line_has_ended(pid_t pid, uint64_t start_ticks)
{
	const struct stat_line stat = read_stat_of(pid);

	if (!start_ticks || read_link("/proc/self") != (uint64_t)getpid())
		return false;
	/* Its first thread may have left, and others go on. */
	return stat.start != start_ticks || stat.state == 'X' ||
	       (stat.state == 'Z' && stat.threads <= 1);
}

static void begin(struct line *line, const char *word, pid_t pid,
		  uint64_t ticks)
{
	line->length = 0;
	line_add(line, word);
	line_number(line, (uint64_t)pid);
	line_number(line, ticks);
}

void line_begin(struct line *line, const char *word)
{
	begin(line, word, getpid(), line_start_ticks());
}

void line_begin_of(struct line *line, const char *word, pid_t pid)
{
	begin(line, word, pid, read_stat_of(pid).start);
}

uint64_t line_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void line_time(struct line *line)
{
	line_number(line, line_now());
}

/* In place: the stack may be a small one. */
void line_word(struct line *line, const char *word)
{
	int length = 0;

	line_add(line, " ");
	if (word)
		length = escape_text(line->text + line->length,
				     sizeof(line->text) - line->length, word);
	if (length > 0)
		line->length += (size_t)length;
	else
		line_add(line, "?");
}

bool line_log(struct line *line, const char *folder)
{
	char path[WRITER_PATH_MAX - 16]; /* it is shorter than a record's */
	bool done;
	int fd;

	line_add(line, "\n");
	if (!folder[0] ||
	    strlen(folder) + sizeof("/" RECORD_LOG) > sizeof(path))
		return false;
	strcpy(path, folder);
	strcat(path, "/" RECORD_LOG);
	fd = open(path,
		  O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = say_may_append(fd, line->length) &&
	       write(fd, line->text, line->length) == (ssize_t)line->length;
	close(fd);
	return done;
}
