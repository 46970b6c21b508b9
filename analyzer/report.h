/* SPDX-License-Identifier: MIT */
/*
 * report - what was judged, ready to be written in any format
 *
 * judge.h fills a report, report_text.c, report_json.c ... write it.  The
 * fields carry the names of the JSON report (schema connleak-report/1); what
 * is unknown is NULL, 0 for a pid, a line or an offset in no module, or NAN.
 * Strings come from watched programs: a writer makes them safe for its format.
 *
 * All of it lives in the report's arena.
 */
#ifndef ANALYZER_REPORT_H
#define ANALYZER_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "analyzer/arena.h"

#define REPORT_SCHEMA	   "connleak-report/1"
#define REPORT_MAX_HANDLES 100 /* listed per finding; count is exact */

enum report_status { REPORT_CLEAN, REPORT_FINDINGS, REPORT_INCOMPLETE };

enum report_reason { REASON_BLIND, REASON_LOST, REASON_NO_LIBPQ, REASONS };

/* Why a native frame has no source line; what to do follows from it. */
enum report_trouble {
	TROUBLE_NONE,
	TROUBLE_NO_DEBUG, /* no debug info was found for the module */
	TROUBLE_NO_FILE,  /* the module's file is gone or not regular */
	TROUBLE_CHANGED,  /* another file is there now: the build-id differs */
	TROUBLE_NO_CODE,  /* in no module: generated code */
};

struct report_frame {
	const char *function; /* demangled */
	const char *file;     /* as the debug info has it, made absolute */
	int line;
	const char *module;   /* path */
	uint64_t offset;      /* in the module */
	bool inlined;	      /* into the frame that follows */
	const char *language; /* "c", "c++", ... */
	bool pools;	      /* of a pool's code, not the user's */
	enum report_trouble trouble;
};

struct report_stack {
	struct report_frame *frames; /* innermost first */
	size_t count;
	size_t site; /* the frame that names the site */
	bool cut;    /* there were more frames than were kept */
	bool broken; /* unwinding could not go on */
};

/* What a connection is in the middle of, and what was last heard of it. */
struct report_use {
	bool in_query;		 /* a call that queries is under way */
	bool listens, copies;	 /* LISTEN; COPY, or replication */
	const char *transaction; /* "idle", "active", "open", "failed" */
	const char *sqlstate;	 /* of its last error */
	double idle_s;		 /* since its last query call; NAN: none */
	double query_s;		 /* since its query began; NAN: in none, or
				    that is not known */
};

struct report_handle {
	int pid, tid, backend_pid;
	size_t process; /* which of the report's; beyond them: unknown */
	const char *host, *port, *dbname, *user;
	const char *pool, *held_by;
	bool thread_died;     /* it was the one that did, and acquired this */
	bool pooled;	      /* a connection that a pool keeps */
	bool returned;	      /* it was out so long, and is no more */
	uint64_t acquired_at; /* nanoseconds since the epoch */
	double age_s;	      /* when its process ended; NAN if unknown: ... */
	double least_age_s;   /* ... then it was out at least so long */
	struct report_use use;
};

/* Where a handle was misused: the function called, and the stack. */
struct report_misuse {
	const char *function;
	uint64_t count;
	struct report_stack stack;
};

struct report_finding {
	const char *kind, *class;
	bool gates;
	uint64_t count;
	uint64_t thread_died;	 /* of them, by the thread that died */
	uint64_t returned;	 /* of them, given back late */
	const char *fingerprint; /* the same after a rebuild */
	const char *message;	 /* one sentence: what happened */
	const char *function;	 /* the function called to acquire */
	struct report_stack stack;
	struct report_handle *handles; /* oldest first */
	size_t handle_count;	       /* at most REPORT_MAX_HANDLES */
	struct report_misuse *misused_at;
	size_t misused_count; /* 0: it is a leak, or nobody knows */
	bool in_pools;	      /* connections that pools keep, and no leak */
	bool aside;	      /* told in a block of its own, unless it gates */
};

struct report_site {
	struct report_stack stack;
	bool leases; /* acquired there; else connections */
	uint64_t acquired, released, open;
	double p50_s, p99_s, max_s; /* of the released; NAN if none */
	uint64_t waits, failures;   /* of leases; failures are not acquired */
	double wait_s, longest_wait_s;
};

struct report_pool {
	int pid;
	const char *name; /* the function that acquires from it */
	const char *rule; /* as a line; NULL: the program told us itself */
	uint64_t capacity;
	uint64_t used, peak_used, peak_demand; /* demand: used and waiting */
	uint64_t attempts, acquires, releases;
	uint64_t nothing, errors, exceptions; /* how acquires failed */
	uint64_t waits;
	double wait_s, wait_p95_s, longest_wait_s; /* p95: NAN if unknown */
	double connect_s; /* spent connecting, inside of acquires */
	uint64_t nested, by_others, most_by_one;
};

/* Who had a lease, or a connection, when there was none left to have. */
struct report_keeper {
	struct report_stack stack; /* where it was acquired */
	int tid, backend_pid;
	double age_s; /* at that moment, as all of it */
	struct report_use use;
	bool out, returned; /* by now; neither: that is not known */
	double held_s;	    /* in all, if it was returned; or NAN */
};

/* The first time that a pool ran dry. */
struct report_exhaustion {
	int pid, tid;	    /* who asked in vain */
	const char *pool;   /* NULL: no pool, but all connections */
	const char *reason; /* "nothing", "error", "exception": of the acquire;
			       "too-many-clients", "too-many-files" */
	const char *function;		  /* that was called */
	struct report_stack stack;	  /* where */
	uint64_t when;			  /* nanoseconds since the epoch */
	uint64_t used, waiting, capacity; /* capacity 0: unknown */
	struct report_keeper *keepers;	  /* oldest first */
	size_t keeper_count;
};

