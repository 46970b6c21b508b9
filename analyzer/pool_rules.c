/* SPDX-License-Identifier: MIT */
#include "analyzer/pool_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "analyzer/debugfile.h"
#include "analyzer/elf_names.h"
#include "analyzer/printable.h"
#include "record/rules.h"

/* What is being read. */
struct reading {
	struct arena *arena;
	const char *origin; /* the option, the variable or the file */
	bool has_lines;	    /* origin is a file: the line is told */
	const char **own;   /* the shim's functions, ended by NULL */
	unsigned counts[RULE_CAPACITY + 1]; /* of each verb */
	FILE *out;			    /* all rules, for the shim */
	const char **ret_error;
};

static const char *shown(const struct reading *r, struct rule_text text)
{
	return printable_text(
		r->arena,
		arena_printf(r->arena, "%.*s", (int)text.length, text.at));
}

static int refuse(const struct reading *r, unsigned line, struct rule_text word,
		  const char *why)
{
	const char *place = printable_text(r->arena, r->origin);

	if (r->has_lines)
		place = arena_printf(r->arena, "%s:%u", place, line);
	*r->ret_error = word.length
				? arena_printf(r->arena, "%s: '%s': %s", place,
					       shown(r, word), why)
				: arena_printf(r->arena, "%s: %s", place, why);
	return -EINVAL;
}

static int read_line(struct reading *r, unsigned number, struct rule_text line)
{
	struct rule_fault fault;
	struct rule rule;

	switch (rule_parse(line.at, line.length, &rule, &fault)) {
	case RULE_BLANK:
		return 0;
	case RULE_WRONG:
		return refuse(r, number, fault.word, fault.why);
	case RULE_READ:
		break;
	}
	for (size_t i = 0; r->own[i]; i++)
		if (rule_names(&rule, r->own[i]))
			return refuse(r, number, rule.function, RULE_ON_OWN);
	fprintf(r->out, "%s%.*s", ftell(r->out) ? ";" : "",
		(int)rule.line.length, rule.line.at);
	r->counts[rule.verb]++;
	return 0;
}

static int read_lines(struct reading *r, struct rule_text text,
		      const char *dividers)
{
	struct rule_text line;
	unsigned number = 0;
	int err = 0;

	while (!err && rule_next_line(&text, dividers, &line))
		err = read_line(r, ++number, line);
	return err;
}

static int cannot_read(const struct reading *r, const char *why)
{
	*r->ret_error = arena_printf(r->arena, "cannot read %s: %s",
				     printable_text(r->arena, r->origin), why);
	return -EINVAL;
}

static int read_file(struct reading *r)
{
	char *bytes = arena_alloc(r->arena, RULES_LARGEST + 1);
	int fd = regular_open(r->origin);
	ssize_t got = 0;
	size_t length = 0;

	if (fd == -EINVAL)
		return cannot_read(r, "it is no regular file, and every "
				      "process of the run reads it");
	if (fd < 0)
		return cannot_read(r, strerror(-fd));
	do {
		got = read(fd, bytes + length, RULES_LARGEST + 1 - length);
		length += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	close(fd);
	if (got < 0)
		return cannot_read(r, strerror(errno));
	if (length > RULES_LARGEST)
		return cannot_read(r, "it is larger than 64 KiB, too large "
				      "for rules");
	return read_lines(r, (struct rule_text){ bytes, length }, "\n");
}

/* Where one half is missing, everything would be called leaked, or nothing. */
static const char *find_warning(const struct reading *r)
{
	const unsigned acquires = r->counts[RULE_ACQUIRE];
	const unsigned releases = r->counts[RULE_RELEASE];

	if (!acquires && !releases && !r->counts[RULE_CAPACITY])
		return "there is no pool rule, only comments, in what --hooks "
		       "or --hook names";
	if (acquires && !releases)
		return "the pool rules have an acquire and no release: what "
		       "is acquired will never be seen to be given back";
	if (releases && !acquires)
		return "the pool rules have a release and no acquire: nothing "
		       "is known to be out, so nothing can be found";
	return NULL;
}

static int read_all(struct reading *r, const char *hook, const char *hooks)
{
	int err = 0;

	if (hook) {
		r->origin = hook == getenv("CONNLEAK_HOOK") ? "CONNLEAK_HOOK"
							    : "--hook";
		err = read_lines(r, (struct rule_text){ hook, strlen(hook) },
				 "\n;");
	}
	if (!err && hooks) {
		r->origin = hooks;
		r->has_lines = true;
		err = read_file(r);
	}
	return err;
}

int pool_rules_read(struct pool_rules *rules, const struct options *options,
		    const char *shim, struct arena *arena,
		    const char **ret_error)
{
	struct reading r = { .arena = arena, .ret_error = ret_error };
	const char *hook = option_text(options, SETTING_HOOK);
	const char *hooks = option_text(options, SETTING_HOOKS);
	char *text = NULL;
	size_t size = 0;
	int err;

	*rules = (struct pool_rules){ .text = NULL };
	if (!hook && !hooks)
		return 0;
	r.own = elf_names_exported(arena, shim);
	r.out = open_memstream(&text, &size);
	if (!r.out) {
		*ret_error = "there is no memory for the pool rules";
		return -ENOMEM;
	}
	err = read_all(&r, hook, hooks);
	fclose(r.out);
	rules->text = arena_strdup(arena, text);
	rules->warning = find_warning(&r);
	free(text);
	return err;
}
