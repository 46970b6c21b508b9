/* SPDX-License-Identifier: MIT */
/*
 * members - what objects of the JSON report have
 *
 * What is unknown is null: a NULL or empty text, a 0 where that means nothing,
 * a NAN.  A value that is handed over belongs to the object it went into, also
 * when that failed: then `failed` is set, and there is no report.
 */
#ifndef ANALYZER_MEMBERS_H
#define ANALYZER_MEMBERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "analyzer/report.h"

struct json_writer {
	struct arena arena; /* for strings on their way into jansson */
	bool failed;	    /* jansson had no memory */
};

void member_put(struct json_writer *w, json_t *object, const char *key,
		json_t *value);
void member_append(struct json_writer *w, json_t *array, json_t *value);

void member_text(struct json_writer *w, json_t *object, const char *key,
		 const char *text);
void member_count(struct json_writer *w, json_t *object, const char *key,
		  uint64_t count);
void member_known(struct json_writer *w, json_t *object, const char *key,
		  int number);
void member_seconds(struct json_writer *w, json_t *object, const char *key,
		    double seconds);
/* To whom a connection is. */
void member_server(struct json_writer *w, json_t *object, const char *host,
		   const char *port, const char *dbname, const char *user);
/* RFC 3339, in UTC, of nanoseconds since the epoch. */
void member_time(struct json_writer *w, json_t *object, const char *key,
		 uint64_t ns);

/* The frame that names the place; and all frames. */
json_t *member_site(struct json_writer *w, const struct report_stack *stack);
json_t *member_stack(struct json_writer *w, const struct report_stack *stack);

/* json_pools.c: what was last heard of a connection; and arrays of pools. */
void member_use(struct json_writer *w, json_t *object,
		const struct report_use *use);
json_t *member_pools(struct json_writer *w, const struct report *report);
json_t *member_exhaustions(struct json_writer *w, const struct report *report);

/* json_timeouts.c */
json_t *member_timeouts(struct json_writer *w, const struct report *report);

/* json_verdict.c */
json_t *member_verdict(struct json_writer *w, const struct report *report);

#endif
