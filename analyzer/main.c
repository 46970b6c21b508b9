/* SPDX-License-Identifier: MIT */
/* connleak: the commands, and the one place that prints errors and exits. */
#include <stdio.h>
#include <string.h>

#include "analyzer/commands.h"

static int command_help(int argc, char **argv, struct arena *arena,
			const char **ret_error);
static int command_later(int argc, char **argv, struct arena *arena,
			 const char **ret_error);

static const struct command_row {
	const char *name;
	int (*run)(int, char **, struct arena *, const char **);
	const char *words, *help;
} commands[] = {
	{ "run", command_run, "[OPTION]... [--] PROGRAM [ARG]...",
	  "run it, watch its process tree, judge it" },
	{ "report", command_report, "[OPTION]... PATH...",
	  "judge records again: a run folder, a record, a core" },
	{ "diff", command_later, NULL, NULL },
	{ "scan", command_scan, "PROGRAM|LIBRARY...",
	  "functions that look like a pool's, as rules to paste" },
	{ "doctor", command_doctor, "PROGRAM [ARG]...",
	  "what would be seen of this program, and how" },
	{ "watch", command_watch, NULL, NULL },
	{ "help", command_help, "[COMMAND]", "what a command takes" },
};
#define COMMAND_ROWS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(void)
{
	puts("connleak finds PostgreSQL connections that a program takes and "
	     "never gives\nback, and names the line that took them.\n");
	for (size_t i = 0; i < COMMAND_ROWS; i++)
		if (commands[i].help)
			printf("  connleak %s %s\n      %s\n", commands[i].name,
			       commands[i].words, commands[i].help);
	puts("  connleak --version\n\n"
	     "Exit status of run: the program's own when that is not 0; else\n"
	     "23 when something was found that gates, 24 when not everything\n"
	     "was seen, 125 when connleak itself failed; 126 and 127 as in a\n"
	     "shell.");
}

static const struct command_row *find(const char *name)
{
	for (size_t i = 0; i < COMMAND_ROWS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int unknown(struct arena *arena, const char *name,
		   const char **ret_error)
{
	*ret_error = arena_printf(arena,
				  "unknown command '%s'; `connleak help` lists "
				  "them%s",
				  name,
				  name[0] == '-' ? ""
						 : " (to run a program: "
						   "connleak run PROGRAM)");
	return STATUS_FAILED;
}

static int command_later(int argc, char **argv, struct arena *arena,
			 const char **ret_error)
{
	(void)argc;
	*ret_error = arena_printf(arena, "%s is not built yet in this version",
				  argv[0]);
	return STATUS_FAILED;
}

static int command_help(int argc, char **argv, struct arena *arena,
			const char **ret_error)
{
	static char flag[] = "--help";
	const struct command_row *row;

	if (argc < 2) {
		print_usage();
		return 0;
	}
	row = find(argv[1]);
	if (!row)
		return unknown(arena, argv[1], ret_error);
	if (row->run == command_help) {
		print_usage();
		return 0;
	}
	return row->run(2, (char *[]){ argv[1], flag, NULL }, arena, ret_error);
}

static int dispatch(int argc, char **argv, struct arena *arena,
		    const char **ret_error)
{
	const struct command_row *row;

	if (argc < 2) {
		*ret_error =
			"what should it do? `connleak run PROGRAM` watches "
			"a program; `connleak help` says more";
		return STATUS_FAILED;
	}
	if (!strcmp(argv[1], "--version")) {
		puts("connleak " CONNLEAK_VERSION);
		return 0;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_usage();
		return 0;
	}
	row = find(argv[1]);
	if (!row)
		return unknown(arena, argv[1], ret_error);
	return row->run(argc - 1, argv + 1, arena, ret_error);
}

int main(int argc, char **argv)
{
	const char *error = NULL;
	struct arena arena;
	int status;

	arena_init(&arena);
	status = dispatch(argc, argv, &arena, &error);
	if (error)
		fprintf(stderr, "connleak: %s\n", error);
	arena_release(&arena);
	return status;
}
