/* SPDX-License-Identifier: MIT */
/*
 * The record: what a watched process leaves behind.
 *
 * One file per process that uses libpq, mapped shared while the process
 * runs, so that what was stored before a crash is still there after it.  This
 * header is the specification; there is no other.
 *
 *	+--------+-----------+---------+---------+----
 *	| header | directory | segment | segment | ...
 *	+--------+-----------+---------+---------+----
 *
 * The header is followed by the directory, an array of `directory_room`
 * entries of which the first `segment_count` are in use.  Each says where a
 * segment lies: an array of `count` elements of one type.  Several segments
 * may have one type; their elements are numbered through, in the order of
 * the directory.  An element is named by this number everywhere in the file.
 *
 * Growing.  A segment is allocated on the disk behind all others, `file_size`
 * is raised, it is written to the directory, and then `segment_count` counts it
 * (release order).  It never moves.  Slots are aligned to 8 bytes.
 *
 * Strings are bytes up to a NUL that lie whole in one segment.  The first byte
 * of the first is a NUL, so that 0 names no string.
 *
 * Elements that come and go (slots) carry a sequence word, odd while the
 * element is being changed.  A reader of a living process takes the word,
 * copies the element, takes the word again, and keeps the copy only if both
 * were equal and even.  In a dead process an odd word is an event that was in
 * flight: its fields are worth nothing, its slot is counted.
 * All other elements are written once and then counted by `used` of their
 * segment (release order); only counters in them change afterwards.
 *
 * All integers are in the byte order of the writing machine; `byte_order`
 * says which that was.  A reader steps by header_size and element_size, so
 * fields may be appended to either without a new version.  A segment type
 * that a reader does not know is skipped, unless its flag SEGMENT_REQUIRED is
 * set.  Any other change raises RECORD_VERSION, and a reader refuses a version
 * that it does not know.
 *
 * Nothing in here is secret: no password, connection string, argument or
 * environment of the process is ever stored.
 *
 * The folder.  A run is a folder with one record per process, named
 * `PID-START-RANDOM.rec` (RANDOM is 8 hex digits), and the log `run.log`.  A
 * record has the ending `.new` until its header and first segments are whole:
 * one that is left behind belongs to a process that had acknowledged no event
 * yet.
 *
 * START tells processes of one PID apart: it is the process's start in clock
 * ticks since boot, and from bit RECORD_SPACE_BITS on the namespace that its
 * PID is one of, which is 0 for the system's first (record_start()).
 *
 * The log is text, one line per event, appended whole by one write(2); a line
 * of an unknown first word is skipped.  The launcher holds a lock (flock) on
 * it while the run goes on.  Times are nanoseconds since the
 * epoch.  In an EXE, bytes below 33, 127 and '\' are written as \ooo (octal);
 * one that is not known is "?".  An ADDRESS, escaped like an EXE, is
 * `unix:PATH` (an abstract one begins with an @), `tcp:IP:PORT` (IPv6 in its
 * shortest form, without brackets), or `more`: further ones were not kept.  An
 * EVIDENCE is `libpq`, when the process has one mapped, an ADDRESS that it is
 * connected to, or `none`.  A REASON is a clause, escaped like an EXE.
 *
 *	connleak 1                      the first line, written by the launcher
 *	space N                         the namespace of the launcher's own
 *	                                PIDs, if it is not 0
 *	start TIME PID EXE              the launcher began to run this program
 *	image PID START TIME EXE        the shim was loaded into this process
 *	exec PID START TIME EXE         it is about to execute this file
 *	bare PID START TIME EXE         the same, where the shim cannot go along
 *	peer PID START ADDRESS          its libpq connected to this
 *	connect PID START ADDRESS       something else in it did
 *	static PID START REASON         why the libpq linked into it could not
 *	                                be hooked
 *	unseen PID START EVIDENCE EXE   the launcher found this process running
 *	                                without the shim
 *	record PID START NAME           it has made the record of this name
 *	lost PID START ERRNO            it could not make its record
 *	end PID TIME exit N             the launcher saw this process end
 *	end PID TIME signal N
 *	left PID                        still running when the launcher went
 *	holds PID                       the same, and it has the launcher's
 *	                                standard output or error open
 *	stop TIME                       the launcher has judged the run
 *
 * The tally `run.gaps` is one struct record_gaps, made by the launcher.  Every
 * process maps it when the shim is loaded into it, while it still may, and
 * counts there what it cannot write into the log later.
 */
