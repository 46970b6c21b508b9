/* SPDX-License-Identifier: MIT */
#include "preload/scan/regions.h"

#include <string.h>

#include "preload/scan/proc.h"

#define PAGE	 ((uintptr_t)4096)
#define RED_ZONE 128u	/* below the stack pointer, and in use */
#define ROOM	 65536u /* regions; more than a process may have mappings */
/* More, as a reserve may be, is too much to be looked at. */
#define MOST   ((uintptr_t)1 << 40)
#define STATIC 65536u /* how far below its end a stack has that struct */

/* In glibc 2.36's struct pthread, which lies at the thread pointer. */
#define THREAD_ID   0x2d0u /* 0 once it has ended, -1 once it was joined */
#define USER_STACK  0x612u /* the program has given it its stack */
#define STACK_BLOCK 0x690u /* with its guard ... */
#define STACK_SIZE  0x698u
#define THREAD	    2304u /* bytes of that struct, or somewhat more */

/* A line of /proc/self/maps. */
struct mapping {
	uintptr_t start, end;
	char rights[5];
	bool inode;	  /* it has one */
	const char *path; /* "" if it has none */
};

struct reading {
	struct regions *regions;
	const struct world *world;
	size_t module, ours; /* those before end below what comes next */
};

/* The kernel may have several mappings of what is one for malloc. */
static bool goes_on(const struct regions *regions, uintptr_t start,
		    enum region_kind kind, bool anonymous)
{
	const struct region *last;

	if (!regions->count || !anonymous ||
	    (kind != REGION_HEAP && kind != REGION_UNKNOWN))
		return false;
	last = &regions->list[regions->count - 1];
	return last->end == start && last->kind == kind && last->anonymous;
}

static void add(struct reading *r, uintptr_t start, uintptr_t end,
		enum region_kind kind, uint32_t owner, bool anonymous)
{
	struct regions *regions = r->regions;

	if (start >= end)
		return;
	if (end - start > MOST) {
		regions->whole = false;
		return;
	}
	if (goes_on(regions, start, kind, anonymous)) {
		regions->list[regions->count - 1].end = end;
		return;
	}
	if (regions->count == regions->room) {
		regions->whole = false;
		return;
	}
	regions->list[regions->count++] = (struct region){
		.start = start,
		.end = end,
		.kind = kind,
		.owner = owner,
		.anonymous = anonymous,
	};
}

static bool lies_in(uintptr_t address, uintptr_t start, uintptr_t end)
{
	return address >= start && address < end;
}

static uintptr_t word(uintptr_t address)
{
	return *(const uintptr_t *)address;
}

/*
 * What glibc says is the stack of the thread with this thread pointer, with its
 * storage at the upper end, but for the guard.  Nothing where that is not so.
 */
static struct world_range stack_of(uintptr_t pointer, uintptr_t start,
				   uintptr_t end)
{
	struct world_range stack = { 0, 0 };

	if (!lies_in(pointer, start, end) || end - pointer < THREAD)
		return stack;
	stack.start = word(pointer + STACK_BLOCK);
	stack.end = stack.start + word(pointer + STACK_SIZE);
	if (stack.start >= pointer || stack.end <= pointer || stack.end > end)
		return (struct world_range){ 0, 0 };
	if (stack.start < start)
		stack.start = start;
	return stack;
}

/*
 * The living thread whose stack comes first in a mapping: it may have several,
 * that no guard divides, and memory of the program on both sides of them.
 */
static const struct world_thread *first_stack(const struct world *world,
					      uintptr_t start, uintptr_t end,
					      struct world_range *ret_stack)
{
	const struct world_thread *first = NULL;

	for (size_t i = 0; i < world->thread_count; i++) {
		const struct world_thread *thread = &world->threads[i];
		const struct world_range stack =
			stack_of(thread->pointer, start, end);

		if (!stack.end || (first && stack.start > ret_stack->start))
			continue;
		first = thread;
		*ret_stack = stack;
	}
	return first;
}

/*
 * Where glibc keeps what it knows of the thread whose stack this was.  Not of
 * one that the program gave it, which may use it for something else by now.
 */
static uintptr_t ended_thread(uintptr_t start, uintptr_t end)
{
	const uintptr_t lowest = end - start > STATIC ? end - STATIC : start;

	for (uintptr_t at = (end - THREAD) & ~(uintptr_t)63;
	     at >= lowest && at < end; at -= 64)
		if (word(at) == at && word(at + 16) == at &&
		    *(const int *)(at + THREAD_ID) <= 0 &&
		    !*(const char *)(at + USER_STACK))
			return at;
	return 0;
}

