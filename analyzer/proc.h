/* SPDX-License-Identifier: MIT */
/*
 * proc - what /proc says of a living process
 *
 * Only files are read: the process is never stopped, and cannot notice.  It
 * may end, or become another program, between any two of these calls.
 */
#ifndef ANALYZER_PROC_H
#define ANALYZER_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/*
 * START of record/format.h, which together with the pid names it for ever; 0 if
 * it has ended (also when nobody has reaped it).
 */
uint64_t proc_start(pid_t pid);

/* The namespace that our pids are of, as in START. */
uint32_t proc_space(void);

/* Calls `visit` for each child of each thread. */
typedef void proc_visit(void *data, pid_t child);
void proc_children(pid_t pid, proc_visit *visit, void *data);

/* Its file, or "" if that is hidden from us. */
void proc_exe(pid_t pid, char *out, size_t size);

/*
 * What it calls itself, at most 15 bytes, which nobody hides.  Not the
 * arguments: there may be a password among them.
 */
void proc_name(pid_t pid, char *out, size_t size);

/* Whether its rights are those of another user than ours. */
bool proc_is_foreign(pid_t pid);

/* Whether this file is open in it; false where that is hidden from us. */
bool proc_has_open(pid_t pid, const struct stat *file);

struct proc_maps {
	bool readable;
	bool shim;  /* connleak's is mapped */
	bool libpq; /* any is */
};

void proc_maps(pid_t pid, struct proc_maps *out);

/* Whether a file of this base name is a libpq, also one with a hash in it. */
bool proc_is_libpq(const char *base);

#endif
