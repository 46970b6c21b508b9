/* SPDX-License-Identifier: MIT */
/*
 * preloads - the shim's own name in LD_PRELOAD, and what must come before it
 *
 * Names in it are divided by blanks or colons.  Those of others are never
 * touched.  A sanitizer's runtime that the program is linked to anyway is put
 * in front, since it insists on being first; PRELOADS_RUNTIME names it then,
 * so that the shim takes both out again once it is loaded: the program's own
 * children are no business of that sanitizer.
 *
 * Callable in a child of vfork() and a signal handler, as image.h is.
 */
#ifndef PRELOAD_PRELOADS_H
#define PRELOAD_PRELOADS_H

#include <stdbool.h>
#include <stddef.h>

#define PRELOADS_SHIM	 "libconnleak.so"
#define PRELOADS_RUNTIME "CONNLEAK_RUNTIME"

/* Whether the shim is to be preloaded in this environment. */
bool preloads_names_shim(char *const *environment);
/* Whether it can be read where its name leads to from here and now. */
bool preloads_reaches_shim(char *const *environment);

/*
 * What is to change in an environment.  The last three are noted by
 * preloads_room(), for another thread may be changing it at the same time.
 */
struct preloads_change {
	bool drop;	     /* the shim's name */
	const char *runtime; /* to be named first; "" for none */
	int count, variable;
	const char *value;
};

/*
 * How much memory the changed copy takes; 0 if there is nothing to change, or
 * too much to do it on the stack.
 */
size_t preloads_room(char *const *environment, struct preloads_change *change);
/* Makes it there.  All other variables stay the same, in the same order. */
char **preloads_copy(void *room, char *const *environment,
		     const struct preloads_change *change);

/* In the shim's constructor: takes the runtime out again, in place. */
void preloads_forget_runtime(char **environment);

#endif
