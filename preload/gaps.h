/* SPDX-License-Identifier: MIT */
/*
 * gaps - counts what this process cannot write into the run's log
 *
 * A process that may open no file, has no descriptor left, or may write nothing
 * (RLIMIT_FSIZE) cannot even say that something of it is missing, and a run
 * would look whole without it.  So the tally of the run is mapped when the shim
 * begins, where that is still allowed; to count in it needs nobody.
 *
 * Callable by any thread, in a signal handler and in any child.
 */
#ifndef PRELOAD_GAPS_H
#define PRELOAD_GAPS_H

#include <stdbool.h>
#include "record/format.h"

/* Maps the tally in `folder`, if there is one. */
void gaps_begin(const char *folder);

/* False if there is none. */
bool gaps_count(enum record_gap gap);

#endif
