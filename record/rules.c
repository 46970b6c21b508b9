/* SPDX-License-Identifier: MIT */
#include "record/rules.h"

#include <string.h>

static const char *const built_in[] = {
#define RULE(line) line,
#include "record/pools.def"
};

const char *rule_built_in(size_t number)
{
	return number < sizeof(built_in) / sizeof(built_in[0])
		       ? built_in[number]
		       : NULL;
}

/* A line that is being read: what is left of it, and what was wrong. */
struct line {
	struct rule_text rest;
	struct rule *rule;
	struct rule_fault *fault;
	bool has_ok;
};

/* Sets the fault; is the value to return. */
static bool wrong(struct line *line, struct rule_text word, const char *why)
{
	*line->fault = (struct rule_fault){ word, why };
	return false;
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

static bool equals(struct rule_text text, const char *word)
{
	return text.length == strlen(word) &&
	       !memcmp(text.at, word, text.length);
}

/* Moves over `prefix`, if the text begins with it. */
static bool skip(struct rule_text *text, const char *prefix)
{
	const size_t length = strlen(prefix);

	if (text->length < length || memcmp(text->at, prefix, length) != 0)
		return false;
	text->at += length;
	text->length -= length;
	return true;
}

static struct rule_text take(struct rule_text *text, size_t length)
{
	const struct rule_text taken = { text->at, length };

	text->at += length;
	text->length -= length;
	return taken;
}

/* Up to the byte, which is not there if all of the text is returned. */
static size_t find(struct rule_text text, char byte)
{
	const char *found = memchr(text.at, byte, text.length);

	return found ? (size_t)(found - text.at) : text.length;
}

static void skip_blanks(struct rule_text *text)
{
	while (text->length && is_blank(*text->at))
		take(text, 1);
}

bool rule_next_line(struct rule_text *text, const char *dividers,
		    struct rule_text *ret_line)
{
	size_t length = 0;

	if (!text->length)
		return false;
	while (length < text->length && !strchr(dividers, text->at[length]))
		length++;
	*ret_line = take(text, length);
	if (text->length)
		take(text, 1);
	return true;
}

/* A word; a quote in it goes up to the next one.  Length 0 at the end. */
static struct rule_text next_word(struct line *line)
{
	size_t length = 0;
	bool quoted = false;

	skip_blanks(&line->rest);
	while (length < line->rest.length &&
	       (quoted || !is_blank(line->rest.at[length])))
		quoted ^= line->rest.at[length++] == '"';
	return take(&line->rest, length);
}

static bool parse_verb(struct line *line)
{
	const struct rule_text word = next_word(line);

	if (equals(word, "acquire"))
		line->rule->verb = RULE_ACQUIRE;
	else if (equals(word, "release"))
		line->rule->verb = RULE_RELEASE;
	else if (equals(word, "capacity"))
		line->rule->verb = RULE_CAPACITY;
	else
		return wrong(line, word,
			     "a rule begins with acquire, release or capacity, "
			     "as in: acquire my_take handle=return");
	return true;
}

static bool is_name_byte(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || byte == '_' || byte == '$' ||
	       byte == '.' || (unsigned char)byte >= 0x80;
}

/* What is between two "::"; ~ only before the last one. */
static const char *component_fault(struct rule_text part, bool last)
{
	if (equals(part, "(anonymous namespace)"))
		return last ? "name the function in it, too" : NULL;
	if (last)
		skip(&part, "~");
	if (!part.length)
		return "a name between two :: is missing";
	for (size_t i = 0; i < part.length; i++) {
		if (part.at[i] == '(')
			return "leave the parameters out, which means all "
			       "overloads; one of them is named by its mangled "
			       "name, as `nm FILE` shows it";
		if (part.at[i] == '<')
			return "the function of a template is named by its "
			       "mangled name, as `nm FILE` shows it";
		if (!is_name_byte(part.at[i]))
			return "write a function's name, as `nm -C FILE` shows "
			       "it before the parameters, or its mangled name";
	}
	return NULL;
}

static bool parse_name(struct line *line, struct rule_text name)
{
	struct rule_text rest = name;
	const char *why;
	bool last;

	do {
		size_t length = 0;

		while (length < rest.length &&
		       (rest.at[length] != ':' || length + 1 == rest.length ||
			rest.at[length + 1] != ':'))
			length++;
		last = length == rest.length;
		why = component_fault(take(&rest, length), last);
	} while (!why && skip(&rest, "::"));
	if (why)
		return wrong(line, name, why);
	line->rule->function = name;
	return true;
}

static bool parse_library(struct line *line, struct rule_text library)
{
	if (!library.length)
		return wrong(line, library,
			     "a library's name is missing behind the @");
	if (find(library, ';') < library.length)
		return wrong(line, library,
			     "a ; divides rules and is in no library's name");
	if (find(library, '/') < library.length)
		return wrong(line, library,
			     "a library is named without its folder, as in "
			     "@libpool.so*");
	if (*library.at == '@' || find(library, '"') < library.length)
		return wrong(line, library,
			     "write a library's name behind one @, as in "
			     "@libpool.so*");
	line->rule->library = library;
	return true;
}

static bool parse_function(struct line *line)
{
	struct rule_text word = next_word(line), name;

	if (!word.length || find(word, '=') < find(word, '"'))
		return wrong(line, word,
			     "the function's name is missing behind the verb");
	if (skip(&word, "\"")) {
		name = take(&word, find(word, '"'));
		if (!skip(&word, "\""))
			return wrong(line, name, "the second \" is missing");
	} else {
		name = take(&word, find(word, '@'));
	}
	if (!parse_name(line, name))
		return false;
	if (!word.length)
		return true;
	if (!skip(&word, "@"))
		return wrong(line, word,
			     "divide words by a blank; only @LIBRARY stands "
			     "right behind a name");
	return parse_library(line, word);
}

/* N of argN, from 1; 0 if it is none. */
static uint8_t parse_number(struct rule_text digits)
{
	unsigned number = 0;

	if (!digits.length || *digits.at == '0')
		return 0;
	for (; digits.length; take(&digits, 1)) {
		if (*digits.at < '0' || *digits.at > '9')
			return 0;
		number = number * 10 + (unsigned)(*digits.at - '0');
		if (number > RULE_ARGUMENTS)
			return 0;
	}
	return (uint8_t)number;
}

static bool parse_word(struct rule_text text, struct rule_word *word)
{
	struct rule_text place = take(&text, find(text, ':'));
	bool pointed;

	*word = (struct rule_word){ .bytes = 8 };
	if (text.length && !equals(text, ":int"))
		return false;
	if (text.length)
		word->bytes = 4;
	if (equals(place, "return")) {
		word->where = RULE_RETURN;
		return true;
	}
	pointed = skip(&place, "*");
	if (!skip(&place, "arg"))
		return false;
	word->where = pointed ? RULE_POINTED : RULE_ARGUMENT;
	word->argument = parse_number(place);
	return word->argument != 0;
}

static bool parse_value(struct line *line, struct rule_text text,
			struct rule_value *value)
{
	const struct rule_text whole = text;
	const struct rule_text first = take(&text, find(text, '+'));

	if (value->first.where)
		return wrong(line, whole, "it is said twice; leave one out");
	if (!parse_word(first, &value->first) ||
	    (skip(&text, "+") && !parse_word(text, &value->second)))
		return wrong(line, whole,
			     "write return, argN or *argN (arg1 to arg16), "
			     "with :int behind it for an int, or two of them "
			     "as a+b");
	return true;
}

static bool parse_ok(struct line *line, struct rule_text text)
{
	static const char *const names[] = {
		[RULE_NONNULL] = "nonnull", [RULE_ZERO] = "zero",
		[RULE_NONZERO] = "nonzero", [RULE_NONNEGATIVE] = "nonnegative",
		[RULE_TRUE] = "true",	    [RULE_FALSE] = "false",
		[RULE_ANY] = "any",
	};

	if (line->has_ok)
		return wrong(line, text, "ok= is said twice; leave one out");
	line->has_ok = true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (equals(text, names[i])) {
			line->rule->ok = (enum rule_test)i;
			return true;
		}
	return wrong(line, text,
		     "write ok=nonnull, zero, nonzero, nonnegative, true, "
		     "false or any");
}

static bool parse_nested(struct line *line, struct rule_text text)
{
	if (!equals(text, "count"))
		return wrong(line, text,
			     "write nested=count, or leave it out: then a call "
			     "inside of another rule's is not counted");
	line->rule->counts_nested = true;
	return true;
}

static bool parse_known(struct line *line, struct rule_text text)
{
	if (!equals(text, "only"))
		return wrong(line, text,
			     "write known=only, or leave it out: then to "
			     "release what is not out is wrong");
	line->rule->knows_only = true;
	return true;
}

static bool parse_setting(struct line *line, struct rule_text word)
{
	struct rule_text value = word;

	if (skip(&value, "handle="))
		return parse_value(line, value, &line->rule->handle);
	if (skip(&value, "pool="))
		return parse_value(line, value, &line->rule->pool);
	if (skip(&value, "value="))
		return parse_value(line, value, &line->rule->value);
	if (skip(&value, "ok="))
		return parse_ok(line, value);
	if (skip(&value, "nested="))
		return parse_nested(line, value);
	if (skip(&value, "known="))
		return parse_known(line, value);
	return wrong(line, word,
		     "write handle=, pool=, value=, ok=, nested= or known=, "
		     "without blanks around the =");
}

static bool is_pair(const struct rule_value *value)
{
	return value->second.where != RULE_NOWHERE;
}

static bool reads_return(const struct rule_value *value)
{
	return value->first.where == RULE_RETURN ||
	       value->second.where == RULE_RETURN;
}

static const char *handle_fault(const struct line *line)
{
	const struct rule *rule = line->rule;

	if (!rule->handle.first.where)
		return rule->verb == RULE_ACQUIRE
			       ? "say what is acquired, as in handle=return"
			       : "say what is released, as in handle=arg1";
	if (rule->value.first.where)
		return "value= belongs to a capacity; leave it out";
	if (reads_return(&rule->pool))
		return "the pool is needed before the function runs: "
		       "pool=argN or pool=*argN";
	if (rule->verb == RULE_ACQUIRE)
		return NULL;
	if (reads_return(&rule->handle))
		return "what is released is known before the function runs: "
		       "handle=argN or handle=*argN";
	return line->has_ok ? "a release has no ok=; leave it out" : NULL;
}

static const char *capacity_fault(const struct line *line)
{
	const struct rule *rule = line->rule;

	if (!rule->value.first.where)
		return "say how many handles there are, as in value=arg2";
	if (rule->handle.first.where)
		return "a capacity has no handle=; leave it out";
	if (rule->counts_nested)
		return "a capacity is always counted; leave nested= out";
	return is_pair(&rule->value) ? "value= is one word" : NULL;
}

/* Of the rule as a whole. */
static bool check(struct line *line)
{
	const struct rule *rule = line->rule;
	const char *why = rule->verb == RULE_CAPACITY ? capacity_fault(line)
						      : handle_fault(line);

	if (!why && rule->knows_only && rule->verb != RULE_RELEASE)
		why = "known= belongs to a release; leave it out";
	if (!why && is_pair(&rule->pool))
		why = "pool= is one word";
	return why ? wrong(line, rule->function, why) : true;
}

static bool parse_all(struct line *line)
{
	struct rule_text word;

	if (!parse_verb(line) || !parse_function(line))
		return false;
	while ((word = next_word(line)).length)
		if (!parse_setting(line, word))
			return false;
	return check(line);
}

/* Without blanks around it, and what a comment says. */
static struct rule_text trimmed(struct rule_text text)
{
	bool quoted = false;
	size_t length = 0;

	skip_blanks(&text);
	for (; length < text.length; length++) {
		quoted ^= text.at[length] == '"';
		if (text.at[length] == '#' && !quoted &&
		    (!length || is_blank(text.at[length - 1])))
			break;
	}
	while (length && is_blank(text.at[length - 1]))
		length--;
	return take(&text, length);
}

static bool is_printable(struct rule_text text)
{
	for (size_t i = 0; i < text.length; i++)
		if (((unsigned char)text.at[i] < ' ' && text.at[i] != '\t') ||
		    text.at[i] == 127)
			return false;
	return true;
}

enum rule_answer rule_parse(const char *text, size_t length, struct rule *out,
			    struct rule_fault *ret_fault)
{
	struct line line = { .rest = trimmed(
				     (struct rule_text){ text, length }),
			     .rule = out,
			     .fault = ret_fault };

	memset(out, 0, sizeof(*out));
	if (!line.rest.length)
		return RULE_BLANK;
	out->line = line.rest;
	if (!is_printable(line.rest))
		wrong(&line, take(&line.rest, 0),
		      "there is a byte in it that is no text; write one rule a "
		      "line");
	else if (line.rest.length > RULE_LONGEST)
		wrong(&line, take(&line.rest, 0),
		      "it is longer than 1024 bytes; write one rule a line");
	else if (parse_all(&line))
		return RULE_READ;
	return RULE_WRONG;
}

bool rule_succeeded(const struct rule *rule, uint64_t returned, uint64_t first,
		    uint64_t second)
{
	switch (rule->ok) {
	case RULE_ZERO:
		return (uint32_t)returned == 0;
	case RULE_NONZERO:
		return (uint32_t)returned != 0;
	case RULE_NONNEGATIVE:
		return (int32_t)(uint32_t)returned >= 0;
	case RULE_TRUE:
		return (uint8_t)returned != 0;
	case RULE_FALSE:
		return (uint8_t)returned == 0;
	case RULE_ANY:
		return true;
	case RULE_NONNULL:
		break;
	}
	/* One pool, or all of them, and nothing to look at. */
	if (rule->verb == RULE_CAPACITY && !rule->pool.first.where)
		return true;
	return first || second;
}
