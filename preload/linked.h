/* SPDX-License-Identifier: MIT */
/*
 * linked - functions linked into the program, which only its file names
 *
 * What is linked into a program is no longer looked up by name when it runs;
 * its name is left in the file's symbol table, unless the program was
 * stripped.  The file is read for a moment and believed nothing: it must have
 * the program headers that the loader has worked with, and what it names must
 * lie in code that is mapped.
 *
 * Inside a guard.
 */
#ifndef PRELOAD_LINKED_H
#define PRELOAD_LINKED_H

#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct linked_function {
	const char *name; /* set by the caller */
	uint8_t *address; /* NULL: not there */
	size_t size;
	bool twice; /* several functions have this name: it means none */
	bool local; /* no other file's: the compiler may have inlined it */
};

/* One that is defined in the code of an object, as its file says. */
struct linked_symbol {
	const char *name;
	uint8_t *address;
	size_t size;
	bool local;
};

typedef void linked_visit(const struct linked_symbol *symbol, void *data);

/*
 * Visits all in the full table of a file and of what was made of it.  False if
 * there is none: it was stripped.
 */
bool linked_each(int fd, const struct dl_phdr_info *loaded, linked_visit *visit,
		 void *data);

/* What the loader has made of the program itself. */
void linked_program(struct dl_phdr_info *ret);

/* Fills in those that the program has.  False if its file does not tell. */
bool linked_find(struct linked_function *wanted, size_t count);

/* The same of a file and of what was made of it. */
bool linked_find_in(int fd, const struct dl_phdr_info *loaded,
		    struct linked_function *wanted, size_t count);

#endif
