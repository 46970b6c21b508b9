/* SPDX-License-Identifier: MIT */
/*
 * connleak scan: functions that look like a pool's, as rules to paste.
 *
 * All that it prints is a file of rules: what is said to a person stands in
 * comments.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analyzer/closure.h"
#include "analyzer/commands.h"
#include "analyzer/elf_file.h"
#include "analyzer/found_pools.h"
#include "analyzer/naming.h"
#include "analyzer/printable.h"
#include "analyzer/search_path.h"
#include "record/rules.h"

struct scan {
	struct arena *arena;
	const char *name; /* as the user has it */
	struct rule_lines lines;
	size_t files;	  /* that were looked at */
	const char *hint; /* why something may not have been seen; or NULL */
};

static bool is_in_file(const struct rule *rule, const struct scanned *file)
{
	for (size_t i = 0; i < file->count; i++)
		if (rule_names(rule, file->functions[i].symbol))
			return true;
	return false;
}

/* Whether there are built-in rules for functions that are in the file. */
static bool is_built_in(const struct scanned *file)
{
	const char *base = naming_base(file->path), *line;
	struct rule_fault fault;
	struct rule rule;

	for (size_t i = 0; (line = rule_built_in(i)); i++)
		if (rule_parse(line, strlen(line), &rule, &fault) ==
			    RULE_READ &&
		    rule_in(&rule, base, false) && is_in_file(&rule, file))
			return true;
	return false;
}

/* In a library that does not name PostgreSQL, a pool may be one of anything. */
static bool is_likely(const struct scanned *file,
		      const struct candidate_pool *pool, bool is_first)
{
	return is_first || file->uses_postgres || pool->says_pool;
}

static void look_at(struct scan *s, const char *path, bool is_first)
{
	struct candidate_pools pools;
	struct scanned file;

	if (!scanned_read(&file, s->arena, path))
		return;
	s->files++;
	if (is_first && file.stripped && !is_built_in(&file))
		s->hint = "it is stripped: the names of its own functions are "
			  "gone, so scan the file that was not";
	if (is_built_in(&file)) {
		putchar('\n');
		rule_lines_comment(&s->lines,
				   "%s: connleak knows this pool and needs no "
				   "rule.",
				   path);
	} else {
		found_pools_begin(&s->lines, &file, is_first);
		candidates_find(&pools, s->arena, file.functions, file.count);
		for (size_t i = 0; i < pools.count; i++)
			if (is_likely(&file, &pools.at[i], is_first))
				found_pools_write(&s->lines, &pools.at[i]);
		found_pools_end(&s->lines);
	}
	scanned_release(&file);
}

static void say_head(struct scan *s)
{
	const char *name = printable_text(s->arena, s->name);

	rule_lines_comment(&s->lines,
			   "connleak scan %s: functions that look like a "
			   "pool's, as rules.  Keep the pairs of which one "
			   "hands out a connection and the other takes it "
			   "back, delete what is none, and use this file:",
			   name);
	printf("#	connleak run --hooks THIS-FILE %s\n", name);
}

static void say_nothing(struct scan *s)
{
	putchar('\n');
	rule_lines_comment(&s->lines,
			   "Nothing of %s and the libraries that it needs "
			   "(%zu files) looks like a pool that has to be told "
			   "to connleak.%s%s",
			   s->name, s->files, s->hint ? "  But " : "",
			   s->hint ? s->hint : "");
	rule_lines_comment(&s->lines,
			   "What it loads later was not looked at: name those "
			   "files too.  Functions that the compiler has put "
			   "into their callers have no names.  If there is a "
			   "pool, write its two rules yourself:");
	puts("#	acquire  my_take  handle=return\n"
	     "#	release  my_give  handle=arg1");
	rule_lines_comment(&s->lines,
			   "(connleak(1), POOL RULES), or tell connleak from "
			   "the source, by connleak.h.");
}

static const char *find(struct arena *arena, const char *name)
{
	const char *path =
		access(name, F_OK) ? search_path_find(arena, name) : name;
	char *real = path ? realpath(path, NULL) : NULL;
	const char *kept = real ? arena_strdup(arena, real) : NULL;

	free(real);
	return kept;
}

static const char *why_not(struct arena *arena, const char *path)
{
	struct elf_file file;
	const char *why = NULL;
	int err;

	if (!path)
		return "there is no such file";
	err = elf_file_open(&file, arena, path);
	if (!err)
		elf_file_close(&file);
	else if (err == -ENOEXEC)
		why = "it is neither a program nor a library; of a script, "
		      "name the library that has the pool";
	else
		why = strerror(-err);
	return why;
}

static const char *current_folder(struct arena *arena)
{
	char *folder = getcwd(NULL, 0);
	const char *kept = arena_strdup(arena, folder ? folder : "");

	free(folder);
	return kept;
}

static int scan(struct arena *arena, const char *name, const char **ret_error)
{
	struct scan s = { .arena = arena, .name = name };
	const char *path = find(arena, name), *why = why_not(arena, path);
	struct closure closure;

	if (why) {
		*ret_error = arena_printf(arena, "cannot look at %s: %s",
					  printable_text(arena, name), why);
		return STATUS_FAILED;
	}
	s.lines.arena = arena;
	s.lines.folder = current_folder(arena);
	say_head(&s);
	closure_find(&closure, arena, path);
	for (size_t i = 0; closure.files[i]; i++)
		if (!i || !candidates_leave(naming_base(closure.files[i])))
			look_at(&s, closure.files[i], !i);
	if (closure.missing)
		rule_lines_comment(&s.lines,
				   "%s was not found, and not looked at.",
				   closure.missing);
	if (!s.lines.pools && !s.lines.gone)
		say_nothing(&s);
	return 0;
}

int command_scan(int argc, char **argv, struct arena *arena,
		 const char **ret_error)
{
	struct options o;
	int status = 0;

	if (options_parse(&o, COMMAND_SCAN, argc, argv, arena, ret_error))
		return STATUS_FAILED;
	if (o.help) {
		options_help(COMMAND_SCAN, stdout);
		return 0;
	}
	for (int i = 0; !status && i < o.operand_count; i++)
		status = scan(arena, o.operands[i], ret_error);
	return status;
}
