/* SPDX-License-Identifier: MIT */
/* connleak run: runs a program, watches its process tree, judges it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "analyzer/blind.h"
#include "analyzer/commands.h"
#include "analyzer/evidence.h"
#include "analyzer/folder.h"
#include "analyzer/gate.h"
#include "analyzer/judge.h"
#include "analyzer/launch.h"
#include "analyzer/pool_rules.h"
#include "analyzer/printable.h"
#include "analyzer/relay.h"
#include "analyzer/search_path.h"
#include "analyzer/start.h"
#include "analyzer/view.h"
#include "record/format.h"
#include "record/signals.h"

struct run {
	struct options options;
	struct gate gate;
	struct folder folder;
	struct executable program;
	struct environment environment;
	struct pool_rules rules;
	const char *could_not; /* why nothing can be kept; NULL if it can */
	int wait_status;       /* of the program */
};

static int check_signal(const struct options *o, struct arena *arena,
			const char **ret_error)
{
	const int number = (int)o->values[SETTING_SIGNAL].number;
	const char *why = signals_refusal(number);

	if (!why)
		return 0;
	*ret_error = arena_printf(arena,
				  "no report can be asked for with %s: it %s; "
				  "take USR1 or USR2, which the program may "
				  "use as well",
				  option_text(o, SETTING_SIGNAL), why);
	return -EINVAL;
}

/* Without a launcher the shim would say so. */
static int check_report(const struct options *o, struct arena *arena,
			const char **ret_error)
{
	const char *when = option_text(o, SETTING_REPORT);

	if (!when || !strcmp(when, "exit"))
		return 0;
	*ret_error = arena_printf(arena,
				  "CONNLEAK_REPORT can only be exit, not '%s'",
				  printable_text(arena, when));
	return -EINVAL;
}

/* More than a reader takes would be a record that nobody can judge. */
static int check_limit(const struct options *o, struct arena *arena,
		       const char **ret_error)
{
	const uint64_t limit = option_size(o, SETTING_RECORD_LIMIT);

	if (limit >= RECORD_FIRST_SIZE && limit <= RECORD_MAX_SIZE)
		return 0;
	*ret_error = arena_printf(
		arena, "--record-limit must be from 64K to 1G, not %s: %s",
		option_text(o, SETTING_RECORD_LIMIT),
		limit > RECORD_MAX_SIZE ? "larger records are refused"
					: "a record begins with that");
	return -EINVAL;
}

static int parse(struct run *run, int argc, char **argv, struct arena *arena,
		 const char **ret_error)
{
	struct options *o = &run->options;
	int err = options_parse(o, COMMAND_RUN, argc, argv, arena, ret_error);

	if (err || o->help)
		return err;
	err = check_limit(o, arena, ret_error);
	if (!err)
		err = check_report(o, arena, ret_error);
	if (!err)
		err = check_signal(o, arena, ret_error);
	if (!err)
		err = command_ask_check(o, ret_error);
	if (!err)
		err = output_check(o, arena, ret_error);
	if (!err)
		err = pool_rules_read(&run->rules, o, start_find_shim(arena),
				      arena, ret_error);
	if (err)
		return err;
	return command_gate(&run->gate, o, arena, ret_error);
}

/*
 * Inside another run, CONNLEAK_DIR is that run's folder, set by its launcher
 * and not by the user: this run has one of its own.
 */
static int try_folder(struct run *run, struct arena *arena,
		      const char **ret_why)
{
	const struct option_value *named = &run->options.values[SETTING_OUTPUT];
	const char *outer = getenv("CONNLEAK_DIR");
	int err = folder_make(&run->folder, arena,
			      named->given ? named->text : NULL, ret_why);

	if (err == -EBUSY && outer && !strcmp(named->text, outer))
		err = folder_make(&run->folder, arena, NULL, ret_why);
	return err;
}

/* A folder that cannot be had must not keep the program from running. */
static int make_folder(struct run *run, struct arena *arena,
		       const char **ret_error)
{
	const char *why = NULL;
	int err = try_folder(run, arena, &why);

	if (err == -ENOTEMPTY || err == -EBUSY) {
		*ret_error = why;
		return err;
	}
	if (err) {
		run->could_not = why;
		fprintf(stderr,
			"connleak: warning: %s; the program runs "
			"unwatched\n",
			why);
	}
	return 0;
}

static int cannot_start(const char *program, int err, struct arena *arena,
			const char **ret_error)
{
	if (err == -ENOENT) {
		*ret_error = arena_printf(
			arena,
			"cannot run %s: there is no such "
			"program%s",
			program, strchr(program, '/') ? "" : " in PATH");
		return STATUS_NOT_FOUND;
	}
	*ret_error = arena_printf(arena, "cannot run %s: %s", program,
				  strerror(-err));
	return STATUS_CANNOT_RUN;
}

/* The program's own status when that is not 0, else what was found. */
static int combine(const struct run *run, int judged)
{
	if (WIFSIGNALED(run->wait_status))
		return 128 + WTERMSIG(run->wait_status);
	if (WEXITSTATUS(run->wait_status))
		return WEXITSTATUS(run->wait_status);
	return judged;
}