#ifndef RECORD_FORMAT_H
#define RECORD_FORMAT_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_MAGIC	  "CONNLEAK\r\n" /* breaks if it was sent as text */
#define RECORD_VERSION	  1u
#define RECORD_BYTE_ORDER 0x01020304u
#define RECORD_SUFFIX	  ".rec"
#define RECORD_UNFINISHED ".new"
#define RECORD_LOG	  "run.log"
#define RECORD_LOG_FIRST  "connleak 1"
#define RECORD_GAPS	  "run.gaps"

#define RECORD_FIRST_SIZE 65536u /* of a new record, header and all */
#define RECORD_MAX_SIZE	  (UINT64_C(1) << 30) /* readers refuse larger ones */
#define RECORD_MAX_FRAMES 128u	     /* of one stack; deeper ones are cut */
#define RECORD_NONE	  UINT32_MAX /* no site, no server, no module */

#define RECORD_SPACE_BITS  36u
#define RECORD_FIRST_SPACE 0xeffffffcu /* the kernel's number of it */

/* START; `space` is the kernel's number of the namespace, 0 if unknown. */
static inline uint64_t record_start(uint64_t ticks, uint64_t space)
{
	const uint64_t other = space ? space ^ RECORD_FIRST_SPACE : 0;

	return ticks ? ticks | other << RECORD_SPACE_BITS : 0;
}

static inline uint32_t record_space(uint64_t start)
{
	return (uint32_t)(start >> RECORD_SPACE_BITS);
}

/* What a segment holds.  The reserved ones have no layout yet. */
enum record_type {
	RECORD_SLOTS = 1,   /* struct record_slot: handles that are out */
	RECORD_SITES = 2,   /* struct record_site: where handles are acquired */
	RECORD_FRAMES = 3,  /* struct record_frame: the sites' stacks */
	RECORD_MODULES = 4, /* struct record_module: files the frames lie in */
	RECORD_SERVERS = 5, /* struct record_server: who was connected to */
	RECORD_STRINGS = 6, /* bytes: NUL-terminated, named by first byte */

	RECORD_STACKS = 7,  /* reserved: other stacks, as of a double release */
	RECORD_POOLS = 8,   /* struct record_pool: what leases come from */
	RECORD_EVENTS = 9,  /* struct record_event: misuse of handles */
	RECORD_SERIES = 10, /* struct record_bucket: RECORD_BUCKETS per pool */
	RECORD_MARKS = 11,  /* struct record_mark: how the process ended */
	RECORD_SCANS = 12,  /* struct record_scan: what still points to one */
	RECORD_EXECS = 13,  /* reserved: programs this process executed */
	RECORD_IMAGES = 14, /* reserved: modules that use PostgreSQL unseen */
	RECORD_ERRORS =
		15, /* struct record_error: what was released with one */
	RECORD_SEARCHES = 16, /* struct record_search: how that was found out */
	RECORD_RULES = 17,    /* struct record_rule: where pools are hooked */
	RECORD_HOLDS = 18, /* struct record_hold: leases that were out long */
	RECORD_EXHAUSTIONS = 19, /* struct record_exhaustion: it ran dry */
	RECORD_KEEPERS = 20,	 /* struct record_keeper: who had it all then */
};

/* What is lost is counted by what it was. */
enum record_loss {
	LOSS_HANDLE,  /* a handle that is out and has no slot */
	LOSS_SITE,    /* an acquisition whose stack could not be kept */
	LOSS_STACK,   /* an acquisition without unwinder: one frame is known */
	LOSS_SERVER,  /* a handle whose server could not be kept */
	LOSS_MODULE,  /* a frame whose module could not be kept */
	LOSS_PROCESS, /* a child of this process that could make no record */
	LOSS_EVENT,   /* something done wrong that could not be kept */
	LOSS_SCAN, /* a handle whose holder was found and could not be kept */
	LOSS_POOL, /* an acquire or release of a pool that was not kept */
	LOSS_HOLD, /* a long hold, an error or a holder that was not kept */
	LOSS_KINDS = 16,
};

/*
 * The sums of a process.  Cancel handles are in none of them; a lease is in the
 * last ones alone, once its pool is proven (POOL_PROVEN).
 */
