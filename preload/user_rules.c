/* SPDX-License-Identifier: MIT */
#include "preload/user_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload/libpq.h"
#include "preload/memory.h"

static const char *const system_names[] = {
#define SYSTEM(name) #name,
#include "preload/system.def"
};

#define SYSTEM_NAMES (sizeof(system_names) / sizeof(system_names[0]))

/* Written by the constructor only. */
static struct {
	struct user_rule *list;
	size_t count;
} rules;

static bool is_own(const struct rule *rule)
{
	for (int i = 0; i < LIBPQ_HOOKS; i++)
		if (rule_names(rule, libpq_name((enum libpq_function)i)))
			return true;
	for (size_t i = 0; i < SYSTEM_NAMES; i++)
		if (rule_names(rule, system_names[i]))
			return true;
	return false;
}

static void keep(struct rule_text line)
{
	struct user_rule *kept = &rules.list[rules.count];
	struct rule_fault fault;
	enum rule_answer answer;

	answer = rule_parse(line.at, line.length, &kept->rule, &fault);
	if (answer == RULE_BLANK)
		return;
	kept->why = NULL;
	if (answer == RULE_WRONG)
		kept->why = fault.why;
	else if (is_own(&kept->rule))
		kept->why = RULE_ON_OWN;
	rules.count++;
}

static void keep_all(struct rule_text text, const char *dividers)
{
	struct rule_text line;

	while (rule_next_line(&text, dividers, &line))
		keep(line);
}

static void keep_trouble(struct rule_text name, const char *why)
{
	struct user_rule *kept = &rules.list[rules.count++];

	memset(kept, 0, sizeof(*kept));
	kept->rule.line = name;
	kept->why = why;
}

/* As many bytes as there are, at most `room`; -1 if it cannot be read. */
static ssize_t read_bytes(int fd, char *bytes, size_t room)
{
	size_t length = 0;
	ssize_t got;

	do {
		got = read(fd, bytes + length, room - length);
		length += got > 0 ? (size_t)got : 0;
	} while ((got > 0 && length < room) || (got < 0 && errno == EINTR));
	return got < 0 ? -1 : (ssize_t)length;
}

/* NULL, or why not. */
static const char *read_file(const char *path, char *bytes,
			     struct rule_text *ret_text)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat about;
	ssize_t length = -1;

	if (fd < 0)
		return "this file of rules cannot be opened here";
	if (!fstat(fd, &about) && S_ISREG(about.st_mode))
		length = read_bytes(fd, bytes, RULES_LARGEST + 1);
	close(fd);
	if (length < 0)
		return "this file of rules cannot be read here";
	if (length > (ssize_t)RULES_LARGEST)
		return "this file of rules is too large";
	*ret_text = (struct rule_text){ bytes, (size_t)length };
	return NULL;
}

static struct rule_text copy(char *to, const char *text)
{
	const size_t length = strlen(text);

	memcpy(to, text, length);
	return (struct rule_text){ to, length };
}

static size_t count_lines(struct rule_text text, const char *dividers)
{
	struct rule_text line;
	size_t count = 0;

	while (rule_next_line(&text, dividers, &line))
		count++;
	return count;
}

/* Where rules are not wanted, which is nearly everywhere, nothing is taken. */
void user_rules_read(const char *hook, const char *file)
{
	const size_t size = strlen(hook) + strlen(file);
	size_t lines;
	char *bytes = size ? memory_map(size + RULES_LARGEST + 1) : NULL;
	struct rule_text variable, name, text = { NULL, 0 };
	const char *why = NULL;

	if (!bytes)
		return;
	variable = copy(bytes, hook);
	name = copy(bytes + variable.length, file);
	if (*file)
		why = read_file(file, bytes + size, &text);
	lines = count_lines(variable, "\n;") + count_lines(text, "\n");
	/* One more, for the file's name, or a line that is blank at the end. */
	rules.list = memory_map((lines + 1) * sizeof(*rules.list));
	if (!rules.list)
		return;
	keep_all(variable, "\n;");
	if (why)
		keep_trouble(name, why);
	else
		keep_all(text, "\n");
}

const struct user_rule *user_rules(size_t *ret_count)
{
	*ret_count = rules.count;
	return rules.list;
}
