/* SPDX-License-Identifier: MIT */
#include "preload/scan/world.h"

#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/elf.h"

#define PAGE	((uintptr_t)4096)
#define MODULES 4096u
#define RANGES	512u
#define STORAGE ((size_t)1 << 20) /* more is no thread's static storage */

/* Set once, by the main thread itself. */
static uintptr_t main_thread;

void world_note_main_thread(void)
{
	main_thread = (uintptr_t)__builtin_thread_pointer();
}

struct gathering {
	struct world *world;
	const char *malloc_of; /* what the first malloc lies in, or NULL */
	bool failed;
};

/* Keeps them in the order of their addresses. */
static void add(struct world_range *ranges, size_t *count, size_t room,
		struct world_range new, bool *ret_failed)
{
	size_t at = *count;

	if (at == room) {
		*ret_failed = true;
		return;
	}
	for (; at && ranges[at - 1].start > new.start; at--)
		ranges[at] = ranges[at - 1];
	ranges[at] = new;
	++*count;
}

static void add_ours(struct gathering *g, struct world_range new)
{
	add(g->world->ours, &g->world->our_count, RANGES, new, &g->failed);
}

static void add_module(struct gathering *g, struct world_range new)
{
	add(g->world->modules, &g->world->module_count, MODULES, new,
	    &g->failed);
}

/* How far below the thread pointer this object's storage begins. */
static void note_storage(struct world *world, const struct dl_phdr_info *object)
{
	const uintptr_t pointer = (uintptr_t)__builtin_thread_pointer();
	const size_t below = pointer - (uintptr_t)object->dlpi_tls_data;

	if (object->dlpi_tls_data && below < STORAGE &&
	    below > world->static_storage)
		world->static_storage = below;
}

/*
 * Valgrind knows no clone() but its own, and ends a program that has one.  The
 * sanitizers reserve terabytes, and have an opinion on who reads what.
 */
static bool is_machine(const struct dl_phdr_info *object)
{
	static const char *const signs[] = { "__asan_init", "__tsan_init",
					     "__msan_init", "__hwasan_init" };

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (elf_symbol(object, signs[i]))
			return true;
	return strstr(object->dlpi_name, "/vgpreload_");
}

/*
 * An interpreter takes apart what a script kept before it calls exit(), or
 * returns from main.  What is exported tells that it is one.
 */
static bool is_interpreter(const struct dl_phdr_info *object)
{
	static const char *const signs[] = {
		"Py_FinalizeEx",	"perl_destruct",  "ruby_cleanup",
		"php_request_shutdown", "lua_close",	  "Tcl_Finalize",
		"Rf_endEmbeddedR",	"scm_boot_guile", "JNI_CreateJavaVM",
	};

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (elf_symbol(object, signs[i]))
			return true;
	return false;
}

static int take_object(struct dl_phdr_info *object, size_t size, void *data)
{
	struct gathering *g = data;
	const bool is_libc = elf_symbol(object, "gnu_get_libc_version");

	(void)size;
	if (is_machine(object))
		g->failed = true;
	if (is_interpreter(object))
		g->world->is_interpreted = true;
	note_storage(g->world, object);
	if (!g->malloc_of && elf_symbol(object, "malloc")) {
		g->malloc_of = object->dlpi_name;
		g->world->malloc_is_libcs = is_libc;
	}
	for (unsigned i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		const uintptr_t start = object->dlpi_addr + segment->p_vaddr;
		const struct world_range range = {
			start & ~(PAGE - 1),
			(start + segment->p_memsz + PAGE - 1) & ~(PAGE - 1),
		};

		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_W))
			continue;
		add_module(g, range);
		if (is_libc)
			g->world->libc = range;
	}
	return g->failed;
}

bool world_gather(struct world *world, struct workspace *w,
		  const struct world_range *ours, size_t our_count)
{
	struct gathering g = { .world = world };

	memset(world, 0, sizeof(*world));
	world->modules = workspace_array(w, struct world_range, MODULES);
	world->ours = workspace_array(w, struct world_range, RANGES);
	if (!world->modules || !world->ours)
		return false;
	add_ours(&g, (struct world_range){ w->start, w->end });
	for (size_t i = 0; i < our_count; i++)
		add_ours(&g, ours[i]);
	dl_iterate_phdr(take_object, &g);
	world->main_thread = main_thread;
	return !g.failed && world->module_count;
}