enum record_total {
	TOTAL_CONNECTS,	   /* connections acquired, failed ones too */
	TOTAL_ESTABLISHED, /* whose first attempt was established */
	TOTAL_RESETS,	   /* resets that were established */
	TOTAL_FINISHES,
	TOTAL_PEAK_OPEN,   /* most connections out at once */
	TOTAL_PEAK_LEASES, /* most leases of proven pools out at once */
	TOTAL_TAKEN_TURNS, /* connections finished that threads took turns with
			    */
	TOTAL_KINDS = 16,
};

#define RECORD_AHEAD 1u /* made before it was needed: nothing is in it yet */

struct record_header {
	char magic[12]; /* RECORD_MAGIC and zeros */
	uint32_t version;
	uint32_t byte_order;
	uint32_t header_size; /* the directory begins here */
	uint32_t directory_room;
	uint32_t directory_entry_size;
	_Atomic(uint32_t) segment_count;
	int32_t pid;
	uint64_t start_ticks;  /* START */
	uint64_t started_ns;   /* CLOCK_REALTIME when the record began ... */
	uint64_t started_mono; /* ... CLOCK_MONOTONIC at the same moment */
	_Atomic(uint64_t) file_size; /* all segments lie below it */
	uint32_t exe;		     /* string; 0 if unknown */
	_Atomic(uint32_t) flags;     /* RECORD_AHEAD */
	_Atomic(uint64_t) totals[TOTAL_KINDS];
	_Atomic(uint64_t) lost[LOSS_KINDS];
	_Atomic(uint32_t) asked; /* how often a signal asked for a report */
	uint32_t reserved_too;	 /* 0 */
};

#define SEGMENT_REQUIRED 1u /* a reader that does not know it must refuse */

struct record_segment {
	uint16_t type;	  /* enum record_type */
	uint16_t version; /* of the element; 1 */
	uint16_t flags;
	uint16_t reserved; /* 0 */
	uint32_t element_size;
	uint32_t count;
	uint64_t offset;	/* in the file */
	_Atomic(uint32_t) used; /* the first so many were ever written */
	uint32_t first;		/* number of its first element */
};

enum record_handle_kind {
	HANDLE_CONNECTION = 1,
	HANDLE_CANCEL = 2, /* PGcancel, or libpq 17's PGcancelConn */
	HANDLE_LEASE = 3,  /* of a pool: struct record_pool */
};

enum record_slot_state {
	SLOT_FREE = 0,
	SLOT_CONNECTING = 1,
	SLOT_FAILED = 2,
	SLOT_ESTABLISHED = 3, /* a cancel handle is always this */
};

#define SLOT_EVER_ESTABLISHED 1u /* by the first attempt or by a reset */
#define SLOT_RESET	      2u /* the attempt under way is a reset */
#define SLOT_BY_DESIGN	      4u /* the program has said that it keeps it */
#define SLOT_POOLED	      8u /* a connection: opened in a pool, or leased */
#define SLOT_OWNER_ENDED      16u /* a lease: the thread `used_by` has ended */
#define SLOT_ASKS	      32u /* ... has asked for one more, without success */
#define SLOT_PASSED	      64u /* ... has come back to where it acquired it */

/* What a connection is in the middle of, as libpq says. */
enum record_transaction {
	TRANSACTION_UNKNOWN = 0,
	TRANSACTION_IDLE = 1,
	TRANSACTION_ACTIVE = 2, /* a command is under way, or not drained */
	TRANSACTION_OPEN = 3,
	TRANSACTION_FAILED = 4,
};

#define CONNECTION_LISTENS 16u /* above the transaction: after LISTEN ... */
#define CONNECTION_COPIES  32u /* ... in COPY, or replicating */
#define CONNECTION_LISTENED_TWICE                                    \
	64u /* or more often: an UNLISTEN may leave another channel, \
	       and LISTENS stays until DISCARD ALL */
#define CONNECTION_ANSWERED \
	128u /* active: the last call gave a result of the command, whole */

/* An SQLSTATE, five characters, in a word; 0 is none. */
static inline uint32_t record_sqlstate(const char *text)
{
	uint32_t word = 0;

	for (int i = 0; i < 5 && text[i] > ' ' && text[i] < '`'; i++)
		word |= (uint32_t)(text[i] - ' ') << 6 * i;
	return word;
}

