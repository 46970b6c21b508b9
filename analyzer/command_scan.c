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
	char **names; /* as the user has them; ended by NULL */
	struct rule_lines lines;
	const char **files; /* that were looked at */
	size_t file_count;
	const char *stripped; /* one of which nothing could be seen; or NULL */
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

static void write_pools(struct scan *s, struct scanned *file, bool is_first)
{
	struct candidate_pools pools;

	if (is_built_in(file)) {
		rule_lines_divide(&s->lines);
		rule_lines_comment(&s->lines,
				   "%s: connleak knows this pool and needs no "
				   "rule.",
				   file->path);
		return;
	}
	if (is_first && file->stripped)
		s->stripped = file->path;
	found_pools_begin(&s->lines, file, is_first);
	candidates_find(&pools, s->arena, file->functions, file->count);
	for (size_t i = 0; i < pools.count; i++)
		if (is_likely(file, &pools.at[i], is_first))
			found_pools_write(&s->lines, &pools.at[i]);
	found_pools_end(&s->lines);
}

static bool was_looked_at(const struct scan *s, const char *path)
{
	for (size_t i = 0; i < s->file_count; i++)
		if (!strcmp(s->files[i], path))
			return true;
	return false;
}

static void look_at(struct scan *s, const char *path, bool is_first)
{
	struct scanned file;

	if (was_looked_at(s, path) || !scanned_read(&file, s->arena, path))
		return;
	s->files = arena_grow(s->arena, s->files, s->file_count,
			      sizeof(*s->files));
	s->files[s->file_count++] = path;
	write_pools(s, &file, is_first);
	scanned_release(&file);
}

static void look_at_all(struct scan *s, const char *path)
{
	struct closure closure;

	closure_find(&closure, s->arena, path);
	for (size_t i = 0; closure.files[i]; i++)
		if (!i || !candidates_leave(naming_base(closure.files[i])))
			look_at(s, closure.files[i], !i);
	if (!closure.missing)
		return;
	rule_lines_divide(&s->lines);
	rule_lines_comment(&s->lines, "%s was not found, and not looked at.",
			   closure.missing);
}

/* What there is to run with the rules; of libraries nobody knows. */
static const char *program_of(struct arena *arena, char **names,
			      const char *const *paths)
{
	for (size_t i = 0; names[i]; i++) {
		struct elf_file file;
		bool runs;

		if (elf_file_open(&file, arena, paths[i]))
			continue;
		runs = file.header.e_type == ET_EXEC ||
		       elf_file_loader(&file, arena);
		elf_file_close(&file);
		if (runs)
			return printable_word(arena, names[i]);
	}
	return "PROGRAM";
}

/* "./server, plugins/a.so" */
static const char *list(struct arena *arena, char **names, const char *between)
{
	const char *text = "";

	for (size_t i = 0; names[i]; i++)
		text = arena_printf(arena, "%s%s%s", text, i ? between : "",
				    printable_word(arena, names[i]));
	return text;
}

static void say_head(const struct rule_lines *to, char **names,
		     const char *program)
{
	rule_lines_comment(to,
			   "connleak scan %s: functions that look like a "
			   "pool's, as rules.  Keep a pair if the one hands "
			   "out a connection and the other takes it back, "
			   "delete it if not, and use this file:",
			   list(to->arena, names, " "));
	fprintf(to->out, "#	connleak run --hooks THIS-FILE %s\n\n",
		program);
}

/* ", or in 3 of the libraries needed by it,": the system's are left out. */
static const char *and_libraries(const struct scan *s)
{
	size_t named = 0;

	while (s->names[named])
		named++;
	if (s->file_count <= named)
		return "";
	return arena_printf(s->arena,
			    ", or in %zu of the libraries needed by %s,",
			    s->file_count - named, named == 1 ? "it" : "them");
}

static void say_nothing(struct scan *s)
{
	rule_lines_divide(&s->lines);
	rule_lines_comment(&s->lines,
			   "Nothing in %s%s looks like a pool that has to be "
			   "told to connleak.",
			   list(s->arena, s->names, ", "), and_libraries(s));
	if (s->stripped)
		rule_lines_comment(&s->lines,
				   "But %s is stripped: the names of its own "
				   "functions are gone, so scan the file that "
				   "was not.",
				   s->stripped);
	rule_lines_comment(&s->lines,
			   "What is loaded later was not looked at: name those "
			   "files too.  Functions that the compiler has put "
			   "into their callers have no names.  If there is a "
			   "pool, write its two rules yourself:");
	fputs("#	acquire  my_take  handle=return\n"
	      "#	release  my_give  handle=arg1\n",
	      s->lines.out);
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

/* Nothing is printed before all of them are known to be there. */
static int find_all(struct arena *arena, char **names, const char **paths,
		    const char **ret_error)
{
	for (size_t i = 0; names[i]; i++) {
		const char *why;

		paths[i] = find(arena, names[i]);
		why = why_not(arena, paths[i]);
		if (!why)
			continue;
		*ret_error = arena_printf(arena, "cannot look at %s: %s",
					  printable_text(arena, names[i]), why);
		return STATUS_FAILED;
	}
	return 0;
}

static const char *current_folder(struct arena *arena)
{
	char *folder = getcwd(NULL, 0);
	const char *kept = arena_strdup(arena, folder ? folder : "");

	free(folder);
	return kept;
}

/* The head comes first, and depends on whether there are any rules. */
static int scan(struct arena *arena, char **names, const char *const *paths,
		const char **ret_error)
{
	struct scan s = { .arena = arena, .names = names };
	struct rule_lines head = { .arena = arena, .out = stdout };
	char *text = NULL;
	size_t size = 0;

	s.lines.arena = arena;
	s.lines.folder = current_folder(arena);
	s.lines.out = open_memstream(&text, &size);
	if (!s.lines.out) {
		*ret_error = strerror(errno);
		return STATUS_FAILED;
	}
	for (size_t i = 0; names[i]; i++)
		look_at_all(&s, paths[i]);
	if (!s.lines.pools && !s.lines.gone)
		say_nothing(&s);
	fclose(s.lines.out);
	if (s.lines.pools)
		say_head(&head, names, program_of(arena, names, paths));
	fwrite(text, 1, size, stdout);
	free(text);
	return 0;
}

int command_scan(int argc, char **argv, struct arena *arena,
		 const char **ret_error)
{
	struct options o;
	const char **paths;

	if (options_parse(&o, COMMAND_SCAN, argc, argv, arena, ret_error))
		return STATUS_FAILED;
	if (o.help) {
		options_help(COMMAND_SCAN, stdout);
		return 0;
	}
	paths = arena_array(arena, (size_t)o.operand_count, sizeof(*paths));
	if (find_all(arena, o.operands, paths, ret_error))
		return STATUS_FAILED;
	return scan(arena, o.operands, paths, ret_error);
}
