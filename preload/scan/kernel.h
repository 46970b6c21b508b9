/* SPDX-License-Identifier: MIT */
/*
 * kernel - pointers that the program has given to the kernel to keep
 *
 * An event loop may have a handle nowhere but in the data of its epoll set, a
 * timer in what it sends.  The kernel tells both in /proc.  What was given to
 * io_uring it does not tell.
 */
#ifndef PRELOAD_SCAN_KERNEL_H
#define PRELOAD_SCAN_KERNEL_H

#include <stdbool.h>

#include "preload/scan/search.h"
#include "preload/scan/workspace.h"

/* `ret_all` is false where there may be more. */
void kernel_ask(struct search_words *words, struct workspace *w, bool *ret_all);

#endif
