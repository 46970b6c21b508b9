/* SPDX-License-Identifier: MIT */
/*
 * The functions of libpq that the shim stands in front of.
 *
 * Each finds out whose call it is, calls the real function, and, if the call
 * is the program's, tells the tracker: of a release before the real call, of
 * everything else after it.  A function `hooked_NAME` does so; it is reached
 * by the exported NAME, and by a thunk for each copy of libpq.
 */
#include "preload/hooks.h"

#include "preload/around.h"
#include <time.h>

#include "preload/bounds.h"
#include "preload/caller.h"
#include "preload/choice.h"
#include "preload/guard.h"
#include "preload/leases.h"
#include "preload/lifecycle.h"
#include "preload/loader.h"
#include "preload/patch.h"
#include "preload/tracker.h"
#include "preload/uses.h"
#include "preload/wrongs.h"

#define EXPORT	 __attribute__((visibility("default")))
#define CALLER() patch_caller(FRAME)
#define FRAME	 __builtin_frame_address(0)

/* For calls that do not say which libpq they mean. */
static const struct libpq any_copy;
#define ANY_COPY (&any_copy)

/* Those that do nothing but run a query. */
static const bool queries[LIBPQ_HOOKS] = {
#define ACQUIRE(...)
#define RELEASE(...)
#define ADVANCE(...)
#define RESTART(...)
#define RESET(...)
#define PASS(...)
#define USE(name, ...) [LIBPQ_##name] = true,
#include "preload/hooks.def"
};

/* One call that came by. */
struct call {
	const struct libpq *copy;
	libpq_code *real;
	uint64_t began_ns;
	/* Of one that uses a connection: */
	const PGconn *conn;
	const void *caller, *frame;
	struct use *use; /* NULL if the call could not be kept */
	enum libpq_function function;
	bool is_inner; /* libpq's own, of which nothing is kept */
	bool tells;    /* what it comes to is to be asked */
	/* Of each: an event, the program's call, and we are at work. */
	bool program;
};

static uint64_t now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

/* Which copy a call is for: the exported hooks must find out. */
static bool find_real(struct call *call, const struct libpq *copy,
		      enum libpq_function function, const void *caller)
{
	call->real = NULL;
	call->copy = copy;
	if (copy == ANY_COPY) {
		call->copy = choice_of(caller_code(caller));
		call->real = libpq_front(function);
	}
	if (!call->real && call->copy)
		call->real = call->copy->function[function];
	return call->real;
}