static inline void record_sqlstate_text(uint32_t word, char text[6])
{
	for (int i = 0; i < 5; i++)
		text[i] = (char)((word >> 6 * i & 63) + ' ');
	text[5] = 0;
}

/*
 * How the address of a handle is kept: as no pointer.  Whoever looks through a
 * process for pointers (valgrind, a heap checker) would find it in the record,
 * and take a handle that is lost for one that somebody holds.
 */
static inline uint64_t record_handle(const void *handle)
{
	return ~(uint64_t)(uintptr_t)handle;
}

static inline const void *record_handle_address(uint64_t kept)
{
	return (const void *)(uintptr_t)~kept;
}

/*
 * A lease has the fields of its last query in the slot of its connection, if
 * that is known: `partner`.  As long as it has one, `used_at` there is of the
 * lease's site, and 0 until the lease was used; of one that has none it is in
 * the slot of the lease, of the moment when that was acquired.
 */
struct record_slot {
	_Atomic(uint32_t) sequence;
	uint8_t kind;		 /* enum record_handle_kind */
	uint8_t state;		 /* enum record_slot_state */
	uint16_t flags;		 /* SLOT_* */
	uint64_t handle;	 /* record_handle() of it */
	uint64_t acquired_ns;	 /* since header.started_mono */
	uint64_t established_ns; /* the same; 0 if never */
	uint32_t site;
	uint32_t server;
	int32_t tid;	     /* of the thread that acquired it */
	int32_t backend_pid; /* 0 if unknown */
	uint32_t resets;
	uint32_t function; /* string: the function that acquired it */
	/* Of its last query call; outside of the sequence word. */
	_Atomic(uint32_t) calls;  /* under way now */
	_Atomic(int32_t) used_by; /* the thread; 0: never used.  A lease, and a
				     connection when it is leased: owner */
	_Atomic(uint64_t)
		used_ns; /* since header.started_mono; 0: never used */
	_Atomic(uint64_t) used_at; /* `acquired` of its site at that moment */
	_Atomic(uint64_t)
		error_ns;	 /* of the last error that libpq told; or 0 */
	_Atomic(uint32_t) error; /* which: record_sqlstate() */
	_Atomic(uint32_t) doing; /* enum record_transaction, CONNECTION_* */
	uint32_t pool; /* a lease's, or a pooled connection's; or RECORD_NONE */
	_Atomic(uint32_t) partner;    /* lease: slot of its connection, and of
					 that: slot of its lease; or RECORD_NONE */
	_Atomic(int32_t) released_by; /* a connection: the thread that gave its
					 lease back, until the next one */
	_Atomic(uint32_t) turns;      /* a connection: how often the use of it
					 went, outside of leases, from a thread
					 that had not opened it to another */
	/*
	 * What its queries took, by the same rough clock.  A connection's are
	 * those of its lease, from when they were joined; in a lease they are
	 * what earlier connections of it have taken, and `turned_ns` is 0 if it
	 * never had one that is known.
	 */
	_Atomic(uint64_t) turned_ns; /* it began its query, or its rest */
	_Atomic(uint64_t) query_ns; /* from a query's call to its last result */
	_Atomic(uint64_t) transaction_ns;   /* at rest, in a transaction */
	_Atomic(uint64_t) longest_query_ns; /* of those that ended */
};

/*
 * A slot's used_ns, error_ns and turned_ns are by a rough clock: so much too
 * early.  What lies between two of them is right on average.
 */
#define RECORD_ROUGH_NS UINT64_C(10000000)

/* Holds of 2^(n-1) to 2^n microseconds are counted in hold_us[n]. */
#define RECORD_HOLD_BUCKETS 48u

#define SITE_CUT    1u /* the stack was deeper than RECORD_MAX_FRAMES */
#define SITE_BROKEN 2u /* unwinding ended before the first frame */

/*
 * A stack that acquired, and what became of its handles.  One that only did
 * something wrong (struct record_event) has `acquired` 0.
 */
