/* SPDX-License-Identifier: MIT */
/*
 * servers - who a handle is connected to: host, port, database and user, and
 * what bounds it in time
 *
 * Each combination is stored once.  What looks like a connection string is
 * stored as "(conninfo)": with expand_dbname off, libpq takes
 * "postgres://user:password@host" for the name of a database and says it back.
 *
 * Under recording_lock().
 */
#ifndef PRELOAD_SERVERS_H
#define PRELOAD_SERVERS_H

#include "preload/bounds.h"
#include "record/writer.h"

/* As libpq says them; NULL or "" if unknown. */
struct server_name {
	const char *host, *port, *dbname, *user;
};

/* The server's number in the record, or RECORD_NONE, then it was counted. */
uint32_t servers_number(struct writer *record, const struct server_name *name,
			const struct bounds *bounds);

/* Counts a connection to it. */
void servers_opened(struct writer *record, uint32_t number);

/* In a new process. */
void servers_forget(void);

#endif
