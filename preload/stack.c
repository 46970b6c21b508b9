/* SPDX-License-Identifier: MIT */
/*
 * libunwind's generic ("remote") unwinder over the memory of this process.
 *
 * One thread at a time is inside libunwind: its caches have locks of their
 * own, and a child of fork() would find one locked for ever if another thread
 * of the parent had been in there.
 */
#include "preload/stack.h"

#include <dlfcn.h>
#include <errno.h>
#include <libunwind.h>
#include <string.h>

#include "preload/known_stacks.h"
#include "preload/lock.h"
#include "preload/modules.h"
#include "preload/objects.h"
#include "preload/readable.h"
#include "preload/registers_x86_64.h"
#include "preload/relocations.h"
#include "preload/scope.h"
#include "preload/stubs_x86_64.h"

#define UNWINDER "libunwind-x86_64.so.8"
#define PAGE	 4096u

typedef int search_table(unw_addr_space_t, unw_word_t, unw_dyn_info_t *,
			 unw_proc_info_t *, int, void *);

/* Guarded by LOCK_UNWINDER, but for what stack_open() sets once. */
static struct {
	/* Set last, without the lock; NULL: there is no unwinder. */
	_Atomic(unw_addr_space_t) space;
	uint64_t generation; /* of the modules that it has cached */
	unw_addr_space_t (*create)(unw_accessors_t *, int);
	int (*cache)(unw_addr_space_t, unw_caching_policy_t);
	int (*init)(unw_cursor_t *, unw_addr_space_t, void *);
	int (*step)(unw_cursor_t *);
	int (*get)(unw_cursor_t *, int, unw_word_t *);
	void (*flush)(unw_addr_space_t, unw_word_t, unw_word_t);
	search_table *search;
} unwinder;

/* One walk: what the accessors need to know. */
struct walk {
	struct registers registers;
	uintptr_t object_start, object_end; /* mapped, safe to read */
	uintptr_t pages_start, pages_end;   /* found readable */
	bool no_table;			    /* a function without information */
};

/* Of its tables, which do not change. */
static bool is_in_object(const struct walk *walk, uintptr_t address)
{
	return address >= walk->object_start && address < walk->object_end;
}

/* A stack without unwind information may lead anywhere: never follow it. */
static bool is_readable(struct walk *walk, uintptr_t address)
{
	const uintptr_t page = address & ~(uintptr_t)(PAGE - 1);

	if (is_in_object(walk, address))
		return true;
	if (address >= walk->pages_start && address < walk->pages_end)
		return true;
	if (!readable(address))
		return false;
	if (page == walk->pages_end) {
		walk->pages_end = page + PAGE;
	} else {
		walk->pages_start = page;
		walk->pages_end = page + PAGE;
	}
	return true;
}

static int access_memory(unw_addr_space_t space, unw_word_t address,
			 unw_word_t *value, int write, void *data)
{
	(void)space;
	if (write || !is_readable(data, address) ||
	    !is_readable(data, address + sizeof(*value) - 1)) {
		known_stacks_spoil();
		return -UNW_EINVAL;
	}
	memcpy(value, (const void *)address, sizeof(*value));
	if (!is_in_object(data, address))
		known_stacks_read(address, *value);
	return 0;
}

static int access_register(unw_addr_space_t space, unw_regnum_t number,
			   unw_word_t *value, int write, void *data)
{
	struct walk *walk = data;

	(void)space;
	if (write || number < 0 || number > REGISTER_IP)
		return -UNW_EBADREG;
	*value = walk->registers.value[number];
	known_stacks_read_register((unsigned)number);
	return 0;
}

/* The head of .eh_frame_hdr, in the one encoding that linkers write. */
struct table_head {
	uint8_t version, frame_encoding, count_encoding, table_encoding;
	int32_t frame;
	uint32_t count;
};

static int find_procedure(unw_addr_space_t space, unw_word_t ip,
			  unw_proc_info_t *procedure, int need_info, void *data)
{
	struct walk *walk = data;
	struct dl_find_object object;
	struct table_head head;
	unw_dyn_info_t table = { .format = UNW_INFO_FORMAT_REMOTE_TABLE };

	walk->no_table = true;
	if (_dl_find_object((void *)ip, &object) || !object.dlfo_eh_frame)
		return -UNW_ENOINFO;
	walk->object_start = (uintptr_t)object.dlfo_map_start;
	walk->object_end = (uintptr_t)object.dlfo_map_end;
	memcpy(&head, object.dlfo_eh_frame, sizeof(head));
	if (head.version != 1 || head.frame_encoding != 0x1b ||
	    head.count_encoding != 0x03 || head.table_encoding != 0x3b)
		return -UNW_ENOINFO;
	table.start_ip = walk->object_start;
	table.end_ip = walk->object_end;
	table.u.rti.segbase = (unw_word_t)object.dlfo_eh_frame;
	table.u.rti.table_data = table.u.rti.segbase + sizeof(head);
	/* In words, and an entry (two offsets of 4 bytes) is one. */
	table.u.rti.table_len = head.count;
	if (unwinder.search(space, ip, &table, procedure, need_info, data))
		return -UNW_ENOINFO;
	walk->no_table = false;
	return 0;
}

static void put_info(unw_addr_space_t space, unw_proc_info_t *info, void *data)
{
	(void)space;
	(void)info;
	(void)data;
}

static int no_dynamic_list(unw_addr_space_t space, unw_word_t *out, void *data)
{
	(void)space;
	(void)out;
	(void)data;
	return -UNW_ENOINFO;
}

static int no_float(unw_addr_space_t space, unw_regnum_t number,
		    unw_fpreg_t *value, int write, void *data)
{
	(void)space;
	(void)number;
	(void)value;
	(void)write;
	(void)data;
	return -UNW_EBADREG;
}

