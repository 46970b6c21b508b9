/* SPDX-License-Identifier: MIT */
/*
 * ask_server - what a server bounds and allows, with the user's own connection
 *
 * Once, when the program has ended, and in one query: the timeouts that hold
 * for each user and database that the program came with, wherever the server
 * has them from (its configuration, the role, the database), and how many
 * connections it has.  What a program sets for itself in a session cannot be
 * seen.
 *
 * Whatever goes wrong is told and changes nothing else.
 */
#ifndef ANALYZER_ASK_SERVER_H
#define ANALYZER_ASK_SERVER_H

#include "analyzer/evidence.h"
#include "analyzer/report.h"

/* Fills in `ret`: `why_not` if nobody answered. */
void ask_server(struct report_asked *ret, struct arena *arena,
		const char *conninfo, const struct evidence *evidence);

/* "30s", "500ms", "30000" (ms) in seconds; NAN if it is no time. */
double ask_server_seconds(const char *setting);

#endif