struct record_site {
	uint64_t hash; /* of kind and frames */
	uint32_t first_frame;
	uint16_t frame_count;
	uint16_t flags;	   /* SITE_* */
	uint32_t function; /* string: the function called */
	uint32_t kind;	   /* enum record_handle_kind */
	_Atomic(uint64_t) acquired;
	_Atomic(uint64_t) released;
	_Atomic(uint64_t) longest_ns; /* of the released ones */
	_Atomic(uint32_t) hold_us[RECORD_HOLD_BUCKETS];
	/* Of leases: */
	uint32_t pool;		 /* the first that it asked; or RECORD_NONE */
	_Atomic(uint32_t) waits; /* acquires that took RECORD_WAIT_NS or more */
	_Atomic(uint64_t) failed;  /* in vain; not in `acquired` */
	_Atomic(uint64_t) wait_ns; /* of all, connecting inside not counted */
	_Atomic(uint64_t) longest_wait_ns;
	/* Of connections: acquired without any bound on connecting. */
	_Atomic(uint64_t) unbounded;
	_Atomic(uint64_t) longest_query_ns; /* of the released ones */
};

/* A wait, by default: an acquire that took so long besides connecting. */
#define RECORD_WAIT_NS UINT64_C(10000000)

#define RULE_BUILT_IN 1u
#define RULE_REFUSED  2u /* a function that it names was not hooked: `why` */

/*
 * What came of a rule in this process.  A user's own is always there, one of
 * the built-in ones only where a function was found that it names.
 */
struct record_rule {
	uint32_t text;	   /* string: the rule, as a line */
	uint32_t function; /* string: its function, as the rule names it */
	uint32_t module;   /* string: path of the object that has it; 0: none */
	uint32_t why;	   /* string: a clause; 0 if nothing is wrong */
	uint16_t verb;	   /* enum rule_verb of rules.h */
	uint16_t flags;	   /* RULE_* */
	_Atomic(uint32_t) patched; /* functions, where they begin */
	_Atomic(uint32_t) slots;   /* calls in tables of the loader, instead */
	uint32_t reserved;
};

#define POOL_BUILT_IN 1u /* its rules are: it counts once it is proven */
#define POOL_PROVEN                                                           \
	2u		    /* a lease was, held or used a connection, or one \
			       was opened in an acquire; or the user says so */
#define POOL_CONNECTIONS 4u /* none: all connections of the process */
#define POOL_ANNOTATED	 8u /* the program told us itself: connleak.h */
/* What says where time went is kept: */
#define POOL_TIMED 16u /* in `threads`, and what its buckets say of waiting */
#define POOL_SPLIT                                                  \
	32u /* in `query_ns` and `transaction_ns` of its holds, and \
	       of the slots of its leases */

enum record_pool_sum {
	POOL_ATTEMPTS, /* begun; one that is under way is in no other */
	POOL_ACQUIRES, /* that gave a lease */
	POOL_RELEASES,
	POOL_NOTHING,	 /* acquires that returned no handle */
	POOL_ERRORS,	 /* that failed by a status, or a refused connect */
	POOL_EXCEPTIONS, /* that were left by an exception, or a longjmp */
	POOL_WAITS,	 /* that took RECORD_WAIT_NS or more */
	POOL_WAIT_NS,	 /* of all, connecting inside not counted */
	POOL_CONNECT_NS, /* spent connecting inside */
	POOL_BY_OTHERS,	 /* releases by another thread than acquired it */
	POOL_NESTED,	 /* acquires by a thread that had one of it already */
	POOL_SUMS = 16,
};

/*
 * A pool, by the object that its rules name; where they name none, all that
 * those rules acquire is one pool.  The first one is all connections of the
 * process, where an attempt is a call that connects.
 */
struct record_pool {
	uint64_t object;	    /* record_handle() of it; 0: none */
	uint32_t rule;		    /* of its acquire; or RECORD_NONE */
	uint32_t function;	    /* string: what the report calls it */
	_Atomic(uint32_t) flags;    /* POOL_* */
	uint32_t first_bucket;	    /* of its series; or RECORD_NONE */
	_Atomic(uint64_t) capacity; /* 0: nobody has said */
	_Atomic(uint64_t) sums[POOL_SUMS];
	_Atomic(uint32_t) used, waiting;
	_Atomic(uint32_t) peak_used, peak_waiting;
	_Atomic(uint32_t) peak_demand;	  /* used and waiting */
	_Atomic(uint32_t) most_by_thread; /* leases that one thread had */
	_Atomic(uint64_t) longest_wait_ns;
	_Atomic(uint32_t) wait_us[RECORD_HOLD_BUCKETS]; /* as hold_us */
	_Atomic(uint64_t) bucket_ns; /* the width of a bucket now */
	uint64_t began_ns; /* of its series, since header.started_mono */
	_Atomic(uint64_t) changed_ns;  /* `used` is in the series up to here */
	_Atomic(uint32_t) threads;     /* that ever asked it */
	_Atomic(uint32_t) most_asking; /* leases at once that were SLOT_ASKS */
	_Atomic(uint32_t) most_needed; /* as most_by_thread, but SLOT_PASSED */
	uint32_t reserved;
};

