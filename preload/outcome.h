/* SPDX-License-Identifier: MIT */
/*
 * outcome - what a call that used a connection came to, as libpq tells
 *
 * Asked right after the call, when libpq has its answers ready: they are reads
 * of its fields, so this takes no lock, and any thread may do so whose call it
 * was.  Of a result only its status, its command tag and the SQLSTATE of an
 * error are looked at; never the query, its parameters or a message.
 */
#ifndef PRELOAD_OUTCOME_H
#define PRELOAD_OUTCOME_H

#include "preload/libpq.h"
#include "record/format.h"

struct outcome {
	uint32_t transaction; /* enum record_transaction */
	uint32_t sets, keeps; /* of CONNECTION_* */
	uint32_t error;	      /* record_sqlstate() of it; 0: there was none */
	bool unlisten;	      /* from a channel, or from all: nobody says */
	bool queried;	      /* the call was one that begins a query */
};

/*
 * They leave `queried` to the caller.  After a call that has no result to give;
 * `copied`: it ends a COPY.
 */
void outcome_of(struct outcome *ret, const struct libpq *copy,
		const PGconn *conn, bool copied);
/* After one that gave this result; NULL: none is left, or there is no memory.
 */
void outcome_of_result(struct outcome *ret, const struct libpq *copy,
		       const PGconn *conn, PGresult *result);

/*
 * The same of a result that libpq itself has taken inside a call, which may be
 * the only one to say why a session was ended: true if this one does.
 */
bool outcome_of_inner_result(struct outcome *ret, const struct libpq *copy,
			     const PGconn *conn, PGresult *result);

/* Nothing to tell but the transaction, as after most calls. */
static inline bool outcome_is_plain(const struct outcome *outcome,
				    uint32_t doing)
{
	return !outcome->sets && !outcome->error && doing < CONNECTION_LISTENS;
}

/*
 * What the slot says then, where it said `doing` and `error` until now; 0: of
 * an error, what it said already.
 */
uint32_t outcome_doing(const struct outcome *outcome, uint32_t doing);
uint32_t outcome_error(const struct outcome *outcome, uint32_t doing,
		       uint32_t error);

#endif
