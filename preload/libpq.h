/* SPDX-License-Identifier: MIT */
/*
 * libpq - the real functions, wherever the program's libpq is
 *
 * Found by our own look-up in what is loaded, never by dlsym: RTLD_NEXT is
 * NULL for a libpq that a plugin brought along, and every dl* call can wait
 * for the loader's lock (elf.h).
 */
#ifndef PRELOAD_LIBPQ_H
#define PRELOAD_LIBPQ_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

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

enum libpq_function {
#define ACQUIRE(name, ...) LIBPQ_##name,
#define RELEASE(name, ...) LIBPQ_##name,
#define ADVANCE(name, ...) LIBPQ_##name,
#define RESTART(name, ...) LIBPQ_##name,
#define RESET(name, ...)   LIBPQ_##name,
#define PASS(name, ...)	   LIBPQ_##name,
#include "preload/hooks.def"
#define ASK(name) LIBPQ_##name,
	LIBPQ_QUESTIONS(ASK)
#undef ASK
		LIBPQ_FUNCTIONS,
	LIBPQ_FIRST_QUESTION = LIBPQ_PQstatus
};

/* Any function; called as what it is. */
typedef void libpq_code(void);

/* One libpq in this process. */
struct libpq {
	const void *object;   /* the loader's name for what it lies in */
	uintptr_t start, end; /* of that */
	bool standalone;      /* a libpq.so, not a plugin with one inside */
	libpq_code *function[LIBPQ_FUNCTIONS]; /* NULL: not in this version */
};

/* The process's libpq, or NULL if none is loaded now. */
const struct libpq *libpq_find(void);

/* Asks a question of a connection; `copy` must have come with it. */
#define libpq_ask(copy, question, conn) \
	(((__typeof__(&question))(copy)->function[LIBPQ_##question])(conn))

#endif
