/* SPDX-License-Identifier: MIT */
#include "preload/patch.h"

#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>

#include "preload/decoder_x86_64.h"
#include "preload/elf.h"
#include "preload/lock.h"
#include "preload/patch_x86_64.h"
#include "preload/stubs_x86_64.h"

#define PAGE   4096u
#define REACH  (UINT64_C(1) << 30) /* half of what a jump can do */
#define STEP   65536u
#define LOWEST 65536u /* the kernel gives no memory below */

struct stub stubs_table[STUBS];

static unsigned stubs_used;

static const char no_code[] = "it does not lie in loaded code";
static const char not_executable[] =
	"the system lets no memory be made executable";

/* What the loader made of the object that the functions lie in. */
struct place {
	const uint8_t *function;
	uintptr_t start; /* of the object; 0: there is none */
	int protection;
};

static int find_place(struct dl_phdr_info *object, size_t size, void *data)
{
	struct place *place = data;
	const uintptr_t address = (uintptr_t)place->function;
	uintptr_t start, end;

	(void)size;
	elf_range(object, &start, &end);
	if (address < start || address >= end)
		return 0;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &object->dlpi_phdr[i];

		if (header->p_type != PT_LOAD ||
		    address - object->dlpi_addr - header->p_vaddr >=
			    header->p_memsz)
			continue;
		place->start = start;
		place->protection = (header->p_flags & PF_R ? PROT_READ : 0) |
				    (header->p_flags & PF_W ? PROT_WRITE : 0) |
				    (header->p_flags & PF_X ? PROT_EXEC : 0);
	}
	return 1;
}

static struct place place_of(const uint8_t *function)
{
	struct place place = { .function = function };

	lock_take(LOCK_PATCH);
	dl_iterate_phdr(find_place, &place);
	lock_give(LOCK_PATCH);
	return place;
}

/*
 * Below the object: above the program's own is its heap, which grows.  Old
 * kernels take the address for a wish, and map elsewhere.
 */
static uint8_t *map_near(uintptr_t start, size_t size)
{
	const uintptr_t top = start & ~(uintptr_t)(PAGE - 1);

	for (uintptr_t below = size + PAGE; below < REACH; below += STEP) {
		void *wanted, *got;

		if (below > top || top - below < LOWEST)
			return NULL;
		wanted = (void *)(top - below);
		got = mmap(wanted, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			   -1, 0);
		if (got == wanted)
			return got;
		if (got != MAP_FAILED)
			munmap(got, size);
		else if (errno != EEXIST)
			return NULL;
	}
	return NULL;
}

static const char *prepare_one(struct patch *patch, const struct place *in,
			       uint8_t *room)
{
	const struct place here = place_of(patch->function);
	const char *why;

	if (stubs_used == STUBS)
		return "too many functions are hooked";
	if (here.start != in->start ||
	    (here.protection & (PROT_READ | PROT_EXEC)) !=
		    (PROT_READ | PROT_EXEC))
		return no_code;
	patch->protection = here.protection;
	patch->stub = stubs_used;
	why = patch_move(patch, room, stubs_start + stubs_used * STUB_SIZE);
	stubs_used += !why;
	return why;
}

static size_t prepare_all(struct patch *list, size_t count,
			  const struct place *in, uint8_t *near)
{
	size_t prepared = 0;

	for (size_t i = 0; i < count; i++) {
		list[i].why = prepare_one(&list[i], in, near + i * PATCH_ROOM);
		prepared += !list[i].why;
	}
	return prepared;
}

static void forget_all(struct patch *list, size_t count, const char *why)
{
	for (size_t i = 0; i < count; i++) {
		list[i].original = NULL;
		list[i].why = why;
	}
}

static size_t prepare_near(struct patch *list, size_t count)
{
	const struct place in = place_of(list[0].function);
	const size_t size =
		(count * PATCH_ROOM + PAGE - 1) & ~(size_t)(PAGE - 1);
	size_t prepared;
	uint8_t *near;

	if (!in.start) {
		forget_all(list, count, no_code);
		return 0;
	}
	near = map_near(in.start, size);
	if (!near) {
		forget_all(list, count, "there is no room for code near it");
		return 0;
	}
	prepared = prepare_all(list, count, &in, near);
	if (prepared && mprotect(near, size, PROT_READ | PROT_EXEC)) {
		forget_all(list, count, not_executable);
		prepared = 0;
	}
	if (!prepared)
		munmap(near, size);
	return prepared;
}

size_t patch_prepare(struct patch *list, size_t count)
{
	const char *why = NULL;
	size_t prepared;

	forget_all(list, count, NULL);
	if (!count)
		return 0;
	if (!decoder_open(&why)) {
		forget_all(list, count, why);
		return 0;
	}
	prepared = prepare_near(list, count);
	decoder_close();
	return prepared;
}

/* The pages that the jump lies in. */
static int protect(const struct patch *patch, int protection)
{
	const uintptr_t start = (uintptr_t)patch->jump & ~(uintptr_t)(PAGE - 1);
	const uintptr_t end = (uintptr_t)patch->jump + PATCH_JUMP;

	return mprotect((void *)start, end - start, protection);
}

static void set_stub(const struct patch *patch)
{
	stubs_table[patch->stub] = (struct stub){
		.hook = patch->hook,
		.stack_words = patch->stack_words,
		.result = (uint32_t)patch->result,
	};
}

static void close_code(const struct patch *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].original)
			protect(&list[i], list[i].protection);
}

/* It stays executable: another thread may be running on the same page. */
static bool open_code(const struct patch *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].original &&
		    protect(&list[i], PROT_READ | PROT_WRITE | PROT_EXEC)) {
			close_code(list, i);
			return false;
		}
	return true;
}

bool patch_apply(struct patch *list, size_t count)
{
	if (!open_code(list, count)) {
		list[0].why = not_executable;
		return false;
	}
	for (size_t i = 0; i < count; i++)
		if (list[i].original) {
			set_stub(&list[i]);
			patch_write(&list[i]);
		}
	close_code(list, count);
	return true;
}

/* The hook's caller is the stub if it returns there: the frame above. */
const void *patch_caller(const void *frame)
{
	const void *const *own = frame;
	const uint8_t *caller = own[1];

	if (caller < stubs_start || caller >= stubs_end)
		return caller;
	return ((const void *const *)own[0])[1];
}
