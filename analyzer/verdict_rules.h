/* SPDX-License-Identifier: MIT */
/* verdict_rules - a function for each cause; verdict.c puts them in order */
#ifndef ANALYZER_VERDICT_RULES_H
#define ANALYZER_VERDICT_RULES_H

#include "analyzer/facts.h"
#include "analyzer/verdict.h"

/* Whether the cause was at work; then `c` is filled, but for its order. */
typedef bool verdict_rule(const struct facts *f, struct cause *c);

verdict_rule rule_leak;
verdict_rule rule_held; /* slow-query, idle-in-..., application-holds */
verdict_rule rule_spike;
/* verdict_rules_size.c */
verdict_rule rule_size; /* pool-too-small, overload */
verdict_rule rule_size_anyway;
/* Always: what there was, in numbers. */
void rule_nothing(const struct facts *f, struct cause *c);
/* verdict_rules_stuck.c */
verdict_rule rule_blocked;
verdict_rule rule_hold_and_wait;
verdict_rule rule_slow_connect;
verdict_rule rule_server_full;

/* Starts a cause, with the numbers that all have; `without` may be NAN. */
void cause_begin(const struct facts *f, struct cause *c, enum cause_id id,
		 double without);
void cause_number(const struct facts *f, struct cause *c, const char *name,
		  double value);

/* Numbers that rules compare with. */
double rule_limit(const struct facts *f, enum threshold_id id);
double rule_calm(const struct facts *f);
double rule_difference(const struct facts *f);
double rule_nesting(const struct facts *f);
/* Whether long holds had all when it ran dry: then its size is not all. */
bool rule_had_all(const struct facts *f);
double rule_size_wanted(const struct facts *f); /* by what is short; or 0 */
/* What the server lets each of the processes have; NAN if not known. */
double rule_allowed(const struct facts *f);

/* Parts of sentences. */
const char *say_slots(const struct facts *f, uint32_t count, bool at_moment);
const char *say_sites(const struct facts *f, enum fact_kind what,
		      uint64_t at_ns);
const char *say_errors(const struct facts *f, uint32_t site);
const char *say_without(const struct facts *f, const char *what, double peak);
const char *say_allowed(const struct facts *f, double wanted);

#endif
