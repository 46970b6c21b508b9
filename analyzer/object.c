/* SPDX-License-Identifier: MIT */
#include "analyzer/object.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <elfutils/libdwelf.h>
#include "analyzer/debugfile.h"
#include "analyzer/symbols.h"

/* The file was given when the module was reported: nothing is to be found. */
static int find_no_elf(Dwfl_Module *module, void **data, const char *name,
		       Dwarf_Addr base, char **ret_path, Elf **ret_elf)
{
	(void)module;
	(void)data;
	(void)name;
	(void)base;
	(void)ret_path;
	(void)ret_elf;
	return -1;
}

/*
 * Is also called, with the checksum 0, for the second file of dwz.  By
 * build-id elfutils knows which of the two is meant; by name there is but one
 * to look for here, and what is found must have the module's own build-id.
 */
static int find_debug_file(Dwfl_Module *module, void **data, const char *name,
			   Dwarf_Addr base, const char *path, const char *link,
			   GElf_Word crc, char **ret_path)
{
	const unsigned char *bytes = NULL;
	struct build_id id;
	GElf_Addr address;
	int fd, size;

	fd = dwfl_build_id_find_debuginfo(module, data, name, base, path, link,
					  crc, ret_path);
	if (fd >= 0 || !path || (link && !crc))
		return fd;
	size = dwfl_module_build_id(module, &bytes, &address);
	id = build_id_from(bytes, size > 0 ? (size_t)size : 0);
	return debugfile_find(path, &id, link, crc, ret_path);
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = find_no_elf,
	.find_debuginfo = find_debug_file,
	.section_address = dwfl_offline_section_address,
};

/* Takes `fd`: elfutils closes what it could make a module of. */
static bool report_file(struct object *object, const char *path, int fd)
{
	object->dwfl = dwfl_begin(&callbacks);
	if (object->dwfl) {
		dwfl_report_begin(object->dwfl);
		object->module =
			dwfl_report_elf(object->dwfl, path, path, fd, 0, true);
	}
	if (!object->module) {
		close(fd);
		return false;
	}
	return dwfl_report_end(object->dwfl, NULL, NULL) == 0;
}

void object_release(struct object *object)
{
	dwfl_end(object->dwfl);
	*object = (struct object){ 0 };
}

/* The loader took programs and shared libraries only. */
static bool is_recorded(int fd, const struct symbols_module *module)
{
	const struct build_id recorded =
		build_id_from(module->build_id, module->build_id_size);
	struct build_id found;
	const int type = build_id_read(fd, &found);

	return (type == ET_EXEC || type == ET_DYN) &&
	       build_id_equal(&found, &recorded);
}

enum report_trouble object_acquire(struct object *object,
				   const struct symbols_module *module)
{
	int fd;

	*object = (struct object){ 0 };
	/* The kernel's own "linux-vdso.so.1" is a name, not a path. */
	if (module->path[0] != '/')
		return TROUBLE_NO_FILE;
	fd = regular_open(module->path);
	if (fd < 0)
		return TROUBLE_NO_FILE;
	if (!is_recorded(fd, module)) {
		close(fd);
		return TROUBLE_CHANGED;
	}
	if (report_file(object, module->path, fd))
		return TROUBLE_NONE;
	/* What cannot be read now was loaded then: it is another file. */
	object_release(object);
	return TROUBLE_CHANGED;
}

const char *object_debug_path(struct object *object)
{
	const char *main_path = NULL, *debug_path = NULL;

	dwfl_module_info(object->module, NULL, NULL, NULL, NULL, NULL,
			 &main_path, &debug_path);
	return debug_path ? debug_path : main_path;
}

/* Elfutils would read whatever lies where the second file should be. */
static bool lacks_alternative(struct object *object, Dwarf *dwarf)
{
	const char *name = NULL, *path = object_debug_path(object);
	const void *bytes = NULL;
	struct build_id id;
	ssize_t size;

	size = dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &bytes);
	if (size <= 0)
		return false;
	id = build_id_from(bytes, (size_t)size);
	return !path || !debugfile_has_alternative(path, name, &id);
}

Dwarf *object_dwarf(struct object *object, Dwarf_Addr *ret_bias)
{
	Dwarf *dwarf;

	dwarf = dwfl_module_getdwarf(object->module, ret_bias);
	if (!dwarf || lacks_alternative(object, dwarf))
		return NULL;
	return dwarf;
}
