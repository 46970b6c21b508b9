/* SPDX-License-Identifier: MIT */
#include "analyzer/pool_code.h"

#include <string.h>

#include "analyzer/demangle.h"

#define RULES_MAX 4096u /* of one record; every frame is compared with all */

/* A mangled name has its parameters; what a rule means has none. */
static const char *readable(struct arena *arena, const char *name)
{
	char *plain = arena_strdup(arena, demangle(arena, name));
	char *parameters = plain ? strchr(plain, '(') : NULL;

	if (parameters && parameters != plain)
		*parameters = 0;
	return plain ? plain : arena_strdup(arena, name);
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static void add_function(struct pool_code *code, struct arena *arena,
			 const char *name, const char *module)
{
	for (size_t i = 0; i < code->function_count; i++)
		if (is_same(code->functions[i].name, name) &&
		    is_same(code->functions[i].module, module))
			return;
	code->functions =
		arena_grow(arena, code->functions, code->function_count,
			   sizeof(*code->functions));
	code->functions[code->function_count].name = name;
	code->functions[code->function_count++].module = module;
}

static void add_library(struct pool_code *code, struct arena *arena,
			const char *path)
{
	for (size_t i = 0; i < code->library_count; i++)
		if (!strcmp(code->libraries[i], path))
			return;
	code->libraries =
		arena_grow(arena, code->libraries, code->library_count,
			   sizeof(*code->libraries));
	code->libraries[code->library_count++] = path;
}

static void add_rule(struct pool_code *code, struct arena *arena,
		     const struct reader *reader,
		     const struct record_rule *rule)
{
	const char *name = reader_string(reader, rule->function);
	const char *module = reader_string(reader, rule->module);
	const char *exe = reader_string(reader, reader_header(reader)->exe);

	if (!module || !*module) /* nothing has it */
		return;
	if (name && *name)
		add_function(code, arena, readable(arena, name), module);
	if (!is_same(module, exe))
		add_library(code, arena, module);
}

void pool_code_find(struct pool_code *code, struct arena *arena,
		    const struct evidence *e)
{
	*code = (struct pool_code){ .function_count = 0 };
	for (size_t i = 0; i < e->record_count; i++) {
		const struct reader *reader = e->records[i].reader;
		struct record_rule rule;

		for (uint32_t n = 0; n < RULES_MAX; n++)
			if (reader_rule(reader, n, &rule))
				add_rule(code, arena, reader, &rule);
	}
}

/* "dbh_take", "dbh_take(pool*)", "dbh_take[abi:cxx11](pool*)" */
static bool is_named(const char *function, const char *name)
{
	const size_t length = strlen(name);

	return !strncmp(function, name, length) &&
	       (!function[length] || strchr("([<.@", function[length]));
}

bool pool_code_has(const struct pool_code *code,
		   const struct report_frame *frame)
{
	for (size_t i = 0; frame->module && i < code->library_count; i++)
		if (!strcmp(code->libraries[i], frame->module))
			return true;
	for (size_t i = 0; frame->function && i < code->function_count; i++) {
		const struct pool_function *f = &code->functions[i];

		if (is_named(frame->function, f->name) &&
		    is_same(f->module, frame->module))
			return true;
	}
	return false;
}

/* What __func__ says of "a::Pool::take(int)" is "take". */
bool pool_code_is_called(const struct report_frame *frame, const char *called)
{
	const size_t length = called ? strlen(called) : 0;
	const char *name = frame->function, *at = name;

	while (length && at && (at = strstr(at, called))) {
		if ((at == name || at[-1] == ':') &&
		    (!at[length] || strchr("([<.@", at[length])))
			return true;
		at++;
	}
	return false;
}
