/* SPDX-License-Identifier: MIT */
/*
 * gate - which findings turn the exit status, and which gaps do
 *
 * --fail-on is a list of items, divided by commas; what any item names gates:
 *
 *	KIND		in every class but by-design
 *	CLASS		of every leak kind
 *	KIND:CLASS	that alone
 *	peak=N		more than N connections open at once in one process
 *	util=N		a pool was at least N % in use for long without a break
 *	wait=D		the 95th percentile of a pool's acquire times is above D
 *	default		what gates when nothing is said
 *	none		nothing
 *	+ITEM		ITEM, and the default
 *
 * --strict adds held and undecided to all leak kinds, whatever the list.
 * by-design never gates.
 */
#ifndef ANALYZER_GATE_H
#define ANALYZER_GATE_H

#include <stdbool.h>
#include <stdint.h>
#include "analyzer/arena.h"
#include "analyzer/kinds.h"
#include "analyzer/report.h"
#include "analyzer/suppress.h"

#define STATUS_INCOMPLETE 24 /* not everything was seen */

enum limit_id { LIMIT_PEAK, LIMIT_UTIL, LIMIT_WAIT, LIMITS };

struct gate_limit {
	const char *text; /* "wait=50ms", as it was given; NULL: no limit */
	uint64_t value;	  /* connections; percent; milliseconds */
};

struct gate {
	bool fails[KINDS][CLASSES + 1]; /* [CLASSES]: finding without a class */
	bool allows[REASONS];
	struct gate_limit limits[LIMITS];
	struct suppress *suppress;	     /* what is by design; or NULL */
	const struct thresholds *thresholds; /* for the rules; or NULL */
};

/*
 * NULL is the default of either: "default", and no reason allowed.  Returns 0,
 * or -EINVAL with one line in *ret_error that says what to write instead.
 */
int gate_parse(struct gate *g, const char *fail_on, bool strict,
	       const char *allow, struct arena *arena, const char **ret_error)
	__attribute__((warn_unused_result));

/* `class` is NULL for a finding that has none.  Unknown names gate. */
bool gate_fails(const struct gate *g, const char *kind, const char *class);
bool gate_allows(const struct gate *g, enum report_reason reason);
/* NULL if there is no such limit. */
const struct gate_limit *gate_limit(const struct gate *g, enum limit_id id);

/* The exit status of a report: `findings_code`, 24 or 0. */
int gate_status(const struct report *report, int findings_code);

#endif
