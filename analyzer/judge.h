/* SPDX-License-Identifier: MIT */
/*
 * judge - what the evidence amounts to
 *
 * Every handle that is out when its process has ended is a finding of some
 * kind and class; handles of one kind and class from one site are one finding.
 * One that was misused is a finding of a kind without class.
 */
#ifndef ANALYZER_JUDGE_H
#define ANALYZER_JUDGE_H

#include "analyzer/classes.h"
#include "analyzer/evidence.h"
#include "analyzer/gate.h"
#include "analyzer/places.h"
#include "analyzer/pools.h"
#include "analyzer/processes.h"
#include "analyzer/report.h"
#include "analyzer/thresholds.h"
#include "analyzer/unwatched.h"

/*
 * Fills `report`, whose arena must be ready, and in which may be what a server
 * has answered (ask_server.h); what the evidence is made of must live as long.
 * `could_not` is why nothing could be kept at all, or NULL.
 */
void judge(struct report *report, const struct evidence *evidence,
	   const struct gate *gate, const char *could_not);

/*
 * A slot as a handle, but for what a connection lends a lease; `process` may be
 * NULL.
 */
void judge_fill_handle(struct arena *arena, const struct pools *pools,
		       const struct record_slot *slot,
		       const struct process *process,
		       struct report_handle *out);

/*
 * From then to now, in seconds.  Other threads may go on to acquire when the
 * end has begun: then it is 0.
 */
double judge_since_s(uint64_t now_ns, uint64_t then_ns);

/* judge_rules.c: notes on rules that matched nothing, or do not hold. */
void judge_rules(struct report *report, const struct evidence *evidence);

/* judge_unruled.c: notes on pools that no rule is about. */
void judge_unruled(struct report *report, const struct evidence *evidence,
		   const struct pools *pools);

/* judge_exhaustions.c: when there was nothing left, and who had it all. */
void judge_exhaustions(struct report *report, struct places *places,
		       const struct evidence *evidence,
		       const struct pools *pools);

/*
 * judge_leases.c: what was last heard of a handle that is out and has the slot
 * `number`; and of a lease what connection it is, and who has it.
 */
void judge_fill_use(struct arena *arena, const struct classes *classes,
		    uint32_t number, const struct record_slot *slot,
		    struct report_handle *out);
/* Which backend, of what server: of a connection. */
void judge_fill_backend(struct arena *arena, const struct reader *reader,
			const struct record_slot *slot,
			struct report_handle *out);
/* The words of record_slot.doing. */
void judge_fill_doing(struct report_use *use, uint32_t doing);
const char *judge_sqlstate(struct arena *arena, uint32_t error);

/* judge_pools.c: the pools of all processes, and the sums of their leases. */
void judge_pools(struct report *report, const struct evidence *evidence,
		 const struct pools *pools);

/*
 * Slots whose handles are not out, though their process has ended with them: a
 * child has finished them after that.
 */
struct handovers {
	struct handover {
		const struct reader *reader;
		uint32_t slot;
	} * list;
	size_t count;
};

/* judge_misuse.c: what was done wrong with handles, whoever did it. */
void judge_misuses(struct report *report, struct places *places,
		   const struct evidence *evidence, const struct pools *pools,
		   const struct processes *processes,
		   struct handovers *ret_handovers);
bool judge_is_handed_over(const struct handovers *handovers,
			  const struct reader *reader, uint32_t slot);

/* judge_gaps.c: what was not seen or kept, and what is worth a note. */
void judge_gaps(struct report *report, const struct evidence *evidence,
		const struct unwatched_list *unwatched, const char *could_not);
void judge_add_incomplete(struct report *report, enum report_reason reason,
			  const char *text);
/* It is told always if the caller says so in what is returned. */
struct report_note *judge_add_note(struct report *report, int pid,
				   const char *exe, const char *why);

/*
 * judge_verdict.c: why pools ran dry; `found` is for trace_read().  What a pool
 * needs has to be compared with those of other processes, so verdicts are found
 * when all are known.
 */
struct verdicts {
	struct thresholds thresholds;
	struct verdict_pool {
		struct trace *trace;
		const char *function; /* that acquires; pools may share it */
		uint32_t together; /* processes that have one when it began */
	} * pools;
	size_t pool_count;
	struct verdict *list;
	size_t count;
};

void judge_verdicts_init(struct verdicts *v, const struct gate *gate);
void judge_verdicts_add(struct verdicts *v, struct report *report,
			struct places *places, const struct classes *classes,
			const uint8_t *found);
void judge_verdicts_tell(struct verdicts *v, struct report *report);

/*
 * judge_findings.c: of what the places hold and what passed a limit, in the
 * order of the report; when pools and verdicts are complete.
 */
void judge_findings(struct report *report, const struct places *places,
		    const struct evidence *evidence, const struct gate *gate,
		    const struct verdicts *verdicts);
/* Empty, behind all others. */
struct report_finding *judge_add_finding(struct report *report);

/*
 * judge_limits.c: what passed a limit of --fail-on; and which of the usual
 * limits would have been passed.
 */
void judge_limits(struct report *report, const struct evidence *evidence,
		  const struct gate *gate, const struct verdicts *verdicts);

/* judge_held.c: what was kept too long; when all places are complete. */
void judge_held(struct report *report, struct places *places,
		const struct evidence *evidence, const struct pools *pools,
		const struct thresholds *thresholds);

/*
 * judge_timeouts.c: what bounds the run in time, and what does not; when all
 * places and verdicts are complete.
 */
void judge_timeouts(struct report *report, struct places *places,
		    const struct evidence *evidence,
		    const struct verdicts *verdicts);

/* judge_searches.c: what one process could not find out about its handles. */
void judge_searches(struct report *report, const struct classes *classes);

#endif
