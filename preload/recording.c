/* SPDX-License-Identifier: MIT */
#include "preload/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "preload/lock.h"
#include "preload/say.h"
#include "record/escape.h"

/* What `here` says; the kernel wipes it to CHILD in children. */
enum { CHILD = 0, THIS_PROCESS = 1, BECOMING = 2 };

/*
 * Guarded by LOCK_RECORDING, but for what recording_init() sets once.
 *   1. `record.header` is NULL until this process has a record.
 *   2. `failed` is set once making it was tried in vain; it is not tried again.
 *   3. `parents` is the parent's record as long as this process has none.
 */
static struct {
	struct writer record;
	struct record_header *parents;
	struct config config;
	const char *exe;
	_Atomic(int) *here;
	pid_t pid;
	unsigned generation;
	bool failed;
} recording;

/* A line of text that grows without stdio. */
struct line {
	char text[4096];
	size_t length;
};

static void line_add(struct line *line, const char *text)
{
	size_t length = strlen(text);

	if (length > sizeof(line->text) - line->length)
		length = sizeof(line->text) - line->length;
	memcpy(line->text + line->length, text, length);
	line->length += length;
}

static void line_number(struct line *line, uint64_t value)
{
	char digits[24], *at = digits + sizeof(digits);

	*--at = 0;
	do
		*--at = (char)('0' + value % 10);
	while (value /= 10);
	line_add(line, " ");
	line_add(line, at);
}

/* When this process started, in clock ticks since boot; 0 without /proc. */
static uint64_t start_ticks(void)
{
	char text[1024], *at;
	ssize_t length = -1;
	uint64_t ticks = 0;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		length = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (length <= 0)
		return 0;
	text[length] = 0;
	/* The name, second, may hold anything; the time is field 22. */
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	for (at = at ? at + 1 : text + length; *at >= '0' && *at <= '9'; at++)
		ticks = ticks * 10 + (uint64_t)(*at - '0');
	return ticks;
}

/* One line into the run's log; a folder without a log gets none. */
static bool log_line(const struct line *line)
{
	char path[sizeof(recording.config.folder) + sizeof(RECORD_LOG) + 1];
	bool done;
	int fd;

	strcpy(path, recording.config.folder);
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

static void log_image(void)
{
	struct line line = { .length = 0 };
	struct timespec now;
	char exe[3072];

	clock_gettime(CLOCK_REALTIME, &now);
	line_add(&line, "image");
	line_number(&line, (uint64_t)recording.pid);
	line_number(&line, start_ticks());
	line_number(&line,
		    (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
	line_add(&line, " ");
	if (escape_text(exe, sizeof(exe), recording.exe) <= 0)
		strcpy(exe, "?");
	line_add(&line, exe);
	line_add(&line, "\n");
	log_line(&line);
}

static void add_one(_Atomic(uint64_t) *counter)
{
	uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, now + 1, memory_order_relaxed);
}

/*
 * This process will have no record: that must be known to whoever judges.
 * The log says it; or, where that is out of reach (a jail, no descriptor
 * left), the parent's record, which is still mapped; or else one line does.
 */
static void say_lost(int err)
{
	struct line line = { .length = 0 };

	line_add(&line, "lost");
	line_number(&line, (uint64_t)recording.pid);
	line_number(&line, start_ticks());
	line_number(&line, (uint64_t)err);
	line_add(&line, "\n");
	if (recording.config.folder[0] && log_line(&line))
		return;
	if (recording.parents) {
		/* Other children may be doing so at the same time. */
		atomic_fetch_add(&recording.parents->lost[LOSS_PROCESS], 1);
		return;
	}
	line.length = 0;
	line_add(&line, "connleak: no record of process");
	line_number(&line, (uint64_t)recording.pid);
	line_add(&line, ": ");
	line_add(&line, strerrordesc_np(err));
	line_add(&line, ": ");
	line_add(&line, recording.config.folder[0] ? recording.config.folder
						   : "CONNLEAK_DIR is not set");
	line_add(&line, "\n");
	say(line.text, line.length);
}

/*
 * A page that the kernel wipes in children: also in those of a raw clone(),
 * which no fork handler sees, and not in those of vfork(), which share all
 * memory with us and are about to exec.
 */
static void mark_process(void)
{
	static _Atomic(int) always;

	if (!recording.here) {
		void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		recording.here = &always;
		if (page != MAP_FAILED && !madvise(page, 4096, MADV_WIPEONFORK))
			recording.here = page;
	}
	recording.pid = getpid();
	recording.generation++;
	atomic_store(recording.here, THIS_PROCESS);
}

/* The parent goes on writing its record; its header stays within reach. */
static void start_anew(void)
{
	if (recording.record.header)
		recording.parents = writer_leave(&recording.record);
	recording.failed = false;
	mark_process();
}

void recording_after_fork_in_child(void)
{
	/* Not if it was noticed already: another handler has connected. */
	if (recording.here && recording.pid != getpid())
		start_anew();
}

/*
 * After a raw clone nobody has called the handler above.  The first thread
 * that comes by does it, and any other waits.
 */
static void notice_clone(void)
{
	int now = CHILD;

	if (atomic_load_explicit(recording.here, memory_order_acquire) ==
	    THIS_PROCESS)
		return;
	if (atomic_compare_exchange_strong(recording.here, &now, BECOMING)) {
		lock_forget();
		start_anew();
	}
	while (atomic_load(recording.here) != THIS_PROCESS)
		sched_yield();
}

void recording_init(const struct config *config, const char *exe)
{
	recording.config = *config;
	recording.exe = exe;
	say_init();
	mark_process();
	log_image();
}

static int make_record(void)
{
	const struct writer_process process = {
		.pid = recording.pid,
		.start_ticks = start_ticks(),
		.exe = recording.exe,
	};

	if (!recording.config.folder[0])
		return -ENOENT;
	if (recording.config.is_default) {
		int err = config_make_folder(&recording.config);

		if (err)
			return err;
	}
	return writer_create(&recording.record, recording.config.folder,
			     &process, recording.config.record_limit);
}

/* One way or the other, it is no longer needed. */
static void forget_parents(void)
{
	if (recording.parents)
		munmap(recording.parents, RECORD_FIRST_SIZE);
	recording.parents = NULL;
}

struct writer *recording_lock(void)
{
	notice_clone();
	lock_take(LOCK_RECORDING);
	if (!recording.record.header && !recording.failed) {
		int err = make_record();

		recording.failed = err != 0;
		if (err)
			say_lost(-err);
		forget_parents();
	}
	return recording.record.header ? &recording.record : NULL;
}

void recording_unlock(void)
{
	lock_give(LOCK_RECORDING);
}

unsigned recording_generation(void)
{
	return recording.generation;
}

uint64_t recording_now(const struct writer *record)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec -
	       record->header->started_mono;
}

void recording_count(struct writer *record, enum record_total total)
{
	add_one(&record->header->totals[total]);
}

void recording_lost(struct writer *record, enum record_loss loss)
{
	add_one(&record->header->lost[loss]);
}
