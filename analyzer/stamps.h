/* SPDX-License-Identifier: MIT */
/*
 * stamps - has a process that is running been asked for a report
 *
 * The shim counts in the record how often the signal came that asks
 * (CONNLEAK_SIGNAL).  Nobody is told when that happens, so the records are
 * looked at now and then: eight bytes of each.
 */
#ifndef ANALYZER_STAMPS_H
#define ANALYZER_STAMPS_H

#include <stdbool.h>
#include <stdint.h>

#define STAMPS_NEVER UINT64_MAX

struct stamps;

/* Of a run's folder, or of one record; NULL if there is no memory. */
struct stamps *stamps_new(const char *path);
void stamps_free(struct stamps *s);

/* Whether one was asked since the last look, or before the first. */
bool stamps_look(struct stamps *s);

/* When to look next, by CLOCK_MONOTONIC in ns; STAMPS_NEVER for NULL. */
uint64_t stamps_due(const struct stamps *s);

#endif
