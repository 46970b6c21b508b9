/* SPDX-License-Identifier: MIT */
/*
 * thresholds - what the rules compare with; verdict.def has them all
 */
#ifndef ANALYZER_THRESHOLDS_H
#define ANALYZER_THRESHOLDS_H

#include "analyzer/arena.h"

enum threshold_id {
#define THRESHOLD(id, name, kind, fallback, reason) THRESHOLD_##id,
#include "analyzer/verdict.def"
	THRESHOLDS
};

struct thresholds {
	double of[THRESHOLDS];
	double held_s; /* what --held says; 0: it is learnt */
};

/*
 * The defaults, changed by `list`: NAME=VALUE, divided by commas; or NULL.
 * Returns 0, or -EINVAL with one line in *ret_error that says what is wrong.
 */
int thresholds_parse(struct thresholds *t, const char *list,
		     struct arena *arena, const char **ret_error)
	__attribute__((warn_unused_result));
void thresholds_default(struct thresholds *t);

#endif
