/* SPDX-License-Identifier: MIT */
/*
 * looking - which words of the memory are handles
 *
 * One that is a root has found its handle.  One in a block, or in memory that
 * nobody understands, is a hit: what it is worth is known when it is known who
 * reaches it.
 */
#ifndef PRELOAD_SCAN_LOOKING_H
#define PRELOAD_SCAN_LOOKING_H

#include "preload/scan/state.h"

void looking_run(struct state *now);

#endif
