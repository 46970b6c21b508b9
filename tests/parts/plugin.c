/* SPDX-License-Identifier: MIT */
/*
 * plugin - a part of a program that uses libpq; tests/parts.sh compiles it in
 * the way that a test is about, with what that way needs:
 *
 *	-DNAME="a"		what it calls itself in what it says
 *	-DWEAK			its references to libpq are weak
 *	-DTABLE			it calls through pointers in its data
 *	-DBY_NAME="libpq.so.5"	through what dlsym finds in that file,
 *	-DVERSION="BASE"	 or dlvsym does
 *	-DAT_LOAD="open"	what its constructor does
 *	-DREGISTERS		its constructor makes it known to the host
 *
 * act(WHAT) does one thing, and says which libpq it was done by: `open` and
 * `close` (the newest), `refused` (a handle at once, without a server),
 * `ping`, `version`, `has` (which functions there are), and `every` function.
 */
#include <dlfcn.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not in the headers of older versions. */
typedef struct pg_cancel_conn PGcancelConn;
PGcancelConn *PQcancelCreate(PGconn *conn);
PostgresPollingStatusType PQcancelPoll(PGcancelConn *conn);
void PQcancelFinish(PGcancelConn *conn);

#define USED(USE)                 \
	USE(PQconnectdb)          \
	USE(PQconnectdbParams)    \
	USE(PQsetdbLogin)         \
	USE(PQconnectStart)       \
	USE(PQconnectStartParams) \
	USE(PQconnectPoll)        \
	USE(PQresetStart)         \
	USE(PQresetPoll)          \
	USE(PQreset)              \
	USE(PQfinish)             \
	USE(PQgetCancel)          \
	USE(PQfreeCancel)         \
	USE(PQping)               \
	USE(PQstatus)             \
	USE(PQerrorMessage)       \
	USE(PQparameterStatus)    \
	USE(PQlibVersion)         \
	USE_LATER(USE)

/* These are in libpq 17: a reference that is not weak would need that. */
#if defined(WEAK) || defined(BY_NAME) || defined(LATER)
#define USE_LATER(USE)      \
	USE(PQcancelCreate) \
	USE(PQcancelPoll)   \
	USE(PQcancelFinish)
#else
#define USE_LATER(USE)
#endif

enum used {
#define USE(name) USED_##name,
	USED(USE)
#undef USE
		USED_COUNT
};

#ifdef WEAK
#define USE(name) extern __typeof__(name) name __attribute__((weak));
USED(USE)
#undef USE
#endif

/* Not constant, nor this file's alone: the compiler cannot see through it. */
struct entry {
	const char *name;
	void (*code)(void);
};

__attribute__((visibility("hidden"))) struct entry table[] = {
#ifdef TABLE
#define USE(function) { #function, (void (*)(void))function },
#else
#define USE(function) { .name = #function },
#endif
	USED(USE)
#undef USE
};

static void fill_table(void)
{
#ifdef BY_NAME
	void *libpq = table[0].code ? NULL : dlopen(BY_NAME, RTLD_NOW);

	if (!libpq && !table[0].code)
		printf("%s: %s\n", NAME, dlerror());
	for (int i = 0; libpq && i < USED_COUNT; i++)
#ifdef VERSION
		*(void **)&table[i].code =
			dlvsym(libpq, table[i].name, VERSION);
#else
		*(void **)&table[i].code = dlsym(libpq, table[i].name);
#endif
#elif defined(WEAK) && !defined(TABLE)
#define USE(function) table[USED_##function].code = (void (*)(void))function;
	USED(USE)
#undef USE
#endif
}

#if defined(BY_NAME) || defined(TABLE)
#define PQ(name) ((__typeof__(&name))table[USED_##name].code)
#else
#define PQ(name) name
#endif

static PGconn *open_now[16];
static int open_count;

static void keep(const char *what, PGconn *conn)
{
	const char *application =
		PQ(PQparameterStatus)(conn, "application_name");

	open_now[open_count++] = conn;
	printf("%s: %s by %d, status %d, %s\n", NAME, what, PQ(PQlibVersion)(),
	       PQ(PQstatus)(conn), application ? application : "no name");
}

static void open_one(void)
{
	keep("open", PQ(PQconnectdb)(""));
}

static void refused(void)
{
	keep("refused", PQ(PQconnectStart)("port=abc"));
}

static void close_one(void)
{
	PQ(PQfinish)(open_now[--open_count]);
}

static void ping(void)
{
	printf("%s: ping %d\n", NAME, PQ(PQping)(""));
}

static void version(void)
{
	printf("%s: version %d\n", NAME, PQ(PQlibVersion)());
}

static void has(void)
{
	for (int i = 0; i < USED_COUNT; i++)
		printf("%s: %s %s\n", NAME, table[i].code ? "has" : "has no",
		       table[i].name);
}

static const char *const no_names[] = { NULL };

/* Four handles, one after the other, and two to cancel with. */
static void every(void)
{
	PGconn *conn = PQ(PQconnectdbParams)(no_names, no_names, 0);

	PQ(PQfinish)(conn);
	conn = PQ(PQsetdbLogin)(NULL, NULL, NULL, NULL, NULL, NULL, NULL);
	PQ(PQfinish)(conn);
	conn = PQ(PQconnectStartParams)(no_names, no_names, 0);
	PQ(PQconnectPoll)(conn);
	PQ(PQresetStart)(conn);
	PQ(PQresetPoll)(conn);
	PQ(PQfreeCancel)(PQ(PQgetCancel)(conn));
	PQ(PQfinish)(conn);
	conn = PQ(PQconnectdb)("");
	PQ(PQreset)(conn);
#if defined(BY_NAME) || defined(LATER)
	PGcancelConn *cancel = PQ(PQcancelCreate)(conn);

	PQ(PQcancelPoll)(cancel);
	PQ(PQcancelFinish)(cancel);
#endif
	PQ(PQfinish)(conn);
	ping();
}

static const struct {
	const char *name;
	void (*go)(void);
} acts[] = {
	{ "open", open_one }, { "refused", refused }, { "close", close_one },
	{ "ping", ping },     { "version", version }, { "has", has },
	{ "every", every },
};

int act(const char *what);

/* Whether there is such an act. */
int act(const char *what)
{
	fill_table();
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (!strcmp(acts[i].name, what)) {
			acts[i].go();
			return 1;
		}
	return 0;
}

#ifdef REGISTERS
void register_act(int (*go)(const char *what));

__attribute__((constructor)) static void make_known(void)
{
	register_act(act);
}
#endif

#ifdef AT_LOAD
__attribute__((constructor)) static void at_load(void)
{
	act(AT_LOAD);
}
#endif
