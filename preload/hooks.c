/* SPDX-License-Identifier: MIT */
/*
 * The functions the shim stands in front of; the only symbols it exports.
 *
 * Each finds out whose call it is, calls the real function, and, if the call
 * is the program's, tells the tracker: of a release before the real call, of
 * everything else after it.
 */
#include "preload/caller.h"
#include "preload/guard.h"
#include "preload/libpq.h"
#include "preload/lifecycle.h"
#include "preload/tracker.h"

#define EXPORT	   __attribute__((visibility("default")))
#define CALLER()   __builtin_return_address(0)
#define MY_FRAME() __builtin_frame_address(0)

/* One call that came by. */
struct call {
	const struct libpq *copy;
	libpq_code *real;
	bool program; /* an event: the program's call, and we are at work */
};

/* False where no libpq has the function: then it does nothing. */
static bool call_begins(struct call *call, enum libpq_function function,
			const void *caller, const void *frame)
{
	const bool ready = lifecycle_ready();

	call->copy = libpq_find();
	if (!call->copy || !call->copy->function[function])
		return false;
	call->real = call->copy->function[function];
	call->program = ready && caller_is_program(call->copy, caller);
	if (call->program)
		caller_enters(frame);
	return true;
}

static void call_ended(const struct call *call, const void *frame)
{
	if (call->program)
		caller_leaves(frame);
}

static enum record_slot_state state_of(const struct libpq *copy,
				       const PGconn *conn)
{
	switch (libpq_ask(copy, PQstatus, conn)) {
	case CONNECTION_OK:
		return SLOT_ESTABLISHED;
	case CONNECTION_BAD:
		return SLOT_FAILED;
	default:
		return SLOT_CONNECTING;
	}
}

/* `conn` is the connection itself, or the one that a cancel handle is for. */
static void acquired(const struct call *call, const void *handle,
		     const PGconn *conn, enum record_handle_kind kind,
		     const char *function, const void *caller)
{
	const struct libpq *copy = call->copy;
	struct acquisition what = {
		.handle = handle,
		.function = function,
		.kind = kind,
		.state = SLOT_ESTABLISHED,
	};
	struct guard guard;

	guard_enter(&guard);
	if (kind == HANDLE_CONNECTION)
		what.state = state_of(copy, conn);
	what.backend_pid = libpq_ask(copy, PQbackendPID, conn);
	what.server.host = libpq_ask(copy, PQhost, conn);
	what.server.port = libpq_ask(copy, PQport, conn);
	what.server.dbname = libpq_ask(copy, PQdb, conn);
	what.server.user = libpq_ask(copy, PQuser, conn);
	stack_capture(&what.stack, caller);
	tracker_acquired(&what);
	guard_leave(&guard);
}

static void releasing(const void *handle, enum record_handle_kind kind)
{
	struct guard guard;

	guard_enter(&guard);
	tracker_releasing(handle, kind);
	guard_leave(&guard);
}

static void resetting(const PGconn *conn)
{
	struct guard guard;

	guard_enter(&guard);
	tracker_resetting(conn);
	guard_leave(&guard);
}

/* An attempt has come to an end, if libpq says so. */
static void advanced(const struct call *call, const PGconn *conn, bool is_up,
		     bool is_down)
{
	struct guard guard;

	if (!is_up && !is_down)
		return;
	guard_enter(&guard);
	if (is_up)
		tracker_established(conn,
				    libpq_ask(call->copy, PQbackendPID, conn));
	else
		tracker_failed(conn);
	guard_leave(&guard);
}

#define BEGIN(name, none)                                            \
	struct call call;                                            \
                                                                     \
	if (!call_begins(&call, LIBPQ_##name, CALLER(), MY_FRAME())) \
	return none

/* The real function is called for its side effects and its result. */
#define REAL(returns, params) ((returns(*) params)call.real)

#define ACQUIRE(name, returns, params, args, kind, asked)                      \
	EXPORT returns name params                                             \
	{                                                                      \
		returns handle;                                                \
		BEGIN(name, NULL);                                             \
		handle = REAL(returns, params) args;                           \
		call_ended(&call, MY_FRAME());                                 \
		if (call.program && handle)                                    \
			acquired(&call, handle, (const PGconn *)(asked), kind, \
				 #name, CALLER());                             \
		return handle;                                                 \
	}

#define RELEASE(name, returns, params, args, kind) \
	EXPORT returns name params                 \
	{                                          \
		BEGIN(name, );                     \
		if (call.program && conn)          \
			releasing(conn, kind);     \
		REAL(returns, params) args;        \
		call_ended(&call, MY_FRAME());     \
	}

#define ADVANCE(name, returns, params, args)                           \
	EXPORT returns name params                                     \
	{                                                              \
		returns how;                                           \
		BEGIN(name, PGRES_POLLING_FAILED);                     \
		how = REAL(returns, params) args;                      \
		call_ended(&call, MY_FRAME());                         \
		if (call.program && conn)                              \
			advanced(&call, conn, how == PGRES_POLLING_OK, \
				 how == PGRES_POLLING_FAILED);         \
		return how;                                            \
	}

#define RESTART(name, returns, params, args)                  \
	EXPORT returns name params                            \
	{                                                     \
		returns begun;                                \
		BEGIN(name, 0);                               \
		if (call.program && conn)                     \
			resetting(conn);                      \
		begun = REAL(returns, params) args;           \
		call_ended(&call, MY_FRAME());                \
		if (call.program && conn)                     \
			advanced(&call, conn, false, !begun); \
		return begun;                                 \
	}

#define RESET(name, returns, params, args)                                     \
	EXPORT returns name params                                             \
	{                                                                      \
		bool is_up;                                                    \
		BEGIN(name, );                                                 \
		if (call.program && conn)                                      \
			resetting(conn);                                       \
		REAL(returns, params) args;                                    \
		call_ended(&call, MY_FRAME());                                 \
		is_up = libpq_ask(call.copy, PQstatus, conn) == CONNECTION_OK; \
		if (call.program && conn)                                      \
			advanced(&call, conn, is_up, !is_up);                  \
	}

#define PASS(name, returns, params, args)            \
	EXPORT returns name params;                  \
	EXPORT returns name params                   \
	{                                            \
		returns result;                      \
		BEGIN(name, 0);                      \
		result = REAL(returns, params) args; \
		call_ended(&call, MY_FRAME());       \
		return result;                       \
	}

/* Not in the headers of older versions. */
PGcancelConn *PQcancelCreate(PGconn *conn);
void PQcancelFinish(PGcancelConn *conn);

#include "preload/hooks.def"
