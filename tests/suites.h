/* SPDX-License-Identifier: MIT */
/*
 * suites - every suite of the unit tests, once
 *
 * A suite tests what the header of its module promises, a sentence a test.
 * A new one is a file test_<module>.c and a row here.
 */
#ifndef TESTS_SUITES_H
#define TESTS_SUITES_H

#include <check.h>

#define SUITES(ROW)        \
	ROW(writer)        \
	ROW(tracker)       \
	ROW(bounds)        \
	ROW(uses)          \
	ROW(outcome)       \
	ROW(wrongs)        \
	ROW(stack)         \
	ROW(caller)        \
	ROW(linked)        \
	ROW(patch)         \
	ROW(stubs)         \
	ROW(around)        \
	ROW(loaded)        \
	ROW(shim_basics)   \
	ROW(image)         \
	ROW(preloads)      \
	ROW(search)        \
	ROW(address)       \
	ROW(judge)         \
	ROW(misuse)        \
	ROW(searches)      \
	ROW(classes)       \
	ROW(trace)         \
	ROW(demand)        \
	ROW(verdict)       \
	ROW(limits)        \
	ROW(timeouts)      \
	ROW(ask_server)    \
	ROW(incidents)     \
	ROW(suppress)      \
	ROW(holders)       \
	ROW(reader)        \
	ROW(directory)     \
	ROW(snapshot)      \
	ROW(signals)       \
	ROW(rules)         \
	ROW(user_rules)    \
	ROW(stamps)        \
	ROW(log)           \
	ROW(core)          \
	ROW(fuzz)          \
	ROW(symbols)       \
	ROW(report)        \
	ROW(text_finding)  \
	ROW(text_stack)    \
	ROW(text_summary)  \
	ROW(text_timeouts) \
	ROW(report_text)   \
	ROW(columns)       \
	ROW(printable)     \
	ROW(options)       \
	ROW(gate)          \
	ROW(executable)    \
	ROW(candidates)    \
	ROW(blind)         \
	ROW(leases_judged) \
	ROW(pools)         \
	ROW(text_pools)    \
	ROW(text_why)      \
	ROW(exhaustions)   \
	ROW(leases)        \
	ROW(nesting)       \
	ROW(series)        \
	ROW(rules_judged)  \
	ROW(own_misuse)    \
	ROW(proc)

#define DECLARE_SUITE(name) Suite *name##_suite(void);
SUITES(DECLARE_SUITE)
#undef DECLARE_SUITE

#endif