/* False where no libpq has the function: then it does nothing. */
static bool call_begins(struct call *call, const struct libpq *copy,
			enum libpq_function function, const void *caller,
			const void *frame)
{
	const bool ready = lifecycle_ready();

	if (ready)
		around_notice_left(frame);
	call->began_ns = queries[function] ? 0 : now();
	if (!find_real(call, copy, function, caller))
		return false;
	call->program =
		ready && call->copy &&
		caller_is_program(call->copy, caller, queries[function]);
	call->use = caller_enters(frame, call->copy, call->program,
				  queries[function]);
	return true;
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

/* A pool that connects does not wait, but it may be refused. */
static void connected(const struct call *call, const PGconn *conn,
		      uint64_t took_ns, bool is_down)
{
	leases_connected(conn, took_ns);
	if (is_down && call->copy->outcomes)
		leases_refused(libpq_ask(call->copy, PQerrorMessage, conn));
}

/* `conn` is the connection itself, or the one that a cancel handle is for. */
static void acquired(const struct call *call, const void *handle,
		     const PGconn *conn, enum record_handle_kind kind,
		     const struct bounds *bounds, const char *function,
		     const void *caller)
{
	const struct libpq *copy = call->copy;
	struct acquisition what = {
		.handle = handle,
		.function = function,
		.kind = kind,
		.state = SLOT_ESTABLISHED,
		.bounds = *bounds,
	};
	struct guard guard;

	loader_catch_up();
	guard_enter(&guard);
	if (kind == HANDLE_CONNECTION)
		what.state = state_of(copy, conn);
	what.backend_pid = libpq_ask(copy, PQbackendPID, conn);
	what.server.host = libpq_ask(copy, PQhost, conn);
	what.server.port = libpq_ask(copy, PQport, conn);
	what.server.dbname = libpq_ask(copy, PQdb, conn);
	what.server.user = libpq_ask(copy, PQuser, conn);
	if (kind == HANDLE_CONNECTION && copy->function[LIBPQ_PQsocket])
		bounds_of_socket(&what.bounds, libpq_ask(copy, PQsocket, conn),
				 what.server.host);
	stack_capture(&what.stack, caller);
	tracker_acquired(&what);
	if (kind == HANDLE_CONNECTION)
		connected(call, conn,
			  what.state == SLOT_CONNECTING
				  ? 0
				  : now() - call->began_ns,
			  what.state == SLOT_FAILED);
	guard_leave(&guard);
}

/* Of a connection that a parent has acquired. */
static const struct bounds unknown_bounds;

/*
 * A child that finishes a parent's connection says good-bye to the server only
 * if there is a session; else it closes no more than what is its own.
 */
static bool is_harmless(const struct misuse *what)
{
	return what->kind == EVENT_FORKED_FINISH && !what->established;
}

/*
 * Whether libpq may be asked of it: one that is finished already is somebody's
 * memory by now.
 */
static bool has_session(const struct call *call, const struct misuse *what)
{
	return what->kind != EVENT_DOUBLE_FINISH &&
	       libpq_ask(call->copy, PQstatus, what->handle) == CONNECTION_OK;
}

/* Apart: a stack takes much room on the stack. */
static __attribute__((noinline)) void misused(const struct call *call,
					      struct misuse *what,
					      const char *function,
					      const void *caller)
{
	struct stack stack;

	what->established = has_session(call, what);
	if (is_harmless(what))
		return;
	what->function = function;
	stack_capture(&stack, caller);
	tracker_misused(what, &stack);
}

static void releasing(const struct call *call, const void *handle,
		      enum record_handle_kind kind, const char *function,
		      const void *caller)
{
	struct misuse misuse;
	struct guard guard;

	guard_enter(&guard);
	if (tracker_releasing(handle, kind, &misuse))
		misused(call, &misuse, function, caller);
	guard_leave(&guard);
}

/*
 * True if it is a parent's connection: what comes of the reset is our own, as
 * if it were acquired here.
 */
static bool resetting(const struct call *call, const PGconn *conn,
		      const char *function, const void *caller)
{
	struct misuse misuse;
	struct guard guard;
	bool is_inherited;

	guard_enter(&guard);
	is_inherited = tracker_resetting(conn, &misuse);
	if (is_inherited)
		misused(call, &misuse, function, caller);
	guard_leave(&guard);
	return is_inherited;
}

/* An attempt has come to an end, if libpq says so. */
static void advanced(const struct call *call, const PGconn *conn, bool is_up,
		     bool is_down)
{
	struct guard guard;
	uint64_t took_ns;

	if (!is_up && !is_down)
		return;
	guard_enter(&guard);
	if (is_up)
		took_ns = tracker_established(
			conn, libpq_ask(call->copy, PQbackendPID, conn));
	else
		took_ns = tracker_failed(conn);
	if (took_ns)
		connected(call, conn, took_ns, is_down);
	guard_leave(&guard);
}

/* Apart, as it is rare: once for most leases. */
static __attribute__((noinline)) void uses_lease(const struct call *call)
{
	struct misuse misuse;
	struct guard guard;

	guard_enter(&guard);
	leases_used(call->conn);
	if (call->use)
		uses_follow(call->use, call->conn);
	if (wrongs_using(call->conn, &misuse))
		misused(call, &misuse, libpq_name(call->function),
			call->caller);
	guard_leave(&guard);
}

static enum use_work use_begins_again(struct use *use, const PGconn *conn)
{
	struct guard guard;

	guard_enter(&guard);
	tracker_used(conn);
	guard_leave(&guard);
	return uses_begin(use, conn);
}

/* It ends with the call; neither takes a lock, but in a very large pool. */
static void uses(struct call *call)
{
	enum use_work work = uses_begin(call->use, call->conn);

	if (work == USE_INDEX)
		work = use_begins_again(call->use, call->conn);
	if (work == USE_LEASE)
		uses_lease(call);
	call->tells = call->use->slot && call->copy->outcomes;
}

/* In the shortest way, where it is bound for good already. */
static bool take_known(struct call *call, const struct choice_known *known)
{
	call->copy = known->copy;
	call->real = known->copy->function[call->function];
	if (known->has_front && libpq_front(call->function))
		call->real = libpq_front(call->function);
	return call->real;
}

/*
 * What is asked most often: is it a call of libpq's own, several in each query,
 * within a call that we know of?  Or is it certainly the program's?  What the
 * call is stands in it already, so that nothing else is to be kept meanwhile.
 */
static bool use_begins(struct call *call)
{
	const struct choice_known *known =
		call->copy == ANY_COPY ? choice_known(call->caller) : NULL;

	call->tells = false;
	call->is_inner = known && known->is_libpq && caller_is_inside(true);
	if (call->is_inner)
		return take_known(call, known);
	if (known && known->is_program) {
		if (!take_known(call, known))
			return false;
		call->program = lifecycle_ready();
		call->use = caller_enters(call->frame, call->copy,
					  call->program, true);
	} else if (!call_begins(call, call->copy, call->function, call->caller,
				call->frame)) {
		return false;
	}
	if (call->program && call->use && call->conn)
		uses(call);
	return true;
}

/* A result that libpq has for itself. */
static void took_result(const struct call *call, PGresult *result)
{
	const struct use *use;
	struct outcome outcome;

	if (!result || !call->copy->outcomes ||
	    !outcome_of_inner_result(&outcome, call->copy, call->conn, result))
		return;
	outcome.queried = false;
	use = caller_inner_use();
	if (use)
		uses_tell(use, &outcome);
}

/* Whether a query begins with a call that uses a connection, by its row. */
#define BEGINS	true
#define GOES_ON false

/* The ways in which one ends. */
#define GIVES_RESULT(result) \
	outcome_of_result(&outcome, call.copy, conn, result)
#define GIVES_NOTHING	   outcome_of(&outcome, call.copy, conn, false)
#define ENDS_COPY(if_true) outcome_of(&outcome, call.copy, conn, if_true)

#define BEGIN(name, none)                                           \
	struct call call;                                           \
                                                                    \
	if (!call_begins(&call, copy, LIBPQ_##name, caller, FRAME)) \
	return none

/* The real function is called for its side effects and its result. */
#define REAL(returns, params) ((returns(*) params)call.real)

/* What stands in parentheses, among other arguments. */
#define OPEN(...) __VA_ARGS__

/*
 * The ways to a hook.  A thunk knows its copy without looking, whoever calls
 * it: an interpreter that found the function by name, or a library that was
 * bound past us.  `answer` is `return`, or nothing for void.
 */
#define WAY(linkage, function, of, name, returns, params, args, answer) \
	linkage returns function params                                 \
	{                                                               \
		answer hooked_##name(of, CALLER(), OPEN args);          \
	}
#define THUNK(n, name, returns, params, args, answer)                          \
	WAY(static, name##_of_##n, libpq_copy(n), name, returns, params, args, \
	    answer)
#define WAYS(name, returns, params, args, answer)                        \
	EXPORT returns name params;                                      \
	WAY(EXPORT, name, ANY_COPY, name, returns, params, args, answer) \
	LIBPQ_EACH_THUNK(THUNK, name, returns, params, args, answer)

#define HOOKED(name, returns, params)                           \
	static __attribute__((noinline)) returns hooked_##name( \
		const struct libpq *copy, const void *caller, OPEN params)

#define ACQUIRE(name, returns, params, args, kind, asked, bounded)             \
	HOOKED(name, returns, params)                                          \
	{                                                                      \
		struct bounds bounds = { 0 };                                  \
		returns handle;                                                \
		BEGIN(name, NULL);                                             \
		if (call.program)                                              \
			bounded;                                               \
		handle = REAL(returns, params) args;                           \
		caller_leaves(FRAME);                                          \
		if (call.program && handle)                                    \
			acquired(&call, handle, (const PGconn *)(asked), kind, \
				 &bounds, #name, caller);                      \
		return handle;                                                 \
	}                                                                      \
	WAYS(name, returns, params, args, return )

#define RELEASE(name, returns, params, args, kind)                   \
	HOOKED(name, returns, params)                                \
	{                                                            \
		BEGIN(name, );                                       \
		if (call.program && conn)                            \
			releasing(&call, conn, kind, #name, caller); \
		REAL(returns, params) args;                          \
		caller_leaves(FRAME);                                \
	}                                                            \
	WAYS(name, returns, params, args, )

#define ADVANCE(name, returns, params, args)                           \
	HOOKED(name, returns, params)                                  \
	{                                                              \
		returns how;                                           \
		BEGIN(name, PGRES_POLLING_FAILED);                     \
		how = REAL(returns, params) args;                      \
		caller_leaves(FRAME);                                  \
		if (call.program && conn)                              \
			advanced(&call, conn, how == PGRES_POLLING_OK, \
				 how == PGRES_POLLING_FAILED);         \
		return how;                                            \
	}                                                              \
	WAYS(name, returns, params, args, return )

#define RESTART(name, returns, params, args)                           \
	HOOKED(name, returns, params)                                  \
	{                                                              \
		returns begun;                                         \
		bool anew;                                             \
		BEGIN(name, 0);                                        \
		anew = call.program && conn &&                         \
		       resetting(&call, conn, #name, caller);          \
		begun = REAL(returns, params) args;                    \
		caller_leaves(FRAME);                                  \
		if (anew)                                              \
			acquired(&call, conn, conn, HANDLE_CONNECTION, \
				 &unknown_bounds, #name, caller);      \
		else if (call.program && conn)                         \
			advanced(&call, conn, false, !begun);          \
		return begun;                                          \
	}                                                              \
	WAYS(name, returns, params, args, return )

#define RESET(name, returns, params, args)                                     \
	HOOKED(name, returns, params)                                          \
	{                                                                      \
		bool is_up, anew;                                              \
		BEGIN(name, );                                                 \
		anew = call.program && conn &&                                 \
		       resetting(&call, conn, #name, caller);                  \
		REAL(returns, params) args;                                    \
		caller_leaves(FRAME);                                          \
		if (!call.program || !conn)                                    \
			return;                                                \
		is_up = libpq_ask(call.copy, PQstatus, conn) == CONNECTION_OK; \
		if (anew)                                                      \
			acquired(&call, conn, conn, HANDLE_CONNECTION,         \
				 &unknown_bounds, #name, caller);              \
		else                                                           \
			advanced(&call, conn, is_up, !is_up);                  \
	}                                                                      \
	WAYS(name, returns, params, args, )

#define PASS(name, returns, params, args)            \
	HOOKED(name, returns, params)                \
	{                                            \
		returns result;                      \
		BEGIN(name, (returns)0);             \
		result = REAL(returns, params) args; \
		caller_leaves(FRAME);                \
		return result;                       \
	}                                            \
	WAYS(name, returns, params, args, return )

#define USE(name, returns, params, args, begins, tell)                    \
	HOOKED(name, returns, params)                                     \
	{                                                                 \
		struct outcome outcome;                                   \
		struct call call;                                         \
		returns answer;                                           \
                                                                          \
		call.copy = copy;                                         \
		call.function = LIBPQ_##name;                             \
		call.caller = caller;                                     \
		call.frame = FRAME;                                       \
		call.conn = conn;                                         \
		if (!use_begins(&call))                                   \
			return (returns)0;                                \
		if ((begins) && call.tells)                               \
			uses_query(call.use);                             \
		answer = REAL(returns, params) args;                      \
		if (call.tells) {                                         \
			tell;                                             \
			outcome.queried = (begins);                       \
			caller_leaves_with(FRAME, &outcome);              \
		} else if (!call.is_inner) {                              \
			caller_leaves(FRAME);                             \
		} else if (LIBPQ_##name == LIBPQ_PQgetResult) {           \
			took_result(&call, (PGresult *)(intptr_t)answer); \
		}                                                         \
		return answer;                                            \
	}                                                                 \
	WAYS(name, returns, params, args, return )

#include "preload/hooks.def"

#define ADDRESS(n, name)   (libpq_code *)name##_of_##n,
#define ROW(name)	   [LIBPQ_##name] = { LIBPQ_EACH_THUNK(ADDRESS, name) },
#define ACQUIRE(name, ...) ROW(name)
#define RELEASE(name, ...) ROW(name)
#define ADVANCE(name, ...) ROW(name)
#define RESTART(name, ...) ROW(name)
#define RESET(name, ...)   ROW(name)
#define PASS(name, ...)	   ROW(name)
#define USE(name, ...)	   ROW(name)

static libpq_code *const thunks[LIBPQ_HOOKS][LIBPQ_THUNKS] = {
#include "preload/hooks.def"
};

void *hooks_thunk(const struct libpq *copy, enum libpq_function function)
{
	const unsigned number = libpq_number(copy);

	if (number >= LIBPQ_THUNKS)
		return NULL;
	return *(void *const *)&thunks[function][number];
}
