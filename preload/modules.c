/* SPDX-License-Identifier: MIT */
/* One mapping holds the table and, behind it, the paths. */
#include "preload/modules.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "preload/elf.h"
#include "preload/loader_lock.h"

/*
 * Guarded by the callers' lock.
 *   1. `table` has `count` modules in the order of their addresses.
 *   2. It shows the process as it was at `generation`.
 */
static struct {
	struct module *table;
	size_t count, size;
	uint64_t generation;
	const char *program;
} modules;

static int take_generation(struct dl_phdr_info *object, size_t size, void *out)
{
	(void)size;
	/* Both only grow; loads and unloads never meet in one number. */
	*(uint64_t *)out = object->dlpi_adds << 32 ^ object->dlpi_subs;
	return 1;
}

uint64_t modules_generation(void)
{
	uint64_t generation = 0;

	loader_lock_notice_child();
	dl_iterate_phdr(take_generation, &generation);
	return generation;
}

void modules_set_program(const char *path)
{
	modules.program = path;
}

const char *modules_program(void)
{
	return modules.program ? modules.program : "";
}

static const char *path_of(const struct dl_phdr_info *object)
{
	/* The program itself comes first and has no name. */
	if (!object->dlpi_name || !object->dlpi_name[0])
		return modules_program();
	return object->dlpi_name;
}

/* How much a table of what is loaded now takes. */
struct need {
	size_t count, text;
	char folder[256]; /* relative paths are made absolute with it */
};

static int count_object(struct dl_phdr_info *object, size_t size, void *data)
{
	struct need *need = data;

	(void)size;
	need->count++;
	need->text += strlen(path_of(object)) + sizeof(need->folder) + 2;
	return 0;
}

struct filling {
	const struct need *need;
	struct module *table;
	size_t count;
	char *text, *end;
};

/* dlopen("./plugin.so") leaves that name; the analyzer runs elsewhere. */
static char *copy_path(struct filling *f, const char *path)
{
	char *copy = f->text;

	copy[0] = 0;
	if (path[0] != '/' && strchr(path, '/') && f->need->folder[0]) {
		strcpy(copy, f->need->folder);
		strcat(copy, "/");
	}
	strcat(copy, path);
	f->text += strlen(copy) + 1;
	return copy;
}

static int add_object(struct dl_phdr_info *object, size_t size, void *data)
{
	struct filling *f = data;
	struct module new = { .bias = object->dlpi_addr,
			      .record = RECORD_NONE };
	const unsigned char *id = NULL;
	size_t id_size, at;

	(void)size;
	/* More than was counted: something was loaded in between. */
	if (f->count == f->need->count ||
	    f->text + strlen(path_of(object)) + sizeof(f->need->folder) + 2 >
		    f->end)
		return 1;
	elf_range(object, &new.start, &new.end);
	id_size = elf_build_id(object, &id);
	if (id_size && id_size <= sizeof(new.build_id)) {
		memcpy(new.build_id, id, id_size);
		new.build_id_size = (uint32_t)id_size;
	}
	new.path = copy_path(f, path_of(object));
	for (at = f->count++; at && f->table[at - 1].start > new.start; at--)
		f->table[at] = f->table[at - 1];
	f->table[at] = new;
	return 0;
}

/* What has its number in the record keeps it. */
static void carry_over(const struct module *old, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct module *now = modules_find(old[i].start);

		if (now && now->bias == old[i].bias &&
		    now->build_id_size == old[i].build_id_size &&
		    !memcmp(now->build_id, old[i].build_id,
			    now->build_id_size) &&
		    !strcmp(now->path, old[i].path))
			now->record = old[i].record;
	}
}

static bool make_table(uint64_t generation)
{
	struct need need = { 0 };
	struct filling filling;
	size_t size;
	void *memory;

	if (!getcwd(need.folder, sizeof(need.folder)))
		need.folder[0] = 0;
	dl_iterate_phdr(count_object, &need);
	size = need.count * sizeof(struct module) + need.text;
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return false;
	filling.need = &need;
	filling.table = memory;
	filling.count = 0;
	filling.text = (char *)(filling.table + need.count);
	filling.end = filling.text + need.text;
	dl_iterate_phdr(add_object, &filling);
	modules.table = memory;
	modules.size = size;
	modules.count = filling.count;
	modules.generation = generation;
	return true;
}

bool modules_refresh(void)
{
	const uint64_t generation = modules_generation();
	struct module *old = modules.table;
	const size_t count = modules.count, size = modules.size;
	bool made;

	if (old && generation == modules.generation)
		return true;
	modules.table = NULL;
	modules.count = 0;
	made = make_table(generation);
	if (made && old)
		carry_over(old, count);
	if (old)
		munmap(old, size);
	return made;
}

struct module *modules_find(uintptr_t address)
{
	size_t low = 0, high = modules.count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (address < modules.table[middle].start)
			high = middle;
		else if (address >= modules.table[middle].end)
			low = middle + 1;
		else
			return &modules.table[middle];
	}
	return NULL;
}

void modules_forget(void)
{
	modules.table = NULL;
	modules.count = 0;
}
