/* SPDX-License-Identifier: MIT */
/*
 * proposal - where the handle, the pool and its capacity are, of functions that
 * are named like a pool's
 *
 * By their signatures, if both have one; else by what is usual, and it says
 * so.  Texts are as in rules (record/rules.h); NULL: nothing is to be written.
 */
#ifndef ANALYZER_PROPOSAL_H
#define ANALYZER_PROPOSAL_H

#include "analyzer/signature.h"

struct proposal {
	struct {
		const char *handle, *pool, *ok;
	} acquire, release;
	const struct type *pool; /* what points to it; NULL if none is known */
	bool has_connection;	 /* the handle is a PGconn, or has one */
	const char *why;	 /* "the one returns the PGconn* that ..." */
	const char *check;	 /* what a person should look at; or NULL */
};

/* False if what the one gives is nothing that the other takes. */
bool proposal_find(struct proposal *p, struct arena *arena,
		   const struct signature *acquire,
		   const struct signature *release);

/* Without debug info; `is_method`: both belong to a class. */
void proposal_assume(struct proposal *p, bool is_method);

struct capacity {
	const char *pool, *value, *ok;
};

/* Whether `maker` is told how large such a pool is to be. */
bool proposal_capacity(struct capacity *c, struct arena *arena,
		       const struct proposal *p, const struct signature *maker);

#endif
