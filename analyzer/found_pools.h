/* SPDX-License-Identifier: MIT */
/*
 * found_pools - the candidates of a file as rules, each pool with a word about
 * it
 *
 *	found_pools_begin(&lines, &file, true);
 *	found_pools_write(&lines, pool);	... of each
 *	found_pools_end(&lines);
 */
#ifndef ANALYZER_FOUND_POOLS_H
#define ANALYZER_FOUND_POOLS_H

#include "analyzer/rule_lines.h"

/* The first file is the one that was asked for: its rules name no library. */
void found_pools_begin(struct rule_lines *l, struct scanned *file,
		       bool is_first);
void found_pools_write(struct rule_lines *l, const struct candidate_pool *pool);
void found_pools_end(struct rule_lines *l);

#endif
