/* SPDX-License-Identifier: MIT */
/*
 * proc - what /proc tells a process of itself, without stdio and malloc
 *
 * For a process that is ending and for its helper, which may be a copy of it:
 * nothing here needs a lock.
 */
#ifndef PRELOAD_SCAN_PROC_H
#define PRELOAD_SCAN_PROC_H

#include <stdbool.h>
#include <stdint.h>

/* Each line of a file, without its end; false if it could not be read. */
bool proc_lines(const char *path, void (*take)(const char *line, void *data),
		void *data);

/* The names in a folder that are numbers, until `take` returns false. */
bool proc_numbers(const char *path, bool (*take)(int number, void *data),
		  void *data);

/* A number in hexadecimal digits, with 0x or without, after blanks. */
uintptr_t proc_hex(const char **text);

/* Appends a number in decimal digits. */
void proc_append(char *path, unsigned number);

#endif
