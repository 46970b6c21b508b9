/* SPDX-License-Identifier: MIT */
/*
 * signals - which signal may ask for a report, as a person names it
 *
 * The launcher and the shim read the same setting.  Safe in a stranger's
 * process: no malloc, no lock, no locale.
 */
#ifndef RECORD_SIGNALS_H
#define RECORD_SIGNALS_H

/* "USR1", "SIGUSR1", "10", "RTMIN+3", "RTMAX-1"; 0 if it is none of these. */
int signals_parse(const char *text);

/*
 * Why this one cannot ask, as a clause behind its name; NULL if it can.  One
 * that asks no longer does what it did: where the kernel sends it for what the
 * program does, the program would go on where it must not.
 */
const char *signals_refusal(int signal);

#endif
