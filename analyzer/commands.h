/* SPDX-License-Identifier: MIT */
/*
 * commands - what a person runs, one file each
 *
 * Each gets its own words (argv[0] is the command's name) and returns the
 * exit status.  `*ret_error`, if set, is a line or two that main() prints.
 */
#ifndef ANALYZER_COMMANDS_H
#define ANALYZER_COMMANDS_H

#include <stdint.h>
#include <stdio.h>
#include "analyzer/arena.h"
#include "analyzer/evidence.h"
#include "analyzer/gate.h"
#include "analyzer/options.h"
#include "analyzer/report.h"

struct thresholds;

#define STATUS_FAILED	  125 /* connleak itself, or called wrongly */
#define STATUS_CANNOT_RUN 126
#define STATUS_NOT_FOUND  127

int command_run(int argc, char **argv, struct arena *arena,
		const char **ret_error);
int command_report(int argc, char **argv, struct arena *arena,
		   const char **ret_error);
int command_scan(int argc, char **argv, struct arena *arena,
		 const char **ret_error);
int command_doctor(int argc, char **argv, struct arena *arena,
		   const char **ret_error);
int command_watch(int argc, char **argv, struct arena *arena,
		  const char **ret_error);

/* How command_report.c judges records, for whoever has some to judge. */
struct judging {
	FILE *text;	   /* where it goes unless --text says otherwise */
	const char *kept;  /* the last line names it, unless clean; or NULL */
	uint64_t ended_ns; /* of processes whose end nobody has told; or 0 */
};

/* `argv` as of `connleak report`; returns the exit status. */
int judge_records(int argc, char **argv, const struct judging *judging,
		  struct arena *arena, const char **ret_error);

/*
 * command_gate.c: what gates, and what is suppressed.  Returns 0, or a negative
 * errno and what is wrong with it.
 */
int command_gate(struct gate *gate, const struct options *options,
		 struct arena *arena, const char **ret_error)
	__attribute__((warn_unused_result));
/* The same of the thresholds alone, which a view needs too. */
int command_thresholds(struct thresholds *thresholds,
		       const struct options *options, struct arena *arena,
		       const char **ret_error)
	__attribute__((warn_unused_result));

/*
 * command_ask.c: the server of --ask-server, if there is one.  First whether
 * libpq would take it: 0, or -EINVAL and what is wrong; then, when the program
 * has ended, what it answers goes into the report.
 */
int command_ask_check(const struct options *options, const char **ret_error)
	__attribute__((warn_unused_result));
void command_ask(struct report *report, const struct options *options,
		 const struct evidence *evidence);

/*
 * output.c: whether all files of reports can be written, before hours are
 * spent on what goes into them.  Returns 0, or -EINVAL and which cannot.
 */
int output_check(const struct options *options, struct arena *arena,
		 const char **ret_error) __attribute__((warn_unused_result));

/* On a terminal only, and only for those who have not said no. */
bool output_wants_colour(FILE *out);

/*
 * Writes the report in every format that was asked for; as text to
 * `fallback` where no --text says otherwise.  Returns 0, or -errno and which
 * file could not be written.
 */
int output_reports(const struct report *report, const struct options *options,
		   FILE *fallback, const char **ret_error)
	__attribute__((warn_unused_result));

#endif
