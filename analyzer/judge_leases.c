/* SPDX-License-Identifier: MIT */
/* What is known of a handle by what was last done with its connection. */
#include "analyzer/judge.h"

#include <math.h>

static const char *known(struct arena *arena, const struct reader *reader,
			 uint32_t string)
{
	const char *text = reader_string(reader, string);

	return text && *text ? arena_strdup(arena, text) : NULL;
}

void judge_fill_backend(struct arena *arena, const struct reader *reader,
			const struct record_slot *slot,
			struct report_handle *out)
{
	struct record_server server;

	out->backend_pid = slot->backend_pid;
	if (!reader_server(reader, slot->server, &server))
		return;
	out->host = known(arena, reader, server.host);
	out->port = known(arena, reader, server.port);
	out->dbname = known(arena, reader, server.dbname);
	out->user = known(arena, reader, server.user);
}

void judge_fill_doing(struct report_use *use, uint32_t doing)
{
	static const char *const transactions[] = {
		[TRANSACTION_UNKNOWN] = NULL,	 [TRANSACTION_IDLE] = "idle",
		[TRANSACTION_ACTIVE] = "active", [TRANSACTION_OPEN] = "open",
		[TRANSACTION_FAILED] = "failed",
	};
	const uint32_t transaction = doing % CONNECTION_LISTENS;

	use->listens = doing & CONNECTION_LISTENS;
	use->copies = doing & CONNECTION_COPIES;
	if (transaction < sizeof(transactions) / sizeof(transactions[0]))
		use->transaction = transactions[transaction];
}

const char *judge_sqlstate(struct arena *arena, uint32_t error)
{
	char text[6];

	if (!error)
		return NULL;
	record_sqlstate_text(error, text);
	return arena_strdup(arena, text);
}

/*
 * Of a connection; `now` is since its record began, or 0.  What was before the
 * acquire is another's, or the same moment by a rougher clock.
 */
static void fill_use(struct arena *arena, const struct record_slot *slot,
		     uint64_t acquired_ns, uint64_t now, struct report_use *use)
{
	const uint64_t last =
		slot->used_ns > acquired_ns ? slot->used_ns : acquired_ns;
	const uint64_t turned =
		slot->turned_ns > acquired_ns ? slot->turned_ns : acquired_ns;

	judge_fill_doing(use, slot->doing);
	use->in_query = slot->calls != 0;
	use->sqlstate = judge_sqlstate(arena, slot->error);
	if (now && slot->turned_ns && classes_is_in_query(slot))
		use->query_s = judge_since_s(now, turned);
	if (!slot->used_ns || !now)
		return;
	use->idle_s = judge_since_s(now, last);
}

/* Nothing that is gone has it. */
static const char *owner(struct arena *arena, const struct classes *c,
			 const struct record_slot *lease)
{
	const int32_t tid = lease->used_by ? lease->used_by : lease->tid;

	if (!tid || classes_owner_ended(c, lease))
		return NULL;
	return arena_printf(arena, "thread %d, which had not ended", tid);
}

void judge_fill_use(struct arena *arena, const struct classes *c,
		    uint32_t number, const struct record_slot *slot,
		    struct report_handle *out)
{
	const uint64_t now = c->ended ? c->now_ns : 0;
	struct record_slot connection;

	if (c->now_ns > slot->acquired_ns)
		out->least_age_s =
			(double)(c->now_ns - slot->acquired_ns) / 1e9;
	if (slot->kind != HANDLE_LEASE) {
		fill_use(arena, slot, slot->acquired_ns, now, &out->use);
		return;
	}
	out->held_by = owner(arena, c, slot);
	out->use.sqlstate = judge_sqlstate(arena, slot->error);
	if (!pools_partner(c->reader, number, slot, &connection))
		return;
	judge_fill_backend(arena, c->reader, &connection, out);
	fill_use(arena, &connection, slot->acquired_ns, now, &out->use);
}