/*
 * The series of a pool: bucket N is what happened from `began_ns` + N times
 * `bucket_ns` on, for so long.  When the last one is full, two and two become
 * one, and the width doubles.
 */
#define RECORD_BUCKETS	 1024u
#define RECORD_BUCKET_NS UINT64_C(10000000) /* at first */

struct record_bucket {
	_Atomic(uint32_t) attempts, acquires, failures;
	_Atomic(uint32_t) most_used, most_waiting;
	_Atomic(uint32_t) most_demand; /* together at one moment; POOL_TIMED */
	_Atomic(uint64_t) used_ns;     /* sum over its leases of the time out */
	_Atomic(uint64_t) waiting_ns;  /* ... over those who ask; POOL_TIMED */
};

/* A lease that was out for long, and is no longer.  Written once. */
#define RECORD_HOLD_NS	UINT64_C(250000000)
#define RECORD_HOLD_MAX 8192u /* so many are kept: no loss */
#define RECORD_UNKNOWN	UINT64_MAX

struct record_hold {
	uint32_t pool;
	uint32_t site;
	uint64_t acquired_ns; /* since header.started_mono */
	uint64_t held_ns;
	uint32_t error; /* record_sqlstate() of the last one while out; or 0 */
	int32_t tid;
	/* As in the slot; RECORD_UNKNOWN if it never had a known connection. */
	uint64_t query_ns, transaction_ns;
};

/* Released handles of a site whose last error while they were out was this. */
struct record_error {
	uint32_t site;
	uint32_t error; /* record_sqlstate() */
	_Atomic(uint64_t) released;
};

enum record_exhaustion_kind {
	EXHAUSTION_NOTHING = 1,	  /* an acquire returned no handle */
	EXHAUSTION_ERROR = 2,	  /* ... or failed by its status */
	EXHAUSTION_EXCEPTION = 3, /* ... or by an exception */
	EXHAUSTION_SERVER = 4,	  /* a connect: too many clients */
	EXHAUSTION_FILES = 5,	  /* a connect: EMFILE or ENFILE */
};

/* The first time that a pool ran dry.  Written once. */
struct record_exhaustion {
	uint32_t pool;
	uint16_t kind; /* enum record_exhaustion_kind */
	uint16_t reserved;
	uint64_t when_ns; /* since header.started_mono */
	uint32_t site;	  /* of the acquire that failed; or RECORD_NONE */
	int32_t tid;
	uint32_t used, waiting;
	uint32_t first_keeper;
	uint32_t keeper_count; /* oldest first */
};

/* One that had a lease (or a connection) at that moment: its slot then. */
struct record_keeper {
	uint32_t slot;
	uint32_t site;
	uint64_t acquired_ns;
	uint64_t used_ns; /* 0: never used */
	int32_t tid;	  /* its owner */
	int32_t backend_pid;
	uint32_t calls; /* under way: it is in a query */
	uint32_t doing; /* as in the slot */
	uint32_t error;
	uint32_t flags; /* as in the slot */
	uint64_t turned_ns; /* 0: not known */
};

enum record_frame_kind {
	FRAME_NATIVE = 1, /* a return address: look up the byte before it */
	FRAME_SCRIPT = 2, /* reserved: where = line, offset = file, function */
};

/* Innermost first: the caller of the function that acquired comes first. */
struct record_frame {
	uint16_t kind; /* enum record_frame_kind */
	uint16_t reserved;
	uint32_t where;	 /* native: module, or RECORD_NONE */
	uint64_t offset; /* native: address less the module's load bias */
};

#define RECORD_BUILD_ID_MAX 32u