struct report_process {
	int pid;
	const char *exe, *end; /* "exit 0", "signal 9", "exec", ... */
	int died_in;	       /* the thread, known from a core; or 0 */
};

struct report_note {
	int pid;
	const char *exe, *why;
	bool always; /* told, also where nothing else is: a user's mistake */
};

struct report_incomplete {
	enum report_reason reason;
	const char *text;
	bool allowed; /* by --allow: told, but leaves the status alone */
};

/* Whom connections go to, and what bounds these in time. */
struct report_server {
	const char *host, *port, *dbname, *user;
	const char *transport; /* "tcp" or "unix" */
	uint64_t connections;
	bool begun; /* by PQconnectStart: the program waits, not libpq */
	/* 0: there is none; NAN: not known, as what a service file says. */
	double connect_timeout_s, keepalive_s, user_timeout_s;
};

/* A pool of which nobody has ever given up waiting, and somebody should. */
struct report_endless {
	const char *pool;
	int pid;
	uint64_t waits;
	double longest_wait_s, hold_s; /* half of the leases: no longer */
	uint64_t waiting;	       /* still at the end, ... */
	double still_s;		       /* ... for so long at least */
};

#define SERVER_LIMIT_NAMES(ROW)                                         \
	ROW(STATEMENT, "statement_timeout")                             \
	ROW(LOCK, "lock_timeout")                                       \
	ROW(IDLE_IN_TRANSACTION, "idle_in_transaction_session_timeout") \
	ROW(IDLE_SESSION, "idle_session_timeout")

enum report_server_limit {
#define LIMIT(id, name) SERVER_LIMIT_##id,
	SERVER_LIMIT_NAMES(LIMIT)
#undef LIMIT
		SERVER_LIMITS
};

/* What the server bounds for one who comes as this. */
struct report_server_limits {
	const char *user, *dbname;     /* both NULL: for all */
	double seconds[SERVER_LIMITS]; /* 0: none; NAN: not known */
};

/* What --ask-server came to. */
struct report_asked {
	bool wanted;
	const char *why_not; /* it was not asked; NULL: it has answered */
	const char *host, *port, *dbname, *user; /* as which it was asked */
	int version;				 /* 150020 is 15.20 */
	uint64_t max_connections, reserved, connections;
	struct report_server_limits *limits;
	size_t limit_count;
};

struct report_timeouts {
	struct report_server *servers; /* with most connections first */
	size_t server_count;
	uint64_t connections; /* over TCP; of these have none, as is known: */
	uint64_t no_connect_timeout, no_user_timeout, no_keepalive;
	double late_s;	    /* when the system looks after a silent peer */
	const char *advice; /* what a connection string lacks; or NULL */
	struct report_endless *endless;
	size_t endless_count;
	struct report_asked asked;
};

struct report_totals {
	uint64_t connects, failed_connects, finishes, resets;
	uint64_t open_at_end, peak_open;
	uint64_t acquires, releases, leases_at_end, peak_leases;
	uint64_t lost;
};

struct report_number {
	const char *name;
	double value; /* NAN: not known */
};

/* One cause of what was wrong with a pool; verdict.h. */
struct report_verdict {
	const char *pool; /* its name; NULL: all connections of the process */
	int pid;
	const char *headline; /* of the first of its pool: the answer */
	const char *cause, *text;
	const char *advice; /* what to do; NULL: nothing */
	bool alone;	    /* to remove it alone would have been enough */
	const struct report_number *numbers;
	size_t number_count;
};

struct report {
	struct arena arena;
	uint64_t viewed_ns; /* the program goes on, and this is a look at it at
			       that moment; 0: the run is over */
	enum report_status status;
	struct report_incomplete *incomplete;
	size_t incomplete_count;
	unsigned processes_seen, processes_watched;
	struct report_note *notes;
	size_t note_count;
	struct report_totals totals;
	struct report_timeouts timeouts;
	struct report_verdict *verdict; /* the worst pool first */
	size_t verdict_count;
	struct report_finding *findings; /* the worst first; last what pools
					    keep, and what is by design */
	size_t finding_count;
	struct report_site *sites; /* most open first */
	size_t site_count;
	struct report_pool *pools; /* failing and waiting ones first */
	size_t pool_count;
	struct report_exhaustion *exhaustions; /* in the order of time */
	size_t exhaustion_count;
	struct report_process *processes;
	size_t process_count;
	const char *would_gate; /* "util=80,wait=50ms": limits that the pools do
				   not keep, whether they were asked for or
				   not; NULL: none of the usual ones */
	uint64_t suppressed;	/* handles, by --suppress: all by-design */
	const char *kept;	/* the folder, if it is kept; or NULL */
};

const char *report_reason_name(enum report_reason reason);
const char *report_status_name(enum report_status status);
const char *report_server_limit_name(int limit);

/* Acquires that got nothing, however that was. */
uint64_t report_pool_failures(const struct report_pool *pool);
/* It says that nothing was wrong. */
bool report_is_nothing(const struct report_verdict *verdict);

/*
 * A format: writes `report` to `out`.  `colour` asks for colours where the
 * format has them.  Returns 0, or a negative errno.
 */
typedef int report_writer(const struct report *report, FILE *out, bool colour);

report_writer report_text;
report_writer report_json;

#endif
