/* SPDX-License-Identifier: MIT */
/*
 * libpq - the libpqs of this process, and the real functions of each
 *
 * A process may have several: plugins bring copies of their own, under other
 * names or linked in, and a copy may be unloaded and come back elsewhere.  So
 * the shim never remembers "the" real function; each call belongs to a copy.
 *
 * They are found by our own look-up in what is loaded, never by dlsym:
 * RTLD_NEXT is NULL for a libpq that a plugin brought along, and every dl*
 * call can wait for the loader's lock (elf.h).
 */
#ifndef PRELOAD_LIBPQ_H
#define PRELOAD_LIBPQ_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>
#include "preload/objects.h"

/* libpq 17 has it; older headers do not know the name. */
typedef struct pg_cancel_conn PGcancelConn;

/* What the shim asks of a connection; plain reads of its fields. */
#define LIBPQ_QUESTIONS(ASK) \
	ASK(PQstatus)        \
	ASK(PQbackendPID)    \
	ASK(PQhost)          \
	ASK(PQport)          \
	ASK(PQdb)            \
	ASK(PQuser)

/* The same, where it has it: else its function is NULL. */
#define LIBPQ_OPTIONS(ASK) ASK(PQsocket)

/*
 * The same of what a call came to.  A libpq may lack them: then `outcomes` of
 * its copy is false, and none is to be asked.
 */
#define LIBPQ_OUTCOMES(ASK)      \
	ASK(PQtransactionStatus) \
	ASK(PQresultStatus)      \
	ASK(PQresultErrorField)  \
	ASK(PQcmdStatus)         \
	ASK(PQerrorMessage)

enum libpq_function {
#define ACQUIRE(name, ...) LIBPQ_##name,
#define RELEASE(name, ...) LIBPQ_##name,
#define ADVANCE(name, ...) LIBPQ_##name,
#define RESTART(name, ...) LIBPQ_##name,
#define RESET(name, ...)   LIBPQ_##name,
#define PASS(name, ...)	   LIBPQ_##name,
#define USE(name, ...)	   LIBPQ_##name,
#include "preload/hooks.def"
#define ASK(name) LIBPQ_##name,
	LIBPQ_QUESTIONS(ASK)
	LIBPQ_OPTIONS(ASK)
	LIBPQ_OUTCOMES(ASK)
#undef ASK
		LIBPQ_FUNCTIONS,
	LIBPQ_HOOKS = LIBPQ_PQstatus /* the first so many are hooked */
};

/* Any function; called as what it is. */
typedef void libpq_code(void);

#define LIBPQ_COPIES 64 /* mapped at one time; others are not told apart */

/* The first so many have thunks; LIBPQ_EACH_THUNK(X) is X(0) X(1) ... */
#define LIBPQ_THUNKS 16
#define LIBPQ_EACH_THUNK(X, ...) \
	X(0, __VA_ARGS__)       \
	X(1, __VA_ARGS__)       \
	X(2, __VA_ARGS__)       \
	X(3, __VA_ARGS__)       \
	X(4, __VA_ARGS__)       \
	X(5, __VA_ARGS__)       \
	X(6, __VA_ARGS__)       \
	X(7, __VA_ARGS__)       \
	X(8, __VA_ARGS__)       \
	X(9, __VA_ARGS__)       \
	X(10, __VA_ARGS__)      \
	X(11, __VA_ARGS__)      \
	X(12, __VA_ARGS__)      \
	X(13, __VA_ARGS__) X(14, __VA_ARGS__) X(15, __VA_ARGS__)

/* One libpq in this process. */
struct libpq {
	uint64_t serial;      /* no other copy has it, or ever had */
	const void *object;   /* the loader's name for what it lies in */
	uint64_t file;	      /* objects_file() of that */
	uintptr_t start, end; /* of that */
	bool standalone;      /* a libpq.so, not a plugin with one inside */
	bool startup;	      /* there before the program began */
	bool lasting;	      /* and there until it ends */
	bool hidden;	      /* no symbol leads there; for its owner only */
	bool outcomes;	      /* it has all LIBPQ_OUTCOMES */
	libpq_code *function[LIBPQ_FUNCTIONS]; /* NULL: not in this version */
};

/* Looks for copies that came or went; a job of objects_hold(). */
void libpq_refresh(void);

/*
 * A libpq that is linked into `object`, if need be without being exported, and
 * is to be called by these functions, whatever its symbols say.  Returns its
 * copy, or NULL if there is no place for it.  In a job of objects_hold().
 */
const struct libpq *libpq_add(const struct object *object,
			      libpq_code *const function[LIBPQ_FUNCTIONS]);

/* The `i`th place: its copy, or NULL if there is none, or none any more. */
const struct libpq *libpq_copy(unsigned i);
unsigned libpq_number(const struct libpq *copy);
/* Whether any copy is there; and the copy, if names lead to one and no more. */
bool libpq_any(void);
const struct libpq *libpq_only(void);

/* Whether a name means a libpq's before it means ours, as far as is known. */
bool libpq_comes_first(void);

/* The copy in whose object an address lies, or NULL. */
const struct libpq *libpq_holding(const void *address);
/* Whether an address lies in a libpq that is a library of its own. */
bool libpq_is_code(const void *address);

const char *libpq_name(enum libpq_function function);
/* A hooked function by its name, or by its address; LIBPQ_FUNCTIONS if none. */
enum libpq_function libpq_named(const char *name);
enum libpq_function libpq_function_at(const struct libpq *copy,
				      const void *address);

/* The shim's own export, whatever a name would be bound to. */
void *libpq_export(enum libpq_function function);

/*
 * What stands between the shim and every libpq: another preload that defines
 * the function too, and would be called without us.  NULL if none does.
 */
libpq_code *libpq_front(enum libpq_function function);
bool libpq_has_front(void);
/* Whether an address lies in an object that stands in front of libpq. */
bool libpq_is_front(const void *address);

/* Asks a question of a connection, or of a result; `copy` must have come with
 * it. */
#define libpq_ask(copy, question, ...)                                \
	(((__typeof__(&question))(copy)->function[LIBPQ_##question])( \
		__VA_ARGS__))

#endif
