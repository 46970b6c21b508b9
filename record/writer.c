/* SPDX-License-Identifier: MIT */
/* The writing half of record/format.h. */
#include "record/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define PAGE		 4096u
#define SEGMENT_MAX_SIZE (1024u * 1024u)
/* After the disk refused a growth, only one in so many events asks again. */
#define RETRY_AFTER 1024u

/*
 * What the first mapping holds; later segments of a type begin from here.
 * `ahead` is how many more there shall be room for when it grows ahead.
 */
static const struct first_segment {
	uint16_t type;
	uint32_t element_size, count, ahead;
} first_segments[] = {
	{ RECORD_SLOTS, sizeof(struct record_slot), 64, 1024 },
	{ RECORD_SITES, sizeof(struct record_site), 54, 256 },
	{ RECORD_FRAMES, sizeof(struct record_frame), 784, 8192 },
	{ RECORD_MODULES, sizeof(struct record_module), 48, 64 },
	{ RECORD_SERVERS, sizeof(struct record_server), 32, 64 },
	{ RECORD_EVENTS, sizeof(struct record_event), 64, 64 },
	{ RECORD_MARKS, sizeof(struct record_mark), 16, 16 },
	{ RECORD_SCANS, sizeof(struct record_scan), 64, 1024 },
	{ RECORD_SEARCHES, sizeof(struct record_search), 1, 1 },
	{ RECORD_EXHAUSTIONS, sizeof(struct record_exhaustion), 4, 8 },
	{ RECORD_KEEPERS, sizeof(struct record_keeper), 32, 256 },
	{ RECORD_STRINGS, 1, 7168, 8192 }, /* stays the last */
};
#define FIRST_SEGMENTS (sizeof(first_segments) / sizeof(first_segments[0]))

/* What most processes never have: its first segment is made when it is. */
static const struct first_segment later_segments[] = {
	{ RECORD_RULES, sizeof(struct record_rule), 64, 64 },
	{ RECORD_POOLS, sizeof(struct record_pool), 8, 8 },
	{ RECORD_SERIES, sizeof(struct record_bucket), RECORD_BUCKETS,
	  2 * RECORD_BUCKETS },
	{ RECORD_HOLDS, sizeof(struct record_hold), 128, 512 },
	{ RECORD_ERRORS, sizeof(struct record_error), 64, 64 },
};
#define LATER_SEGMENTS (sizeof(later_segments) / sizeof(later_segments[0]))

static_assert(sizeof(struct record_header) +
			      WRITER_SEGMENTS * sizeof(struct record_segment) +
			      64 * sizeof(struct record_slot) +
			      54 * sizeof(struct record_site) +
			      784 * sizeof(struct record_frame) +
			      48 * sizeof(struct record_module) +
			      32 * sizeof(struct record_server) +
			      64 * sizeof(struct record_event) +
			      16 * sizeof(struct record_mark) +
			      64 * sizeof(struct record_scan) +
			      sizeof(struct record_search) +
			      4 * sizeof(struct record_exhaustion) +
			      32 * sizeof(struct record_keeper) + 7168 + 64 <=
		      RECORD_FIRST_SIZE,
	      "the first segments must fit into the first mapping");

/* Appends `text`; false if it does not fit. */
static bool append(char *path, size_t size, const char *text)
{
	size_t length = strlen(path), more = strlen(text);

	if (length + more >= size)
		return false;
	memcpy(path + length, text, more + 1);
	return true;
}

/* Appends a number without stdio, at least `digits` of it. */
static bool append_number(char *path, size_t size, uint64_t value,
			  unsigned base, unsigned digits)
{
	char text[24];
	unsigned at = sizeof(text);

	text[--at] = 0;
	do {
		text[--at] = "0123456789abcdef"[value % base];
		value /= base;
		if (digits)
			digits--;
	} while (value || digits);
	return append(path, size, text + at);
}

/* FOLDER/PID-START-RANDOM, without an ending. */
static bool name_record(char *path, size_t size, const char *folder,
			const struct writer_process *process)
{
	uint32_t salt = 0;

	/* Names are taken exclusively, so that a bad salt is only a retry. */
	if (getrandom(&salt, sizeof(salt), GRND_NONBLOCK) < 0) {
		struct timespec now;

		clock_gettime(CLOCK_MONOTONIC, &now);
		salt = (uint32_t)now.tv_nsec;
	}
	path[0] = 0;
	return append(path, size, folder) && append(path, size, "/") &&
	       append_number(path, size, (uint32_t)process->pid, 10, 1) &&
	       append(path, size, "-") &&
	       append_number(path, size, process->start_ticks, 10, 1) &&
	       append(path, size, "-") &&
	       append_number(path, size, salt, 16, 8) &&
	       strlen(path) + sizeof(RECORD_SUFFIX) <= size;
}

