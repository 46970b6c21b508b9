/* SPDX-License-Identifier: MIT */
/*
 * object - the file of a module, opened with its debug info
 *
 * Files come from watched programs and are not trusted: only regular files
 * are read, so that no pipe or device can stop connleak, and only those that
 * are what the record says.  Separate debug info is looked for by build-id
 * under /usr/lib/debug, and by the name in .gnu_debuglink beside the file, in
 * .debug beside it and under /usr/lib/debug.  Never on the network: elfutils
 * asks a debuginfod server where DEBUGINFOD_URLS is set, so its own search is
 * used for nothing but build-ids on the disk.
 */
#ifndef ANALYZER_OBJECT_H
#define ANALYZER_OBJECT_H

#include <elfutils/libdwfl.h>
#include "analyzer/report.h"

struct symbols_module;

struct object {
	Dwfl *dwfl;
	Dwfl_Module *module; /* addresses are those in the file */
};

/* On TROUBLE_NONE the object is to be released. */
enum report_trouble object_acquire(struct object *object,
				   const struct symbols_module *module);
void object_release(struct object *object);

/*
 * NULL if there is no debug info, or if it needs a second file (as dwz makes)
 * that is not the right one.  What it calls an address is `ret_bias` less.
 */
Dwarf *object_dwarf(struct object *object, Dwarf_Addr *ret_bias);

/* The file the debug info is in; NULL if there is none. */
const char *object_debug_path(struct object *object);

#endif
