/* SPDX-License-Identifier: MIT */
/*
 * rules_said RECORD - what a record says of the rules, a line each:
 *
 *	VERB FUNCTION [in FILE] [patched N] [slots N] [built in] [: WHY]
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "record/reader.h"
#include "record/rules.h"

static const char *const verbs[] = {
	[RULE_ACQUIRE] = "acquire",
	[RULE_RELEASE] = "release",
	[RULE_CAPACITY] = "capacity",
};

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void say(const struct reader *record, const struct record_rule *rule)
{
	const char *why = reader_string(record, rule->why);
	const char *module = reader_string(record, rule->module);

	printf("%s %s", verbs[rule->verb],
	       reader_string(record, rule->function));
	if (module)
		printf(" in %s", base_of(module));
	if (rule->patched)
		printf(" patched %u", rule->patched);
	if (rule->slots)
		printf(" slots %u", rule->slots);
	if (rule->flags & RULE_BUILT_IN)
		printf(" built in");
	if (rule->flags & RULE_REFUSED)
		printf(": %s", why);
	printf("\n");
}

int main(int argc, char **argv)
{
	struct reader *record;
	struct record_rule rule;
	const char *why;

	if (argc < 2 || reader_open(AT_FDCWD, argv[1], &record, &why))
		return 1;
	for (uint32_t i = 0; i < reader_count(record, RECORD_RULES); i++)
		if (reader_rule(record, i, &rule))
			say(record, &rule);
	reader_free(record);
	return 0;
}
