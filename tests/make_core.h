/* SPDX-License-Identifier: MIT */
/*
 * make_core - cores for tests, laid out as the kernel does it
 *
 *	struct make_core m;
 *
 *	make_core_init(&m, 4711);
 *	make_core_thread(&m, 4713, SIGSEGV);
 *	make_core_file(&m, "/tmp/run/4711-815-0123abcd.rec", 0x10000, size, 0);
 *	make_core_memory(&m, 0x10000, bytes, size);
 *	make_core_finish(&m);
 *	m.bytes[0] = ...
 *
 * Without memory or with nonsense it aborts.
 */
#ifndef TESTS_MAKE_CORE_H
#define TESTS_MAKE_CORE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#define MAKE_CORE_PAGE	   64u /* offsets of files are multiples of it */
#define MAKE_CORE_SEGMENTS 32

/* Bytes in the making. */
struct make_bytes {
	unsigned char *bytes;
	size_t size;
};

struct make_core {
	Elf64_Ehdr header;
	Elf64_Phdr segments[MAKE_CORE_SEGMENTS]; /* the first is the notes' */
	struct make_bytes notes, entries, paths, memory;
	uint64_t files;

	/* The core; after make_core_finish(). */
	unsigned char *bytes;
	size_t size;
};

/* A child of process 1. */
void make_core_init(struct make_core *m, int pid);
void make_core_release(struct make_core *m);

/* The first one is the one that died.  As the kernel writes it, or as gdb. */
void make_core_thread(struct make_core *m, int tid, int signal);
void make_core_stopped(struct make_core *m, int tid, int signal);
/* A mapping of a file, from `offset` in it on. */
void make_core_file(struct make_core *m, const char *path, uint64_t address,
		    uint64_t size, uint64_t offset);
/* Memory that was kept. */
void make_core_memory(struct make_core *m, uint64_t address, const void *bytes,
		      size_t size);
void make_core_finish(struct make_core *m);

/* Into `bytes`. */
Elf64_Ehdr *make_core_header(const struct make_core *m);
Elf64_Phdr *make_core_segment(const struct make_core *m, unsigned number);

#endif
