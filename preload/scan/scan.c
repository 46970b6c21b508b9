/* SPDX-License-Identifier: MIT */
#include "preload/scan/scan.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "preload/guard.h"
#include "preload/lock.h"
#include "preload/modules.h"
#include "preload/recording.h"
#include "preload/scan/clock.h"
#include "preload/scan/helper.h"
#include "preload/scan/kernel.h"
#include "preload/scan/proc.h"
#include "preload/scan/regions.h"
#include "preload/scan/search.h"
#include "preload/scan/threads.h"
#include "preload/scan/workspace.h"
#include "preload/scan/world.h"
#include "preload/scope.h"
#include "preload/seen.h"
#include "preload/sites.h"

#define TARGETS 4096u
#define OURS	(WRITER_SEGMENTS + 8u)
#define UNKNOWN 1120u /* of a handle whose allocator is not libc's */
#define STACK	(256u * 1024u)
#define MOST_ALONE                                                          \
	((uint64_t)4 << 30)	      /* resident bytes to be looked at ... \
				       */
#define MOST_COPY ((uint64_t)1 << 30) /* ... and to be copied */
#define MOST_MS	  ((uint64_t)3600 * 1000) /* "forever" */
#define GRACE_NS  50000000 /* for a helper to notice that it is late */
#define PATIENCE  5u /* the part of the time that others may answer in, ... */
#define MOST_PATIENCE_NS 2000000000u /* ... and the most of it */

/* Which handle a target is. */
struct candidate {
	uint32_t slot;
	uint64_t acquired_ns;
};

/*
 * All of one scan.  Shared with the helper, which may have but a copy of all
 * else; and left out, since it is full of handles.
 */
struct scan {
	struct record_search result;
	struct world world;
	struct workspace workspace;
	struct search search;
	struct candidate candidates[TARGETS];
	struct target targets[TARGETS];
	struct world_range ours[OURS];
	size_t our_count;
	const uintptr_t *registers; /* of the thread that ends it; or NULL */
	bool complete;
	char stack[STACK];
};

static struct {
	_Atomic(unsigned) done; /* in the process of this generation */
	bool wanted;
	int confined; /* how_confined() before the program began */
	uint64_t time_ns;
} scan;

/*
 * What a program that confines itself still allows may not be enough for us,
 * and kill it.  A filter of its own comes after the promise that is the second
 * of these, also where a container has one already.
 */
