/* SPDX-License-Identifier: MIT */
/*
 * sockets - whom a living process is connected to, asked of the kernel
 *
 * The process itself is not touched.  It must be in our network namespace, and
 * its /proc/PID/fd must be open to us; else there is nothing to be seen.
 */
#ifndef ANALYZER_SOCKETS_H
#define ANALYZER_SOCKETS_H

#include <sys/types.h>

/*
 * Calls `visit` with an ADDRESS as in the log (record/format.h), once for
 * each connected socket that is a stream.  `address` is gone afterwards.
 */
typedef void sockets_visit(void *data, const char *address);
void sockets_list(pid_t pid, sockets_visit *visit, void *data);

#endif