static void add_stack(struct reading *r, const struct world_thread *thread,
		      uintptr_t start, uintptr_t end)
{
	const uint32_t owner = (uint32_t)(thread - r->world->threads);
	uintptr_t from = start;

	if (lies_in(thread->sp, start, end)) {
		from = (thread->sp - RED_ZONE) & ~(uintptr_t)7;
		if (from < start)
			from = start;
	}
	add(r, start, from, REGION_LEFT_OUT, owner, true);
	add(r, from, end, REGION_STACK, owner, true);
}

/* What a thread returns is kept in its storage until it is joined. */
static void add_ended(struct reading *r, uintptr_t start, uintptr_t end)
{
	const uintptr_t pointer =
		end - start > 2 * PAGE ? ended_thread(start, end) : 0;
	const struct world_range stack = stack_of(pointer, start, end);

	if (stack.end) {
		const bool joined = *(const int *)(pointer + THREAD_ID) < 0;

		add(r, start, stack.start, REGION_UNKNOWN, 0, true);
		start = joined ? stack.end : pointer & ~(PAGE - 1);
		add(r, stack.start, start, REGION_LEFT_OUT, 0, true);
	}
	add(r, start, end, REGION_UNKNOWN, 0, true);
}

static void add_anonymous(struct reading *r, uintptr_t start, uintptr_t end)
{
	const struct world *world = r->world;
	const struct world_thread *thread;
	struct world_range stack;

	if (lies_in(world->main_thread, start, end)) {
		add(r, start, end, REGION_THREAD, 0, true);
		return;
	}
	while ((thread = first_stack(world, start, end, &stack))) {
		add_ended(r, start, stack.start);
		add_stack(r, thread, stack.start, stack.end);
		start = stack.end;
	}
	add_ended(r, start, end);
}

/* The main thread's; another stack of its own may be in use just now. */
static void add_main_stack(struct reading *r, uintptr_t start, uintptr_t end)
{
	for (size_t i = 0; i < r->world->thread_count; i++)
		if (lies_in(r->world->threads[i].sp, start, end)) {
			add_stack(r, &r->world->threads[i], start, end);
			return;
		}
	add(r, start, end, REGION_STACK, 0, true);
}

/* Devices may do something when they are read. */
static bool is_device(const struct mapping *m)
{
	return !strncmp(m->path, "/dev/", 5) &&
	       strncmp(m->path, "/dev/zero", 9) &&
	       strncmp(m->path, "/dev/shm/", 9);
}

/* The kernel's own, "[vvar]" and others. */
static bool is_kernels(const struct mapping *m)
{
	return !strncmp(m->path, "[v", 2);
}

/*
 * Memory that is private and cannot be written to now may have been writable
 * when a handle was put there.
 */
static bool may_hold(const struct mapping *m)
{
	if (m->rights[0] != 'r' || is_device(m) || is_kernels(m))
		return false;
	return m->rights[1] == 'w' ||
	       (!m->inode && m->rights[3] == 'p' && m->rights[2] != 'x');
}

/* Guards are such memory, which was never touched. */
static bool is_hidden(const struct mapping *m)
{
	return !memcmp(m->rights, "---p", 4) && !m->inode && !*m->path;
}

static void add_plain(struct reading *r, const struct mapping *m,
		      uintptr_t start, uintptr_t end)
{
	if (!strcmp(m->path, "[heap]"))
		add(r, start, end, REGION_HEAP, 0, true);
	else if (!strcmp(m->path, "[stack]"))
		add_main_stack(r, start, end);
	else if (is_hidden(m))
		add(r, start, end, REGION_HIDDEN, 0, true);
	else if (!m->inode && m->rights[3] == 'p')
		add_anonymous(r, start, end);
	else if (may_hold(m))
		add(r, start, end, REGION_UNKNOWN, 0, false);
}

static uintptr_t least(uintptr_t a, uintptr_t b)
{
	return a < b ? a : b;
}