static int no_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *data)
{
	(void)space;
	(void)cursor;
	(void)data;
	return -UNW_EINVAL;
}

static int no_name(unw_addr_space_t space, unw_word_t ip, char *name,
		   size_t size, unw_word_t *offset, void *data)
{
	(void)space;
	(void)ip;
	(void)name;
	(void)size;
	(void)offset;
	(void)data;
	return -UNW_ENOINFO;
}

static unw_accessors_t accessors = {
	.find_proc_info = find_procedure,
	.put_unwind_info = put_info,
	.get_dyn_info_list_addr = no_dynamic_list,
	.access_mem = access_memory,
	.access_reg = access_register,
	.access_fpreg = no_float,
	.resume = no_resume,
	.get_proc_name = no_name,
};

/* Not by way of the shim's own dlsym, or of another preload's. */
static void *find(void *library, const char *name)
{
	return LIBC(dlsym)(library, name);
}

static bool take_functions(void *library)
{
	*(void **)&unwinder.create =
		find(library, "_Ux86_64_create_addr_space");
	*(void **)&unwinder.cache =
		find(library, "_Ux86_64_set_caching_policy");
	*(void **)&unwinder.init = find(library, "_Ux86_64_init_remote");
	*(void **)&unwinder.step = find(library, "_Ux86_64_step");
	*(void **)&unwinder.get = find(library, "_Ux86_64_get_reg");
	*(void **)&unwinder.flush = find(library, "_Ux86_64_flush_cache");
	*(void **)&unwinder.search =
		find(library, "_Ux86_64_dwarf_search_unwind_table");
	return unwinder.create && unwinder.cache && unwinder.init &&
	       unwinder.step && unwinder.get && unwinder.flush &&
	       unwinder.search;
}

/* Stands where libunwind would find pipe2(2). */
static int refuse_pipe(int ends[2], int flags)
{
	(void)ends;
	(void)flags;
	errno = EMFILE;
	return -1;
}

static void find_pipe(const struct relocation *relocation, void *slot)
{
	if (!strcmp(relocation->name, "pipe2"))
		*(uintptr_t **)slot = relocation->slot;
}

/*
 * At its first use libunwind opens a pipe for its own accessors, for good.  We
 * never use those, and the program would find its descriptors renumbered by
 * two: so there is none to be had.  Closing it afterwards would be too late.
 * Another thread may have made a pipe by then, and libunwind would go on to
 * read from those numbers if the program unwinds by it; as it is, it opens one
 * then.
 */
static void use_first_time(void *unused)
{
	const struct object *library = objects_find(*(void **)&unwinder.create);
	uintptr_t *slot = NULL, real;
	unw_addr_space_t space;

	(void)unused;
	if (library)
		relocations_each(&library->info, find_pipe, &slot);
	if (!slot)
		return;
	real = *slot;
	if (!relocations_write(&library->info, slot, (uintptr_t)refuse_pipe))
		return;
	space = unwinder.create(&accessors, 0);
	if (space)
		unwinder.cache(space, UNW_CACHE_GLOBAL);
	relocations_write(&library->info, slot, real);
	unwinder.space = space;
}

void stack_open(void)
{
	void *library;

	if (unwinder.space)
		return;
	/* Now: what it calls is not looked for when the loader is busy. */
	library = LIBC(dlopen)(UNWINDER, RTLD_NOW | RTLD_LOCAL);
	if (library && take_functions(library))
		objects_hold(use_first_time, NULL);
}

/*
 * Frames inside the shim come first; the program begins at `caller`.  Further
 * out there may be stubs, around functions that were called on the way.
 */
static bool add_frame(struct stack *out, uintptr_t address, uintptr_t caller)
{
	if (out->count ? stubs_is_code((void *)address) : address != caller)
		return true;
	if (out->count == RECORD_MAX_FRAMES) {
		out->cut = true;
		return false;
	}
	out->frames[out->count++] = address;
	return true;
}

/* What was cached of a module holds only while nothing was unloaded. */
static void flush_if_stale(void)
{
	uint64_t now = modules_generation();

	if (now != unwinder.generation) {
		unwinder.flush(unwinder.space, 0, 0);
		known_stacks_forget();
	}
	unwinder.generation = now;
}

static void walk_frames(struct stack *out, struct walk *walk, uintptr_t caller)
{
	/* Static, since a thread's stack may be small; the lock guards it. */
	static unw_cursor_t cursor;
	unw_word_t ip;
	int more;

	if (unwinder.init(&cursor, unwinder.space, walk))
		return;
	while ((more = unwinder.step(&cursor)) > 0) {
		/* It guesses by the frame pointer then; we do not. */
		if (walk->no_table)
			break;
		if (unwinder.get(&cursor, UNW_REG_IP, &ip) || !ip)
			return;
		if (!add_frame(out, ip, caller))
			return;
	}
	out->broken = walk->no_table || more < 0;
}

static void capture(struct stack *out, struct walk *walk, uintptr_t caller)
{
	if (known_stacks_find(out, &walk->registers, caller))
		return;
	known_stacks_begin(&walk->registers);
	walk_frames(out, walk, caller);
	known_stacks_add(out, caller);
}

void stack_capture(struct stack *out, const void *caller)
{
	struct walk walk;

	out->count = 0;
	out->cut = out->broken = out->alone = false;
	if (unwinder.space) {
		memset(&walk, 0, sizeof(walk));
		registers_take(&walk.registers);
		lock_take(LOCK_UNWINDER);
		flush_if_stale();
		capture(out, &walk, (uintptr_t)caller);
		lock_give(LOCK_UNWINDER);
	}
	if (!out->count) {
		out->alone = true;
		out->frames[out->count++] = (uintptr_t)caller;
	}
}