/* Whether somebody will want to look at the records again. */
static bool is_worth_keeping(const struct run *run, const struct report *report)
{
	return report->status != REPORT_CLEAN || WIFSIGNALED(run->wait_status);
}

static int judge_run(struct run *run, struct arena *arena,
		     const char **ret_error)
{
	struct report report = { .kept = NULL };
	struct evidence evidence;
	const char *unread = NULL;
	bool keep;
	int status;

	arena_init(&report.arena);
	evidence_init(&evidence, arena);
	if (!run->could_not &&
	    evidence_add(&evidence, run->folder.path, &unread))
		run->could_not = unread;
	command_ask(&report, &run->options, &evidence);
	judge(&report, &evidence, &run->gate, run->could_not);
	keep = run->folder.path && is_worth_keeping(run, &report);
	if (!run->could_not && (keep || run->folder.named))
		report.kept = run->folder.path;
	status = gate_status(&report,
			     option_number(&run->options, SETTING_EXIT_CODE));
	if (output_reports(&report, &run->options, stderr, ret_error)) {
		*ret_error = arena_strdup(arena, *ret_error);
		status = STATUS_FAILED;
		keep = true; /* nobody has read it */
	}
	evidence_release(&evidence);
	arena_release(&report.arena);
	folder_close(&run->folder, keep);
	return combine(run, status);
}

/* What of the program the shim will not see, or NULL. */
static const char *find_cause(struct run *run, struct arena *arena)
{
	struct executable *program = &run->program;
	const char *why = blind_why(program);

	if (program->kind <= EXECUTABLE_UNUSABLE)
		return NULL; /* the exec will say more */
	if (why)
		return arena_printf(arena, "itself cannot be watched: %s; %s",
				    why, blind_cure(program));
	executable_find_libpq(program, arena);
	if (program->libpq == LIBPQ_STRIPPED)
		return "has libpq linked into it, without names: link libpq "
		       "dynamically";
	if (program->libpq == LIBPQ_STATIC &&
	    !option_switch(&run->options, SETTING_STATIC_LIBPQ))
		return "has libpq linked into it: watch it with "
		       "--static-libpq";
	return NULL;
}

/* A warning is no report: --quiet is not about it. */
static void look_at_program(struct run *run, struct arena *arena)
{
	const char *name = run->options.operands[0], *cause;
	const char *path = search_path_find(arena, name);

	executable_look(&run->program, arena, path ? path : name);
	cause = run->could_not ? NULL : find_cause(run, arena);
	if (cause)
		fprintf(stderr, "connleak: warning: %s %s\n",
			printable_text(arena, name), cause);
}

static int prepare_environment(struct run *run, struct arena *arena,
			       const char **ret_error)
{
	const char *shim = start_find_shim(arena);

	if (!shim) {
		*ret_error = "libconnleak.so is missing: it belongs beside "
			     "connleak or in ../lib";
		return -ENOENT;
	}
	run->environment.folder = run->folder.path;
	run->environment.limit =
		option_text(&run->options, SETTING_RECORD_LIMIT);
	run->environment.signal = option_text(&run->options, SETTING_SIGNAL);
	run->environment.static_libpq =
		option_switch(&run->options, SETTING_STATIC_LIBPQ);
	run->environment.scan_time =
		option_text(&run->options, SETTING_SCAN_TIME);
	run->environment.no_scan =
		option_switch(&run->options, SETTING_NO_SCAN);
	run->environment.rules = run->rules.text;
	return environment_prepare(&run->environment, arena, shim,
				   &run->program, ret_error);
}

static void show_view(void *data)
{
	const struct run *run = data;

	if (run->could_not)
		fprintf(stderr, "connleak: nothing can be said now: %s\n",
			run->could_not);
	else
		view_print(run->folder.path, run->gate.thresholds, stderr);
}

static int launch_run(struct run *run, struct arena *arena,
		      const char **ret_error)
{
	struct launch l = {
		.program = run->options.operands,
		.path = run->program.path,
		.wait_ms = option_duration_ms(&run->options, SETTING_WAIT),
		.folder = &run->folder,
		.environment = run->could_not ? NULL : &run->environment,
		.signal = (int)run->options.values[SETTING_SIGNAL].number,
		.view = show_view,
		.view_data = run,
	};
	int err;

	if (!run->could_not && prepare_environment(run, arena, ret_error)) {
		folder_close(&run->folder, false);
		return STATUS_FAILED;
	}
	err = launch(&l, &run->wait_status);
	if (!l.left)
		environment_release(&run->environment);
	if (err) {
		folder_close(&run->folder, false);
		return cannot_start(l.program[0], err, arena, ret_error);
	}
	return judge_run(run, arena, ret_error);
}

int command_run(int argc, char **argv, struct arena *arena,
		const char **ret_error)
{
	struct run run = { .could_not = NULL };

	if (parse(&run, argc, argv, arena, ret_error))
		return STATUS_FAILED;
	if (run.options.help) {
		options_help(COMMAND_RUN, stdout);
		return 0;
	}
	if (run.rules.warning)
		fprintf(stderr, "connleak: warning: %s\n", run.rules.warning);
	relay_prepare();
	if (make_folder(&run, arena, ret_error))
		return STATUS_FAILED;
	look_at_program(&run, arena);
	return launch_run(&run, arena, ret_error);
}
