/* SPDX-License-Identifier: MIT */
/*
 * filters - what seccomp lets this thread do is not known, only how many
 * filters it is under: what one of them forbids may be death by SIGSYS.
 */
#ifndef PRELOAD_FILTERS_H
#define PRELOAD_FILTERS_H

/* 0 also if nobody says. */
int filters_count(void);

#endif