static int how_confined(void)
{
	return prctl(PR_GET_SECCOMP) * 2 +
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

void scan_begin(bool wanted, uint64_t ms)
{
	scan.wanted = wanted;
	scan.confined = how_confined();
	scan.time_ns = (ms < MOST_MS ? ms : MOST_MS) * 1000000;
}

static void add_ours(struct scan *s, const void *start, size_t size)
{
	if (s->our_count < OURS)
		s->ours[s->our_count++] = (struct world_range){
			(uintptr_t)start,
			((uintptr_t)start + size + 4095) & ~(uintptr_t)4095,
		};
}

static void add_page(struct scan *s, const void *word)
{
	const uintptr_t page = (uintptr_t)word & ~(uintptr_t)4095;

	add_ours(s, (const void *)page, 4096);
}

/* Keeps the targets in the order of their handles. */
static bool add_target(struct scan *s, uint32_t number,
		       const struct record_slot *slot)
{
	const uintptr_t handle = (uintptr_t)record_handle_address(slot->handle);
	size_t at = s->search.target_count;

	if (at == TARGETS)
		return false;
	for (; at && s->targets[at - 1].handle > handle; at--) {
		s->targets[at] = s->targets[at - 1];
		s->candidates[at] = s->candidates[at - 1];
	}
	s->targets[at] = (struct target){ .handle = handle };
	s->candidates[at] = (struct candidate){ number, slot->acquired_ns };
	s->search.target_count++;
	return true;
}

/*
 * What a pool hands out may be a number, or two: reading where it seems to point
 * crashes the program.  And one that is the connection would be searched for
 * twice, and found once.
 */
static bool is_searched_for(const struct record_slot *slot)
{
	return slot->state != SLOT_FREE && slot->kind != HANDLE_LEASE;
}

static void collect(struct scan *s, struct writer *record)
{
	for (uint32_t i = 0; i < record->header->segment_count; i++) {
		const struct record_segment *segment = &record->directory[i];

		if (segment->type != RECORD_SLOTS)
			continue;
		for (uint32_t n = 0; n < segment->used; n++) {
			const uint32_t number = segment->first + n;
			const struct record_slot *slot =
				writer_at(record, RECORD_SLOTS, number);

			if (is_searched_for(slot) &&
			    !add_target(s, number, slot))
				return;
		}
	}
}

/*
 * Nobody reaches a handle through the record.  Where it has grown, the kernel
 * has no page of it yet: that would look like memory that cannot be read.
 */
static void add_record(struct scan *s, const struct writer *record)
{
	add_ours(s, record->header, RECORD_FIRST_SIZE);
	for (size_t i = 0; i < WRITER_SEGMENTS; i++)
		if (record->segments[i].size)
			add_ours(s, record->segments[i].elements,
				 record->segments[i].size);
}

/* The handles that are out; false if there is nothing to ask. */
static bool begin(struct scan *s)
{
	struct writer *record = recording_try_lock();

	if (!record)
		return false;
	s->result.when_ns = recording_now(record);
	collect(s, record);
	add_record(s, record);
	recording_unlock();
	s->result.targets = (uint32_t)s->search.target_count;
	return s->search.target_count;
}

/* Pages, the second number in the file. */
static void take_resident(const char *line, void *data)
{
	uint64_t pages = 0;

	while (*line && *line != ' ')
		line++;
	for (line++; *line >= '0' && *line <= '9'; line++)
		pages = pages * 10 + (uint64_t)(*line - '0');
	*(uint64_t *)data = pages * 4096;
}

/* Malloc itself says how large a handle is. */
static void set_sizes(struct scan *s)
{
	for (size_t i = 0; i < s->search.target_count; i++) {
		struct target *target = &s->targets[i];
		const uintptr_t field =
			s->world.malloc_is_libcs
				? ((const uintptr_t *)target->handle)[-1] &
					  ~(uintptr_t)7
				: 0;

		target->size =
			field > 64 && field < 65536 ? field - 16 : UNKNOWN;
	}
}

static void take_registers(struct scan *s)
{
	struct world_thread *self = &s->world.threads[0];

	if (!s->registers)
		return;
	memcpy(self->registers, s->registers,
	       SCAN_REGISTERS * sizeof(*s->registers));
	self->register_count = SCAN_REGISTERS;
}

/* When a thread that has not answered is known by half. */
static uint64_t patience_ends(void)
{
	const uint64_t part = scan.time_ns / PATIENCE;

	return clock_ns() + (part < MOST_PATIENCE_NS ? part : MOST_PATIENCE_NS);
}

static bool gather(struct scan *s, uintptr_t sp)
{
	bool known, all, gathered;

	if (!lock_try(LOCK_LIBPQ))
		return false;
	gathered =
		world_gather(&s->world, &s->workspace, s->ours, s->our_count);
	lock_give(LOCK_LIBPQ);
	if (!gathered || !threads_gather(&s->world, &s->workspace, sp,
					 patience_ends(), &known))
		return false;
	take_registers(s);
	if (!known)
		s->result.doubts |= DOUBT_REGISTERS;
	if (s->world.is_interpreted)
		s->result.doubts |= DOUBT_LATE;
	kernel_ask(&s->search.kernel, &s->workspace, &all);
	if (!all)
		s->result.doubts |= DOUBT_KERNEL;
	s->result.threads = (uint32_t)s->world.thread_count;
	s->result.copied = s->world.thread_count > 1;
	set_sizes(s);
	s->world.pagemap = -1;
	if (!s->result.copied)
		return true;
	s->world.pagemap =
		(int)syscall(SYS_openat, AT_FDCWD, "/proc/thread-self/pagemap",
			     O_RDONLY | O_CLOEXEC, 0);
	return regions_remember(&s->world, &s->workspace);
}

/* In the helper. */
static void search(void *data)
{
	struct scan *s = data;

	s->complete = search_run(&s->search);
}

static void look(struct scan *s, uint64_t deadline)
{
	const struct helper helper = {
		.memory = s->result.copied ? HELPER_COPIES : HELPER_SHARES,
		.work = search,
		.data = s,
		.stack = s->stack,
		.stack_size = STACK,
		.deadline_ns = deadline + GRACE_NS,
	};
	const uint64_t start = clock_ns();
	bool ended;
	pid_t pid;

	s->search.world = &s->world;
	s->search.workspace = &s->workspace;
	s->search.targets = s->targets;
	s->search.deadline_ns = deadline;
	s->search.may_be_lost = !s->result.doubts;
	pid = helper_start(&helper);
	if (s->result.copied &&
	    !(threads_are_held() && threads_are_the_same(&s->world)))
		s->result.doubts |= DOUBT_REGISTERS;
	ended = helper_wait(&helper, pid);
	s->result.helper_ns = clock_ns() - start;
	s->result.bytes = s->search.bytes;
	s->result.outcome = s->complete		    ? OUTCOME_COMPLETE
			    : clock_ns() > deadline ? OUTCOME_LATE
			    : ended		    ? OUTCOME_MEMORY
						    : OUTCOME_FAILED;
	if (s->complete && s->search.doubt)
		s->result.doubts |= DOUBT_MEMORY;
}

static void try_to_look(struct scan *s, uintptr_t sp)
{
	const uint64_t deadline = clock_ns() + scan.time_ns;
	uint64_t resident = 0;

	s->result.outcome = OUTCOME_MEMORY;
	proc_lines("/proc/thread-self/statm", take_resident, &resident);
	if (resident > MOST_ALONE ||
	    !workspace_map(&s->workspace, (64u << 20) + resident / 8))
		return;
	s->result.outcome = OUTCOME_FAILED;
	if (!gather(s, sp))
		return;
	if (s->result.copied && resident > MOST_COPY)
		s->result.outcome = OUTCOME_MEMORY;
	else
		look(s, deadline);
}

/* What the helper found, where it can be said. */
static void fill(struct scan *s, struct writer *record, size_t i,
		 struct record_scan *out)
{
	const struct target *target = &s->targets[i];
	const bool doubtful = s->result.doubts || !s->complete;

	memset(out, 0, sizeof(*out));
	out->slot = s->candidates[i].slot;
	out->acquired_ns = s->candidates[i].acquired_ns;
	out->answer = (uint8_t)target->answer;
	if (target->answer == ANSWER_LOST && doubtful)
		out->answer = s->complete ? ANSWER_MAYBE : ANSWER_NONE;
	out->holder = (uint8_t)target->holder;
	out->module = RECORD_NONE;
	if (target->holder == HOLDER_GLOBAL)
		out->module = sites_module(record, target->where, &out->offset);
	else if (target->holder == HOLDER_STACK ||
		 target->holder == HOLDER_REGISTER ||
		 target->holder == HOLDER_THREAD)
		out->tid = s->world.threads[target->owner].tid;
	out->block_size = (uint32_t)target->block_size;
	out->block_at = (uint32_t)target->block_at;
}

static void store(struct scan *s, struct writer *record)
{
	uint32_t number;

	for (size_t i = 0; i < s->search.target_count; i++) {
		if (s->targets[i].answer == ANSWER_NONE)
			continue; /* as if nobody had asked */
		number = writer_reserve(record, RECORD_SCANS, 1);
		if (number == RECORD_NONE) {
			recording_lost(record, LOSS_SCAN);
			continue;
		}
		fill(s, record, i, writer_at(record, RECORD_SCANS, number));
		writer_publish(record, RECORD_SCANS, number, 1);
	}
	number = writer_reserve(record, RECORD_SEARCHES, 1);
	if (number == RECORD_NONE)
		return;
	s->result.took_ns = recording_now(record) - s->result.when_ns;
	*(struct record_search *)writer_at(record, RECORD_SEARCHES, number) =
		s->result;
	writer_publish(record, RECORD_SEARCHES, number, 1);
}

static void run(struct scan *s, enum record_moment moment, uintptr_t sp)
{
	struct writer *record;

	if (!begin(s))
		return;
	s->result.moment = (uint8_t)moment;
	s->result.doubts = moment == MOMENT_LATE ? DOUBT_LATE : 0;
	s->result.outcome = OUTCOME_OFF;
	add_ours(s, s, sizeof(*s));
	scope_range(&s->ours[s->our_count].start, &s->ours[s->our_count].end);
	s->our_count++;
	add_page(s, seen_page());
	add_page(s, recording_page());
	if (scan.wanted && how_confined() != scan.confined)
		s->result.outcome = OUTCOME_FAILED;
	else if (scan.wanted)
		try_to_look(s, sp);
	threads_let_go(); /* one of them may have a lock that is needed now */
	record = recording_try_lock();
	if (record) {
		store(s, record);
		recording_unlock();
	}
	if (s->result.copied && s->world.pagemap >= 0)
		syscall(SYS_close, s->world.pagemap);
	if (s->workspace.start && threads_are_gone())
		workspace_unmap(&s->workspace);
}

/* That there was no room even for asking. */
static void store_failure(enum record_moment moment)
{
	struct writer *record = recording_try_lock();
	uint32_t number;

	if (!record)
		return;
	number = writer_reserve(record, RECORD_SEARCHES, 1);
	if (number != RECORD_NONE) {
		*(struct record_search *)writer_at(record, RECORD_SEARCHES,
						   number) =
			(struct record_search){
				.moment = (uint8_t)moment,
				.outcome = OUTCOME_MEMORY,
				.when_ns = recording_now(record),
			};
		writer_publish(record, RECORD_SEARCHES, number, 1);
	}
	recording_unlock();
}

void scan_at_end(enum record_moment moment, const uintptr_t *registers,
		 uintptr_t sp)
{
	const unsigned generation = recording_generation();
	struct guard guard;
	struct scan *s;

	if (!recording_is_own() ||
	    atomic_exchange(&scan.done, generation) == generation)
		return;
	guard_enter(&guard);
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s != MAP_FAILED) {
		s->registers = registers;
		run(s, moment, sp);
		munmap(s, sizeof(*s));
	} else {
		store_failure(moment);
	}
	guard_leave(&guard);
}