/*
 * Allocates [offset, offset + size) on the disk.  Without this, a full disk
 * would be SIGBUS at the first store; without the look at the limit, a
 * process with RLIMIT_FSIZE would be killed by SIGXFSZ.
 */
static int allocate(int fd, uint64_t offset, uint64_t size)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_FSIZE, &limit) &&
	    limit.rlim_cur != RLIM_INFINITY && offset + size > limit.rlim_cur)
		return -EFBIG;
	return -posix_fallocate(fd, (off_t)offset, (off_t)size);
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void fill_header(struct record_header *header,
			const struct writer_process *process)
{
	memcpy(header->magic, RECORD_MAGIC, sizeof(RECORD_MAGIC));
	header->version = RECORD_VERSION;
	header->byte_order = RECORD_BYTE_ORDER;
	header->header_size = sizeof(*header);
	header->directory_room = WRITER_SEGMENTS;
	header->directory_entry_size = sizeof(struct record_segment);
	header->pid = process->pid;
	header->start_ticks = process->start_ticks;
	header->started_ns = clock_ns(CLOCK_REALTIME);
	header->started_mono = clock_ns(CLOCK_MONOTONIC);
	header->file_size = RECORD_FIRST_SIZE;
}

/* Enters a segment into the directory; counting it makes it visible. */
static void add_segment(struct writer *w, const struct record_segment *entry,
			char *elements, size_t size)
{
	uint32_t n = w->header->segment_count;

	w->directory[n] = *entry;
	w->segments[n].elements = elements;
	w->segments[n].size = size;
	atomic_store_explicit(&w->header->segment_count, n + 1,
			      memory_order_release);
}

static void add_first_segments(struct writer *w)
{
	uint64_t offset = sizeof(struct record_header) +
			  WRITER_SEGMENTS * sizeof(struct record_segment);

	for (size_t i = 0; i < FIRST_SEGMENTS; i++) {
		struct record_segment entry = {
			.type = first_segments[i].type,
			.version = 1,
			.element_size = first_segments[i].element_size,
			.count = first_segments[i].count,
			.offset = offset,
		};

		add_segment(w, &entry, (char *)w->header + offset, 0);
		offset += (uint64_t)entry.element_size * entry.count;
		offset = (offset + 15) & ~(uint64_t)15;
	}
}

/* Makes the file under its unfinished name and maps it. */
static int map_first(struct writer *w)
{
	void *memory;
	int fd, err;

	fd = open(w->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		  0600);
	if (fd < 0)
		return -errno;
	err = allocate(fd, 0, RECORD_FIRST_SIZE);
	if (err)
		goto remove_file;
	memory = mmap(NULL, RECORD_FIRST_SIZE, PROT_READ | PROT_WRITE,
		      MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		err = -errno;
		goto remove_file;
	}
	close(fd); /* the mapping lives on, whatever the program closes */
	w->header = memory;
	w->directory = (void *)((char *)memory + sizeof(struct record_header));
	return 0;

remove_file:
	unlink(w->path);
	close(fd);
	return err;
}

int writer_create(struct writer *w, const char *folder,
		  const struct writer_process *process, uint64_t limit)
{
	char final[WRITER_PATH_MAX];
	int err;

	memset(w, 0, sizeof(*w));
	w->limit = limit;
	if (!name_record(w->path, sizeof(w->path), folder, process))
		return -ENAMETOOLONG;
	strcpy(final, w->path);
	strcat(final, RECORD_SUFFIX);
	strcat(w->path, RECORD_UNFINISHED);
	err = map_first(w);
	if (err)
		return err;
	fill_header(w->header, process);
	add_first_segments(w);
	/* The first byte is the string 0, that is none. */
	w->directory[FIRST_SEGMENTS - 1].used = 1;
	w->header->exe = writer_string(w, process->exe);
	if (rename(w->path, final)) {
		err = -errno;
		unlink(w->path);
		writer_forget(w);
		return err;
	}
	strcpy(w->path, final);
	return 0;
}

struct record_header *writer_leave(struct writer *w)
{
	struct record_header *header = w->header;

	for (size_t i = 0; i < WRITER_SEGMENTS; i++)
		if (w->segments[i].size)
			munmap(w->segments[i].elements, w->segments[i].size);
	memset(w, 0, sizeof(*w));
	return header;
}

void writer_forget(struct writer *w)
{
	struct record_header *header = writer_leave(w);

	if (header)
		munmap(header, RECORD_FIRST_SIZE);
}

/* The newest segment of a type; RECORD_NONE before its first one. */
static uint32_t newest_segment(const struct writer *w, enum record_type type)
{
	uint32_t n = w->header->segment_count;

	while (n-- > 0)
		if (w->directory[n].type == type)
			break;
	return n;
}

/* As if one had been before the first, with half as many elements. */
static struct record_segment before_first(enum record_type type)
{
	struct record_segment none = { .type = (uint16_t)type, .version = 1 };

