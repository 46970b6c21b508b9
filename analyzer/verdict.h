/* SPDX-License-Identifier: MIT */
/*
 * verdict - why a pool ran dry, or that nothing was wrong with it
 *
 * Each cause has a rule (verdict_rules.h), and several may fire.  A
 * cause is worth what removing it alone would have done to the peak of the
 * demand (demand.h): one that makes it calm, well below the capacity, is the
 * cause; where only two together do, both are named, the one with more slots
 * first, and the size of the pool last.
 *
 * A pool that leaks and has not run dry yet has a verdict too, with the time
 * that is left.
 */
#ifndef ANALYZER_VERDICT_H
#define ANALYZER_VERDICT_H

#include "analyzer/demand.h"
#include "analyzer/report.h"

#define CAUSES(ROW)                                     \
	ROW(LEAK, "leak")                               \
	ROW(SLOW_QUERY, "slow-query")                   \
	ROW(IDLE_IN_TRANSACTION, "idle-in-transaction") \
	ROW(APPLICATION_HOLDS, "application-holds")     \
	ROW(SPIKE, "spike")                             \
	ROW(POOL_TOO_SMALL, "pool-too-small")           \
	ROW(OVERLOAD, "overload")                       \
	ROW(HOLD_AND_WAIT, "hold-and-wait")             \
	ROW(SLOW_CONNECT, "slow-connect")               \
	ROW(SERVER_FULL, "server-full")                 \
	ROW(DATABASE_BLOCKED, "database-blocked")       \
	ROW(NOTHING, "nothing")

enum cause_id {
#define CAUSE(id, name) CAUSE_##id,
	CAUSES(CAUSE)
#undef CAUSE
};

const char *cause_name(enum cause_id id);

struct cause {
	enum cause_id id;
	const char *text;   /* a sentence, or a few, without the full stop */
	const char *advice; /* what to do, likewise; NULL: nothing */
	bool alone;	    /* to remove it alone would have been enough */
	double slots;	    /* that it explains */
	double without;	    /* the peak of the demand without it; or NAN */
	struct report_number *numbers;
	size_t number_count;
};

struct verdict {
	const struct trace *trace;
	bool dry;	      /* it ran dry */
	const char *headline; /* one line: the answer */
	struct cause *causes; /* the most important first; at least one */
	size_t count;
	double badness; /* to order pools by; 0: nothing wrong */
};

/* `t` must live as long. */
void verdict_find(struct verdict *v, struct arena *arena, const struct trace *t,
		  const struct thresholds *thresholds);

#endif
