/* SPDX-License-Identifier: MIT */
/* connleak report: judges records again. */
#include "analyzer/commands.h"
#include "analyzer/evidence.h"
#include "analyzer/gate.h"
#include "analyzer/judge.h"

static int judge_paths(const struct options *o, const struct gate *gate,
		       const struct judging *judging, struct arena *arena,
		       const char **ret_error)
{
	struct report report = { .kept = NULL };
	struct evidence evidence;
	int status = STATUS_FAILED;

	arena_init(&report.arena);
	evidence_init(&evidence, arena);
	evidence.ended_ns = judging->ended_ns;
	for (int i = 0; i < o->operand_count; i++)
		if (evidence_add(&evidence, o->operands[i], ret_error))
			goto release;
	if (evidence_settle(&evidence, ret_error))
		goto release;
	command_ask(&report, o, &evidence);
	judge(&report, &evidence, gate, NULL);
	if (report.status != REPORT_CLEAN)
		report.kept = judging->kept;
	status = gate_status(&report, option_number(o, SETTING_EXIT_CODE));
	if (output_reports(&report, o, judging->text, ret_error)) {
		*ret_error = arena_strdup(arena, *ret_error);
		status = STATUS_FAILED;
	}
release:
	evidence_release(&evidence);
	arena_release(&report.arena);
	return status;
}

int judge_records(int argc, char **argv, const struct judging *judging,
		  struct arena *arena, const char **ret_error)
{
	struct options o;
	struct gate gate;

	if (options_parse(&o, COMMAND_REPORT, argc, argv, arena, ret_error))
		return STATUS_FAILED;
	if (o.help) {
		options_help(COMMAND_REPORT, stdout);
		return 0;
	}
	if (command_ask_check(&o, ret_error) ||
	    command_gate(&gate, &o, arena, ret_error))
		return STATUS_FAILED;
	return judge_paths(&o, &gate, judging, arena, ret_error);
}

int command_report(int argc, char **argv, struct arena *arena,
		   const char **ret_error)
{
	const struct judging judging = { .text = stdout };

	return judge_records(argc, argv, &judging, arena, ret_error);
}