/* A module that a frame lies in; one loaded again elsewhere is another. */
struct record_module {
	uint64_t bias;
	uint64_t device, inode; /* of the file; 0 if it could not be seen */
	uint32_t path;		/* string */
	uint32_t build_id_size; /* 0 if it has none */
	uint8_t build_id[RECORD_BUILD_ID_MAX];
};

#define SERVER_TCP     1u /* how it is reached; if neither, nobody knows */
#define SERVER_UNIX    2u
#define SERVER_TIMEOUT 4u /* it is known which connect_timeout there was */
#define SERVER_ASYNC   8u /* the program itself waited for the connecting */
/* Its socket was asked: whether a silent peer is probed, and when. */
#define SERVER_SOCKET	 16u
#define SERVER_KEEPALIVE 32u

/*
 * Whom connections go to, and what bounds them in time: each combination once.
 * Strings are 0 if unknown; "(conninfo)" stands for what may hide a secret.
 */
struct record_server {
	uint32_t host, port, dbname, user;
	uint16_t flags;		    /* SERVER_* */
	uint16_t keepalive_s;	    /* silence before a probe */
	uint32_t connect_timeout_s; /* 0: none */
	uint32_t user_timeout_ms;   /* TCP_USER_TIMEOUT; 0: none */
	_Atomic(uint32_t) opened;   /* connections, failed ones too */
};

enum record_event_kind {
	EVENT_FORKED_FINISH = 1, /* of a handle that a parent acquired */
	EVENT_HEIR_FINISH = 2,	 /* the same, and the parent had ended */
	/* What a process does with handles of its own: */
	EVENT_DOUBLE_FINISH = 3,
	EVENT_DOUBLE_RELEASE = 4,
	EVENT_UNKNOWN_RELEASE = 5, /* of what no acquire has returned */
	EVENT_USE_AFTER_RELEASE = 6,
	EVENT_FINISHED_WHILE_LEASED = 7,
	EVENT_RELEASED_IN_TRANSACTION = 8,
	EVENT_RELEASED_UNDRAINED = 9,
};

#define EVENT_ESTABLISHED 1u /* the handle was: there was a session to end */

/*
 * What was done to a handle that is not this process's own, or otherwise
 * wrong; the kind says how.  Written once.
 */
struct record_event {
	uint16_t kind;	  /* enum record_event_kind */
	uint16_t flags;	  /* EVENT_* */
	uint32_t stack;	  /* site in this record: where; or RECORD_NONE */
	uint64_t when_ns; /* since header.started_mono */
	uint64_t handle;  /* record_handle() of it */
	/* The record of the process that acquired it: its header ... */
	uint64_t owner_began; /* ... has this started_mono */
	int32_t owner_pid;    /* ... and this pid */
	uint32_t owner_site;  /* site in there, or RECORD_NONE */
	int32_t tid;
	uint32_t pool;		/* or RECORD_NONE */
	_Atomic(uint32_t) more; /* such ones after it, at the same place */
	uint32_t reserved_too;	/* 0 */
};

enum record_answer {
	ANSWER_NONE = 0,  /* the search did not come to an end */
	ANSWER_LOST = 1,  /* nothing points to it */
	ANSWER_HELD = 2,  /* what `holder` says does */
	ANSWER_MAYBE = 3, /* memory that nobody understands does, or may */
};

enum record_holder {
	HOLDER_NONE = 0,
	HOLDER_GLOBAL = 1,   /* what a module can write to: module, offset */
	HOLDER_STACK = 2,    /* of a thread, and its registers: tid */
	HOLDER_REGISTER = 3, /* tid */
	HOLDER_THREAD = 4,   /* a thread's own storage: tid */
	HOLDER_KERNEL = 5,   /* an epoll set or a timer */
	HOLDER_UNKNOWN = 6,  /* memory of nobody known */
};

/* What holds the handle in a slot.  Written once, when the end began. */
struct record_scan {
	uint32_t slot;
	uint8_t answer; /* enum record_answer */
	uint8_t holder; /* enum record_holder: at the root of all */
	uint16_t reserved;
	uint64_t acquired_ns; /* of that slot: who was in it then */
	uint64_t offset;      /* of the root in its module */
	uint32_t module;      /* or RECORD_NONE */
	int32_t tid;	      /* whose stack or storage it is; 0 if nobody's */
	uint32_t block_size;  /* the last block of the heap on the way, ... */
	uint32_t block_at;    /* ... and where in it; sizes 0: there is none */
};

