/* SPDX-License-Identifier: MIT */
#include "preload/recording.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "preload/gaps.h"
#include "preload/guard.h"
#include "preload/line.h"
#include "preload/lock.h"
#include "preload/say.h"
#include "preload/watcher.h"

/* What `here` says; the kernel wipes it to CHILD in children. */
enum { CHILD = 0, THIS_PROCESS = 1, BECOMING = 2 };

/*
 * Guarded by LOCK_RECORDING, but for what recording_init() sets once.
 *   1. `record.header` is NULL until this process has a record; until that is
 *      needed, RECORD_AHEAD is set in it.
 *   2. `failed` is set once making it was tried in vain; it is not tried again.
 *   3. `parents` is the parent's record as long as this process has none.
 *   4. `asked` is NULL until there is a record; anybody may look.
 *   5. `torn` stays so in its children: they have the same memory.
 */
static struct {
	struct writer record;
	struct record_header *parents;
	struct config config;
	const char *exe;
	_Atomic(int) *here;
	_Atomic(_Atomic(uint32_t) *) asked; /* in the record */
	void (*write)(struct writer *);	    /* first; or NULL */
	pid_t pid;
	unsigned generation;
	bool failed, torn, has_watcher;
} recording;

static void log_image(void)
{
	struct line line;

	line_begin(&line, "image");
	line_time(&line);
	line_word(&line, recording.exe);
	line_log(&line, recording.config.folder);
}

static void add_one(_Atomic(uint64_t) *counter)
{
	uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, now + 1, memory_order_relaxed);
}

/*
 * This process will have no record: that must be known to whoever judges.
 * The log says it; or, where that is out of reach (a jail, no descriptor
 * left), the parent's record, which is still mapped, or the run's tally; or
 * else one line does.
 */
