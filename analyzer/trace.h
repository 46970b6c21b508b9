/* SPDX-License-Identifier: MIT */
/*
 * trace - what happened to one pool over time
 *
 * This is all that the verdict knows of a pool: its sums, its series (what
 * happened in each of at most 1,024 buckets of time), each lease that was out
 * for RECORD_HOLD_NS or is still out, and what became of the leases of each
 * site.  It is filled from a record, or by hand: nothing behind it asks the
 * record.
 *
 * Times are nanoseconds since the series of the pool began.  Shorter leases are
 * in the sums, the series and the histograms alone.  Which of the others are
 * *long* depends on the pool: demand_is_long().
 *
 * The pool of all connections of a process is one too: its leases are the
 * connections, an attempt is a connect, and it has no capacity but the server.
 */
#ifndef ANALYZER_TRACE_H
#define ANALYZER_TRACE_H

#include <stdbool.h>
#include "analyzer/arena.h"
#include "analyzer/kinds.h"
#include "record/reader.h"

struct trace_bucket {
	uint64_t attempts, acquires, failures;
	uint32_t most_used, most_waiting;
	uint32_t most_demand; /* both together, at one moment */
	uint64_t used_ns;     /* sum over the leases of the time out ... */
	uint64_t waiting_ns;  /* ... over those who ask, of the time waited */
};

enum trace_fate {
	TRACE_RETURNED,
	TRACE_LEAKED, /* out for good: its class is lost or growing */
	TRACE_KEPT,   /* out by design */
	TRACE_OUT,    /* out; whether for good is not known */
};

/* One that was out for RECORD_HOLD_NS, or is out. */
struct trace_lease {
	uint32_t site;
	enum trace_fate fate;
	uint64_t from_ns, to_ns; /* the end of the trace, if it is out */
	uint32_t error;		 /* record_sqlstate() while it was out; or 0 */
	int32_t tid;
	bool split; /* it is known what it was out for: */
	uint64_t query_ns, transaction_ns; /* the rest: neither */
};

/* Leases of a site that ended, or leaked, after this error; 0: after none. */
struct trace_error {
	uint32_t site;
	uint32_t error;
	uint64_t released, leaked;
};

struct trace_site {
	uint32_t number;   /* in its record */
	const char *where; /* "order_sync order_sync.c:214"; NULL if unknown */
	uint64_t acquired, released, failed, longest_ns;
	uint32_t hold_us[RECORD_HOLD_BUCKETS]; /* of the released */
};

/* The first time that an acquire failed. */
struct trace_dry {
	enum record_exhaustion_kind kind; /* 0: none did */
	uint64_t when_ns;
	uint32_t used, waiting;
	uint32_t asking; /* of `used`: their threads asked for one more */
};

struct trace {
	const char *name;
	int pid;
	bool connections;    /* no pool: all connections of the process */
	bool has_series;     /* else what its buckets say means nothing */
	bool timed;	     /* waiting_ns, most_demand and threads are known */
	uint32_t capacity;   /* as the program set it; 0: not known */
	uint32_t server_max; /* max_connections of the server; 0: not known */
	uint32_t server_reserved; /* of these, for superusers */
	uint32_t processes;	  /* that have such a pool; at least 1 */
	uint64_t bucket_ns, end_ns;
	bool cut; /* the process went on, nobody knows how long: end_ns is when
		     something was last done with the pool */
	uint64_t began_ns; /* of the series, since the epoch; 0: not known */
	struct trace_bucket *buckets;
	size_t bucket_count;
	struct trace_lease *leases; /* in the order they were acquired in */
	size_t lease_count;
	struct trace_site *sites;
	size_t site_count;
	struct trace_error *errors;
	size_t error_count;
	struct trace_dry dry;
	uint64_t sums[POOL_SUMS];
	uint32_t peak_used, peak_waiting, peak_demand;
	uint32_t most_by_thread;
	uint32_t most_needed; /* by a thread, but for what it left behind */
	uint32_t most_asking; /* leases at once whose threads asked for more */
	uint32_t threads;     /* that ever asked; 0: not known */
	uint32_t waiting;     /* now, or when the process ended */
	uint64_t longest_wait_ns;
	uint64_t still_ns; /* at the end: nothing was asked or given for long */
};

/*
 * What the record says of the pool `number`; `classes` has the class of each
 * slot by its number, CLASSES where none is out.  `now_ns` is when the process
 * ended, since header.started_mono; 0 if that is not known.  Sites get no
 * `where`.  False if there is no such pool, or nothing ever asked it.
 */
bool trace_read(struct trace *t, struct arena *arena,
		const struct reader *reader, uint32_t number,
		const uint8_t *classes, uint64_t now_ns);

/* Acquires that got nothing, however that was. */
uint64_t trace_failures(const struct trace *t);

/* NULL if nothing is known of it. */
const struct trace_site *trace_site(const struct trace *t, uint32_t number);

/*
 * How long `share` of the holds that ended took at most, to a factor of two:
 * the middle of those that are counted together, where shares.h has the upper
 * end. 0 if none has ended.
 */
uint64_t trace_hold_ns(const struct trace *t, double share);
/* The same of half of them. */
uint64_t trace_median_ns(const struct trace *t);

#endif