	for (size_t i = 0; i < LATER_SEGMENTS; i++)
		if (later_segments[i].type == type) {
			none.element_size = later_segments[i].element_size;
			none.count = later_segments[i].count / 2;
		}
	return none;
}

/* Maps a new piece of the file, which is opened for this moment only. */
static int map_more(struct writer *w, uint64_t offset, size_t size, char **ret)
{
	void *memory;
	int fd, err;

	fd = open(w->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = allocate(fd, offset, size);
	if (!err) {
		memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			      fd, (off_t)offset);
		*ret = memory;
		err = memory == MAP_FAILED ? -errno : 0;
	}
	close(fd);
	return err;
}

/* A new segment for at least `count` elements, twice as big as the last. */
static int grow(struct writer *w, const struct record_segment *last,
		uint32_t count)
{
	struct record_segment entry = *last;
	uint64_t offset = w->header->file_size, size;
	char *memory;
	int err;

	entry.count = last->count * 2;
	if ((uint64_t)entry.count * entry.element_size > SEGMENT_MAX_SIZE)
		entry.count = SEGMENT_MAX_SIZE / entry.element_size;
	if (entry.count < count)
		entry.count = count;
	size = (uint64_t)entry.count * entry.element_size;
	size = (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	entry.offset = offset;
	entry.first = last->offset ? last->first + last->count : 0;
	entry.used = 0;
	if (w->header->segment_count == WRITER_SEGMENTS ||
	    offset + size > w->limit || entry.first > UINT32_MAX - entry.count)
		return -EFBIG;
	err = map_more(w, offset, size, &memory);
	if (err)
		return err;
	w->header->file_size = offset + size;
	add_segment(w, &entry, memory, size);
	return 0;
}

/*
 * As grow(), but a disk that is full is not asked again at every event.  What
 * else refuses is quick to ask, and may be over soon: no descriptor left, the
 * rights of another user for a while.
 */
static bool try_to_grow(struct writer *w, const struct record_segment *last,
			uint32_t count)
{
	int err = -ENOSPC;

	if (w->refused % RETRY_AFTER == 0)
		err = grow(w, last, count);
	if (err == -ENOSPC || err == -EDQUOT || err == -EFBIG)
		w->refused++;
	else if (!err)
		w->refused = 0;
	return !err;
}

uint32_t writer_reserve(struct writer *w, enum record_type type, uint32_t count)
{
	const uint32_t newest = newest_segment(w, type);
	struct record_segment last;

	if (newest == RECORD_NONE)
		last = before_first(type);
	else
		last = w->directory[newest];
	if (last.offset && last.count - last.used >= count)
		return last.first + last.used;
	if (!try_to_grow(w, &last, count))
		return RECORD_NONE;
	return w->directory[newest_segment(w, type)].first;
}

static void reserve_ahead(struct writer *w,
			  const struct first_segment *segments, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		w->refused = 0; /* what is smaller may still fit */
		writer_reserve(w, segments[i].type, segments[i].ahead);
	}
	w->refused = 0;
}

void writer_grow_ahead(struct writer *w)
{
	reserve_ahead(w, first_segments, FIRST_SEGMENTS);
	reserve_ahead(w, later_segments, LATER_SEGMENTS);
}

void writer_publish(struct writer *w, enum record_type type, uint32_t first,
		    uint32_t count)
{
	struct record_segment *segment;

	segment = &w->directory[newest_segment(w, type)];
	atomic_store_explicit(&segment->used, first - segment->first + count,
			      memory_order_release);
}

void *writer_at(struct writer *w, enum record_type type, uint32_t number)
{
	const struct record_segment *segment = NULL;
	uint32_t n = w->header->segment_count;

	while (n-- > 0) {
		segment = &w->directory[n];
		if (segment->type == type && number >= segment->first)
			break;
	}
	return w->segments[n].elements +
	       (size_t)(number - segment->first) * segment->element_size;
}

uint32_t writer_string(struct writer *w, const char *text)
{
	uint32_t size = (uint32_t)strlen(text) + 1;
	uint32_t first = writer_reserve(w, RECORD_STRINGS, size);

	if (first == RECORD_NONE)
		return 0;
	memcpy(writer_at(w, RECORD_STRINGS, first), text, size);
	writer_publish(w, RECORD_STRINGS, first, size);
	return first;
}

/* The word is odd before the first field changes ... */
void writer_slot_begin(struct record_slot *slot)
{
	uint32_t now =
		atomic_load_explicit(&slot->sequence, memory_order_relaxed);

	atomic_store_explicit(&slot->sequence, now + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

/* ... and even again after the last one has. */
void writer_slot_end(struct record_slot *slot)
{
	uint32_t now =
		atomic_load_explicit(&slot->sequence, memory_order_relaxed);

	atomic_store_explicit(&slot->sequence, now + 1, memory_order_release);
}
