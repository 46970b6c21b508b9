/* SPDX-License-Identifier: MIT */
/*
 * made_trace - a trace of a few lines, with answers that can be reckoned
 *
 *	made_trace(&t, &arena, 10, 5);		   a pool of 10, for 5 s
 *	made_time(&t, 0, 5, 100, 2, 0);		   100 acquires a second ...
 *	made_site(&t, "pay pay.c:7", 500, 20);	   ... that hold for 20 ms
 *	made_lease(&t, 0, TRACE_LEAKED, 1, 5);
 *	made_done(&t);
 *
 * Leases must be in order.  What leases use is not added to the buckets.
 */
#ifndef TESTS_MADE_TRACE_H
#define TESTS_MADE_TRACE_H

#include "analyzer/trace.h"

void made_trace(struct trace *t, struct arena *arena, uint32_t capacity,
		double seconds);
/* From second to second: attempts per second, leases out, threads that wait. */
void made_time(struct trace *t, double from, double to, double rate,
	       uint32_t used, uint32_t waiting);
/* So many acquires failed meanwhile; the first makes the exhaustion. */
void made_failures(struct trace *t, double from, double to, uint64_t count);
void made_site(struct trace *t, const char *where, uint64_t acquired,
	       double hold_ms);
struct trace_lease *made_lease(struct trace *t, uint32_t site,
			       enum trace_fate fate, double from, double to);
void made_done(struct trace *t);

#endif
