/* SPDX-License-Identifier: MIT */
#include "preload/outcome.h"

#include <string.h>

#define LISTENING (CONNECTION_LISTENS | CONNECTION_LISTENED_TWICE)
#define ABOVE	  (LISTENING | CONNECTION_COPIES) /* the transaction */

/* What libpq has no SQLSTATE for, since the server could not say it. */
#define CONNECTION_FAILURE "08006"
/* Only that there was another error before, which is the one to know. */
#define FAILED_TRANSACTION "25P02"

static const uint32_t transactions[] = {
	[PQTRANS_IDLE] = TRANSACTION_IDLE,
	[PQTRANS_ACTIVE] = TRANSACTION_ACTIVE,
	[PQTRANS_INTRANS] = TRANSACTION_OPEN,
	[PQTRANS_INERROR] = TRANSACTION_FAILED,
	[PQTRANS_UNKNOWN] = TRANSACTION_UNKNOWN,
};

static uint32_t transaction_of(const struct libpq *copy, const PGconn *conn)
{
	const unsigned status = libpq_ask(copy, PQtransactionStatus, conn);

	return status <= PQTRANS_UNKNOWN ? transactions[status]
					 : TRANSACTION_UNKNOWN;
}

void outcome_of(struct outcome *ret, const struct libpq *copy,
		const PGconn *conn, bool copied)
{
	ret->transaction = transaction_of(copy, conn);
	ret->sets = 0;
	ret->keeps = ABOVE;
	ret->error = 0;
	ret->unlisten = false;
	/* Whoever copies is in the middle of a command. */
	if (copied || ret->transaction != TRANSACTION_ACTIVE)
		ret->keeps &= ~CONNECTION_COPIES;
	if (ret->transaction == TRANSACTION_UNKNOWN &&
	    libpq_ask(copy, PQstatus, conn) == CONNECTION_BAD)
		ret->error = record_sqlstate(CONNECTION_FAILURE);
}

static const char *field_of(const struct libpq *copy, const PGresult *result,
			    int field)
{
	return libpq_ask(copy, PQresultErrorField, result, field);
}

/* Not in the words of a language; FATAL or PANIC, it is the session's last. */
static bool ends_session(const struct libpq *copy, const PGresult *result)
{
	const char *severity =
		field_of(copy, result, PG_DIAG_SEVERITY_NONLOCALIZED);

	return severity &&
	       (!strcmp(severity, "FATAL") || !strcmp(severity, "PANIC"));
}

/* That the connection is lost will be told yet, and is no more than an echo. */
static void hear_error(struct outcome *ret, const struct libpq *copy,
		       const PGresult *result)
{
	const char *sqlstate = field_of(copy, result, PG_DIAG_SQLSTATE);

	if (sqlstate)
		ret->error = record_sqlstate(sqlstate);
	if (ends_session(copy, result))
		ret->transaction = TRANSACTION_UNKNOWN;
}

static void hear_command(struct outcome *ret, const char *tag)
{
	if (!strcmp(tag, "LISTEN"))
		ret->sets |= CONNECTION_LISTENS;
	else if (!strcmp(tag, "UNLISTEN"))
		ret->unlisten = true;
	else if (!strcmp(tag, "DISCARD ALL"))
		ret->keeps &= ~LISTENING;
}

/* Not a row of one, nor what stands for a COPY that begins. */
static bool is_whole(ExecStatusType status)
{
	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK ||
	       status == PGRES_FATAL_ERROR || status == PGRES_EMPTY_QUERY;
}

void outcome_of_result(struct outcome *ret, const struct libpq *copy,
		       const PGconn *conn, PGresult *result)
{
	ExecStatusType status;

	outcome_of(ret, copy, conn, true);
	if (!result)
		return;
	status = libpq_ask(copy, PQresultStatus, result);
	switch (status) {
	case PGRES_COMMAND_OK:
		hear_command(ret, libpq_ask(copy, PQcmdStatus, result));
		break;
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
	case PGRES_COPY_BOTH:
		ret->sets |= CONNECTION_COPIES;
		break;
	case PGRES_NONFATAL_ERROR:
	case PGRES_FATAL_ERROR:
		hear_error(ret, copy, result);
		break;
	default:
		break;
	}
	if (ret->transaction == TRANSACTION_ACTIVE && is_whole(status))
		ret->sets |= CONNECTION_ANSWERED;
}

bool outcome_of_inner_result(struct outcome *ret, const struct libpq *copy,
			     const PGconn *conn, PGresult *result)
{
	if (libpq_ask(copy, PQresultStatus, result) != PGRES_FATAL_ERROR ||
	    !ends_session(copy, result))
		return false;
	outcome_of_result(ret, copy, conn, result);
	return true;
}

/*
 * Of several channels an UNLISTEN may leave some: what was begun more than once
 * goes on until all is discarded.
 */
uint32_t outcome_doing(const struct outcome *outcome, uint32_t doing)
{
	uint32_t kept = doing & outcome->keeps;

	if (outcome->unlisten && !(kept & CONNECTION_LISTENED_TWICE))
		kept &= ~CONNECTION_LISTENS;
	if (outcome->sets & kept & CONNECTION_LISTENS)
		kept |= CONNECTION_LISTENED_TWICE;
	return outcome->transaction | kept | outcome->sets;
}

/* Whether it follows from an error that was told before. */
static bool is_echo(const struct outcome *outcome, uint32_t doing)
{
	if (outcome->error == record_sqlstate(FAILED_TRANSACTION))
		return true;
	return outcome->error == record_sqlstate(CONNECTION_FAILURE) &&
	       !(doing & ~ABOVE);
}

uint32_t outcome_error(const struct outcome *outcome, uint32_t doing,
		       uint32_t error)
{
	if (!outcome->error || (error && is_echo(outcome, doing)))
		return 0;
	return outcome->error;
}