/* Divides a mapping into what is ours, a module's, and the rest. */
static void add_mapping(struct reading *r, const struct mapping *m)
{
	const struct world *world = r->world;

	for (uintptr_t at = m->start, stop; at < m->end; at = stop) {
		const struct world_range *ours = &world->ours[r->ours];
		const struct world_range *module = &world->modules[r->module];
		const bool any_ours = r->ours < world->our_count;
		const bool any_module = r->module < world->module_count;

		stop = m->end;
		if (any_ours && ours->end <= at) {
			r->ours++;
			stop = at;
		} else if (any_module && module->end <= at) {
			r->module++;
			stop = at;
		} else if (any_ours && ours->start <= at) {
			stop = least(stop, ours->end);
			add(r, at, stop, REGION_LEFT_OUT, 0, true);
		} else if (any_module && module->start <= at) {
			stop = least(stop, module->end);
			if (any_ours)
				stop = least(stop, ours->start);
			add(r, at, stop, REGION_GLOBALS, (uint32_t)r->module,
			    !m->inode);
		} else {
			if (any_ours)
				stop = least(stop, ours->start);
			if (any_module)
				stop = least(stop, module->start);
			add_plain(r, m, at, stop);
		}
	}
}

static void skip_word(const char **text)
{
	while (**text && **text != ' ')
		(*text)++;
	while (**text == ' ')
		(*text)++;
}

/* "55d0-55d1 rw-p 00001000 fe:01 1234   /bin/x" */
static bool read_line(struct mapping *m, const char *line)
{
	memset(m, 0, sizeof(*m));
	m->start = proc_hex(&line);
	line++;
	m->end = proc_hex(&line);
	skip_word(&line);
	if (strlen(line) < 4)
		return false;
	memcpy(m->rights, line, 4);
	skip_word(&line);
	skip_word(&line);
	skip_word(&line);
	m->inode = *line != '0';
	skip_word(&line);
	m->path = line;
	return true;
}

static void take_line(const char *line, void *data)
{
	struct reading *r = data;
	struct mapping m;

	if (!read_line(&m, line))
		return;
	/* A module's may be read-only by now. */
	if (may_hold(&m) || is_hidden(&m) ||
	    (m.rights[0] == 'r' && m.inode && !is_device(&m)))
		add_mapping(r, &m);
	else if (m.rights[1] == 'w')
		r->regions->whole = false;
}

static void remember_line(const char *line, void *data)
{
	struct world *world = data;
	struct mapping m;

	if (read_line(&m, line) && may_hold(&m) && world->mapping_count < ROOM)
		world->mappings[world->mapping_count++] =
			(struct world_range){ m.start, m.end };
}

bool regions_remember(struct world *world, struct workspace *w)
{
	world->mappings = workspace_array(w, struct world_range, ROOM);
	return world->mappings &&
	       proc_lines("/proc/thread-self/maps", remember_line, world);
}

bool regions_are_remembered(const struct regions *r, const struct world *world)
{
	for (size_t i = 0; i < world->mapping_count; i++)
		if (!regions_find(r, world->mappings[i].start) ||
		    !regions_find(r, world->mappings[i].end - 1))
			return false;
	return true;
}

bool regions_read(struct regions *r, const struct world *world,
		  struct workspace *w)
{
	struct reading reading = { .regions = r, .world = world };
	r->list = workspace_array(w, struct region, ROOM);
	r->room = r->list ? ROOM : 0;
	r->count = 0;
	r->whole = true;
	return r->list &&
	       proc_lines("/proc/thread-self/maps", take_line, &reading) &&
	       r->count;
}

struct region *regions_find(const struct regions *r, uintptr_t address)
{
	size_t low = 0, high = r->count;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (address < r->list[middle].start)
			high = middle;
		else if (address >= r->list[middle].end)
			low = middle + 1;
		else
			return &r->list[middle];
	}
	return NULL;
}

/* What of its region lies at `from` and above. */
static bool split(struct regions *r, uintptr_t from, enum region_kind kind)
{
	struct region *region = regions_find(r, from);
	size_t behind;

	if (!region)
		return true;
	if (from == region->start) {
		region->kind = kind;
		return true;
	}
	if (r->count == r->room)
		return false;
	behind = (size_t)(r->list + r->count++ - (region + 1));
	memmove(region + 2, region + 1, behind * sizeof(*region));
	region[1] = region[0];
	region[1].start = from;
	region[1].kind = kind;
	region[0].end = from;
	return true;
}

bool regions_cut(struct regions *r, uintptr_t start, uintptr_t end,
		 enum region_kind kind)
{
	const struct region *region = regions_find(r, start);
	enum region_kind before;

	if (!region)
		return true;
	before = region->kind;
	if (end < region->end && !split(r, end, before))
		return false;
	return split(r, start, kind);
}