static void say_lost(int err)
{
	/* Static, since a thread's stack may be small; the lock guards it. */
	static struct line line;

	line_begin(&line, "lost");
	line_number(&line, (uint64_t)err);
	if (line_log(&line, recording.config.folder))
		return;
	if (recording.parents) {
		/* Other children may be doing so at the same time. */
		atomic_fetch_add(&recording.parents->lost[LOSS_PROCESS], 1);
		recording.parents->flags = 0;
		return;
	}
	if (gaps_count(GAP_RECORD))
		return;
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

const void *recording_page(void)
{
	return recording.here;
}

const char *recording_folder(void)
{
	return recording.config.folder;
}

/* The parent goes on writing its record; its header stays within reach. */
static void start_anew(void)
{
	if (recording.record.header)
		recording.parents = writer_leave(&recording.record);
	recording.failed = recording.torn;
	recording.has_watcher = false;
	atomic_store(&recording.asked, NULL);
	mark_process();
}

void recording_after_fork_in_child(void)
{
	/* Not if it was noticed already: another handler has connected. */
	if (recording.here && recording.pid != getpid())
		start_anew();
}

static void start_after_clone(void)
{
	const bool torn = !lock_all_free();

	lock_forget();
	if (torn)
		recording.torn = true;
	start_anew();
	if (torn)
		say_lost(EBUSY);
}

static bool is_marked(void)
{
	return atomic_load_explicit(recording.here, memory_order_acquire) ==
	       THIS_PROCESS;
}

/*
 * After a raw clone nobody has called the handler above.  The first thread
 * that comes by does it, and any other waits.
 */
static void notice_clone(void)
{
	int now = CHILD;

	if (is_marked())
		return;
	if (atomic_compare_exchange_strong(recording.here, &now, BECOMING))
		start_after_clone();
	while (atomic_load(recording.here) != THIS_PROCESS)
		sched_yield();
}

void recording_init(const struct config *config, const char *exe)
{
	recording.config = *config;
	recording.exe = exe;
	say_init();
	gaps_begin(config->folder);
	mark_process();
	log_image();
}

/* So that it is missed if somebody removes it. */
static void log_record(void)
{
	/* Static, as that of say_lost(). */
	static struct line line;

	line_begin(&line, "record");
	line_word(&line, strrchr(recording.record.path, '/') + 1);
	line_log(&line, recording.config.folder);
}

static int make_record(void)
{
	const struct writer_process process = {
		.pid = recording.pid,
		.start_ticks = line_start_ticks(),
		.exe = recording.exe,
	};
	int err = 0;

	if (!recording.config.folder[0])
		return -ENOENT;
	if (recording.config.is_default)
		err = config_make_folder(&recording.config);
	if (!err)
		err = writer_create(&recording.record, recording.config.folder,
				    &process, recording.config.record_limit);
	if (!err) {
		atomic_store(&recording.asked, &recording.record.header->asked);
		log_record();
		if (recording.write)
			recording.write(&recording.record);
	}
	return err;
}

/* One way or the other, it is no longer needed. */
static void forget_parents(void)
{
	if (recording.parents)
		munmap(recording.parents, RECORD_FIRST_SIZE);
	recording.parents = NULL;
}

static void need_record(void)
{
	int err = make_record();

	recording.failed = err != 0;
	if (err)
		say_lost(-err);
	forget_parents();
}

struct writer *recording_lock(void)
{
	notice_clone();
	lock_take(LOCK_RECORDING);
	if (!recording.record.header && !recording.failed)
		need_record();
	if (!recording.record.header)
		return NULL;
	if (recording.record.header->flags)
		recording.record.header->flags = 0;
	return &recording.record;
}

struct writer *recording_lock_made(void)
{
	notice_clone();
	lock_take(LOCK_RECORDING);
	return recording.record.header ? &recording.record : NULL;
}

void recording_begin_with(void (*write)(struct writer *record))
{
	recording.write = write;
}

/* A child of a process that has a record will have one, if it goes on so. */
static void grow_ahead(void)
{
	if (!recording.record.header && recording.parents &&
	    !recording.failed && !make_record())
		recording.record.header->flags = RECORD_AHEAD;
	if (recording.record.header) {
		forget_parents();
		writer_grow_ahead(&recording.record);
	}
}

/* A child of vfork() has our memory, and is about to be somebody else. */
void recording_grow_ahead(void)
{
	notice_clone();
	lock_take(LOCK_RECORDING);
	if (recording.pid == getpid())
		grow_ahead();
	lock_give(LOCK_RECORDING);
}

void recording_unlock(void)
{
	lock_give(LOCK_RECORDING);
}

/* A child by raw clone is not marked; one by vfork has all but our pid. */
bool recording_is_own(void)
{
	return atomic_load(&recording.asked) && is_marked() &&
	       recording.pid == getpid();
}

struct writer *recording_try_lock(void)
{
	return lock_try(LOCK_RECORDING) ? &recording.record : NULL;
}

/* A child that nobody has called the fork handler in has its parent's yet. */
void recording_ask(void)
{
	_Atomic(uint32_t) *asked = atomic_load(&recording.asked);

	if (asked && recording_is_own())
		atomic_fetch_add(asked, 1);
}

bool recording_is_borrowed(void)
{
	return is_marked() && recording.pid != getpid();
}

void recording_judge_later(void)
{
	const struct config *config = &recording.config;

	if (recording.has_watcher)
		return;
	recording.has_watcher = true; /* or a line that says why not */
	if (config->report_at_exit)
		watcher_start(config->folder, recording.record.path);
	else if (config->report_unknown)
		watcher_refuse(config->folder, recording.record.path);
}

bool recording_is_ours(void)
{
	return recording.here && is_marked();
}

bool recording_is_still(unsigned generation)
{
	return recording.generation == generation && recording_is_ours();
}

unsigned recording_generation(void)
{
	return recording.generation;
}

/* A system call, so once in a thread; after a fork it is another one. */
int32_t recording_thread(unsigned generation)
{
	static _Thread_local struct {
		unsigned generation;
		int32_t tid;
	} own;

	if (own.generation != generation) {
		own.tid = (int32_t)syscall(SYS_gettid);
		own.generation = generation;
	}
	return own.tid;
}

bool recording_is_torn(void)
{
	struct guard guard;

	if (!is_marked()) {
		guard_enter(&guard);
		notice_clone();
		guard_leave(&guard);
	}
	return recording.torn;
}

uint64_t recording_now(const struct writer *record)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec -
	       record->header->started_mono;
}

uint64_t recording_now_roughly(void)
{
	const uint64_t started = recording.record.header->started_mono;
	struct timespec at;
	uint64_t now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &at);
	now = (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
	return now > started ? now - started : 1;
}

void recording_count(struct writer *record, enum record_total total)
{
	add_one(&record->header->totals[total]);
}

void recording_lost(struct writer *record, enum record_loss loss)
{
	add_one(&record->header->lost[loss]);
}
