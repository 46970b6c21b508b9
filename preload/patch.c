/* SPDX-License-Identifier: MIT */
#include "preload/patch.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "preload/decoder_x86_64.h"
#include "preload/elf.h"
#include "preload/patch_x86_64.h"
#include "preload/threads.h"

#define PAGE   4096u
#define REACH  (UINT64_C(1) << 30) /* half of what a jump can do */
#define STEP   65536u
#define LOWEST 65536u /* the kernel gives no memory below */

static const char no_code[] = "it does not lie in loaded code";
static const char not_executable[] =
	"the system lets no memory be made executable";
static const char no_stub[] = "too many functions are hooked";

/* What the loader made of the page that a function lies on; 0: nothing. */
static int protection_of(const struct dl_phdr_info *object,
			 const uint8_t *function)
{
	const uintptr_t address = (uintptr_t)function - object->dlpi_addr;

	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &object->dlpi_phdr[i];

		if (header->p_type == PT_LOAD &&
		    address - header->p_vaddr < header->p_memsz)
			return (header->p_flags & PF_R ? PROT_READ : 0) |
			       (header->p_flags & PF_W ? PROT_WRITE : 0) |
			       (header->p_flags & PF_X ? PROT_EXEC : 0);
	}
	return 0;
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

/* No way to see half of the jump; or nobody is there who could. */
static const char *why_not_now(const struct patch *patch)
{
	if (threads_is_only())
		return NULL;
	if (!patch_is_at_once(patch))
		return "its beginning cannot be changed at once while other "
		       "threads run";
	if (threads_any_in(patch->jump, patch->displaced))
		return "a thread is running in its beginning";
	return NULL;
}

static const char *prepare_one(struct patch *patch,
			       const struct dl_phdr_info *object, uint8_t *room)
{
	const int code = PROT_READ | PROT_EXEC;
	const char *why;

	patch->protection = protection_of(object, patch->function);
	if ((patch->protection & code) != code)
		return no_code;
	patch->stub = stubs_take();
	if (patch->stub == STUBS)
		return no_stub;
	why = patch_move(patch, room, stubs_code(patch->stub));
	if (!why)
		why = why_not_now(patch);
	if (why)
		stubs_give(patch->stub);
	return why;
}

static size_t prepare_all(struct patch *list, size_t count,
			  const struct dl_phdr_info *object, uint8_t *near)
{
	size_t prepared = 0;

	for (size_t i = 0; i < count; i++) {
		list[i].why =
			prepare_one(&list[i], object, near + i * PATCH_ROOM);
		if (list[i].why) {
			list[i].original = NULL;
			list[i].jump = NULL;
		}
		prepared += !list[i].why;
	}
	return prepared;
}

/* None of them: what they had is given back, and each says why. */
static void refuse_all(struct patch *list, size_t count,
		       struct patch_near *near, const char *why)
{
	patch_forget(list, count, near);
	for (size_t i = 0; i < count; i++)
		if (!list[i].why)
			list[i].why = why;
}

bool patch_open(const char **ret_why)
{
	return decoder_open(ret_why);
}

void patch_close(void)
{
	decoder_close();
}

size_t patch_prepare(struct patch *list, size_t count,
		     const struct dl_phdr_info *object,
		     struct patch_near *ret_near)
{
	uintptr_t start, end;
	size_t prepared;

	for (size_t i = 0; i < count; i++) {
		list[i].original = NULL;
		list[i].why = NULL;
	}
	elf_range(object, &start, &end);
	ret_near->size = (count * PATCH_ROOM + PAGE - 1) & ~(size_t)(PAGE - 1);
	ret_near->at = count ? map_near(start, ret_near->size) : NULL;
	if (!ret_near->at) {
		refuse_all(list, count, ret_near,
			   "there is no room for code near it");
		return 0;
	}
	prepared = prepare_all(list, count, object, ret_near->at);
	if (prepared &&
	    mprotect(ret_near->at, ret_near->size, PROT_READ | PROT_EXEC)) {
		refuse_all(list, count, ret_near, not_executable);
		prepared = 0;
	}
	if (!prepared)
		patch_forget(list, count, ret_near);
	return prepared;
}

/* The pages that the jump lies in; both of the words that are stored. */
static int protect(const struct patch *patch, int protection)
{
	const uintptr_t start = (uintptr_t)patch->jump & ~(uintptr_t)(PAGE - 1);
	const uintptr_t end = (uintptr_t)patch->jump + PATCH_JUMP;

	return mprotect((void *)start, end - start, protection);
}

static void set_stub(const struct patch *patch, patch_code *function)
{
	const struct stub stub = {
		.function = function,
		.around = patch->around,
		.data = patch->data,
		.stack_words = patch->stack_words,
		.result = (uint32_t)patch->result,
	};

	stubs_set(patch->stub, &stub);
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

bool patch_apply(struct patch *list, size_t count, struct patch_near *near)
{
	if (!open_code(list, count)) {
		refuse_all(list, count, near, not_executable);
		return false;
	}
	for (size_t i = 0; i < count; i++)
		if (list[i].original) {
			set_stub(&list[i], list[i].around ? list[i].original
							  : list[i].hook);
			patch_write(&list[i]);
		}
	close_code(list, count);
	return true;
}

void patch_forget(struct patch *list, size_t count, struct patch_near *near)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i].original)
			stubs_give(list[i].stub);
		list[i].original = NULL;
		list[i].jump = NULL;
	}
	if (near->at)
		munmap(near->at, near->size);
	near->at = NULL;
}

void *patch_detour(struct patch *patch)
{
	patch->original = NULL;
	patch->why = NULL;
	patch->stub = stubs_take();
	if (patch->stub == STUBS) {
		patch->why = no_stub;
		return NULL;
	}
	*(void **)&patch->original = patch->function;
	set_stub(patch, patch->original);
	return (void *)(uintptr_t)stubs_code(patch->stub);
}

/* The hook's caller is the stub if it returns there: the frame above. */
const void *patch_caller(const void *frame)
{
	const void *const *own = frame;
	const void *caller = own[1];

	if (!stubs_is_code(caller))
		return caller;
	return ((const void *const *)own[0])[1];
}