enum record_moment {
	MOMENT_EXIT = 1, /* exit, _exit and their like were called */
	MOMENT_MAIN = 2, /* main has returned */
	MOMENT_LATE = 3, /* the first sign was an exit handler */
};

enum record_outcome {
	OUTCOME_COMPLETE = 1, /* each step was */
	OUTCOME_LATE = 2,     /* out of time */
	OUTCOME_MEMORY = 3,   /* too much memory to search, or none for it */
	OUTCOME_FAILED = 4,   /* it crashed, or could not be started */
	OUTCOME_OFF = 5,      /* --no-scan */
};

/* Why nothing was called lost, though each step was complete. */
#define DOUBT_REGISTERS 1u /* those of a thread could not be read */
#define DOUBT_MEMORY	2u /* some could not be looked at */
#define DOUBT_KERNEL	4u /* it may have been given a pointer */
#define DOUBT_LATE	8u /* what takes things apart may have run before */

/* One search.  Written once. */
struct record_search {
	uint8_t moment;	 /* enum record_moment */
	uint8_t outcome; /* enum record_outcome */
	uint16_t doubts; /* DOUBT_* */
	uint32_t threads;
	uint64_t when_ns;   /* since header.started_mono */
	uint64_t took_ns;   /* from there on, with all that it needed */
	uint64_t helper_ns; /* of that: the helper, from start to reaping */
	uint64_t bytes;	    /* looked at */
	uint32_t targets;
	uint32_t copied; /* 1: in a copy of the memory */
};

enum record_mark_kind {
	MARK_EXIT = 1,	     /* exit, return from main, the last thread's end */
	MARK_QUICK_EXIT = 2, /* quick_exit */
	MARK_RAW_EXIT = 3,   /* _exit, _Exit */
};

/* The process was about to end with this status; the last one is true. */
struct record_mark {
	uint32_t kind; /* enum record_mark_kind */
	int32_t status;
	uint64_t when_ns; /* since header.started_mono */
	int32_t tid;
	uint32_t reserved;
};

/* What the log should tell, and does not. */
enum record_gap {
	GAP_RECORD,  /* a process could not make its record */
	GAP_CONNECT, /* a `connect` line could not be written */
	GAP_KINDS = 4,
};

struct record_gaps {
	char magic[12]; /* RECORD_MAGIC and zeros */
	uint32_t version;
	_Atomic(uint64_t) count[GAP_KINDS];
};

static_assert(sizeof(struct record_gaps) == 48, "the tally is on disk");
static_assert(sizeof(struct record_header) == 344, "header is on disk");
static_assert(offsetof(struct record_header, totals) == 80, "no padding");
static_assert(sizeof(struct record_segment) == 32, "directory is on disk");
static_assert(sizeof(struct record_slot) == 144, "slot is on disk");
static_assert(offsetof(struct record_slot, site) == 32, "no padding");
static_assert(sizeof(struct record_site) == 288, "site is on disk");
static_assert(sizeof(struct record_rule) == 32, "rule is on disk");
static_assert(sizeof(struct record_pool) == 424, "pool is on disk");
static_assert(sizeof(struct record_bucket) == 40, "bucket is on disk");
static_assert(sizeof(struct record_hold) == 48, "hold is on disk");
static_assert(sizeof(struct record_error) == 16, "error is on disk");
static_assert(sizeof(struct record_exhaustion) == 40, "it is on disk");
static_assert(sizeof(struct record_keeper) == 56, "keeper is on disk");
static_assert(sizeof(struct record_frame) == 16, "frame is on disk");
static_assert(sizeof(struct record_module) == 64, "module is on disk");
static_assert(sizeof(struct record_event) == 56, "event is on disk");
static_assert(sizeof(struct record_mark) == 24, "mark is on disk");
static_assert(sizeof(struct record_scan) == 40, "scan is on disk");
static_assert(sizeof(struct record_search) == 48, "search is on disk");
static_assert(sizeof(struct record_server) == 32, "server is on disk");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2 &&
		      sizeof(_Atomic(uint64_t)) == 8 &&
		      sizeof(_Atomic(uint32_t)) == 4,
	      "an atomic in a file must be nothing but its value");

#endif
