/* SPDX-License-Identifier: MIT */
/*
 * The names of rules.h, compared with symbols.
 *
 * No demangler: what is meant is mangled piece by piece, as far as it is
 * known (the Itanium C++ ABI, 5.1), and compared.  Behind the name a symbol
 * says which overload it is, and any is meant.
 */
#include <string.h>

#include "record/rules.h"

/* What is left of a symbol. */
struct symbol {
	const char *at, *end;
};

static bool take(struct symbol *symbol, const char *text, size_t length)
{
	if ((size_t)(symbol->end - symbol->at) < length ||
	    memcmp(symbol->at, text, length) != 0)
		return false;
	symbol->at += length;
	return true;
}

static bool take_one_of(struct symbol *symbol, const char *bytes)
{
	if (symbol->at == symbol->end || !strchr(bytes, *symbol->at))
		return false;
	symbol->at++;
	return true;
}

/* The number before a name; 0 if there is none. */
static size_t take_number(struct symbol *symbol)
{
	size_t number = 0;

	while (symbol->at < symbol->end && *symbol->at >= '0' &&
	       *symbol->at <= '9' && number < RULE_LONGEST)
		number = number * 10 + (size_t)(*symbol->at++ - '0');
	return number;
}

/* As of [[gnu::abi_tag]]: B and a name. */
static void skip_tags(struct symbol *symbol)
{
	while (take(symbol, "B", 1)) {
		const size_t length = take_number(symbol);

		if (length > (size_t)(symbol->end - symbol->at))
			return;
		symbol->at += length;
	}
}

static bool take_name(struct symbol *symbol, struct rule_text name)
{
	static const char anonymous[] = "_GLOBAL__N_1";

	if (*name.at == '(')
		name = (struct rule_text){ anonymous, strlen(anonymous) };
	if (take_number(symbol) != name.length ||
	    !take(symbol, name.at, name.length))
		return false;
	skip_tags(symbol);
	return true;
}

/* Up to the next "::", or the end; moves the name behind it. */
static struct rule_text next_part(struct rule_text *name)
{
	struct rule_text part = *name;

	part.length = 0;
	while (part.length < name->length && part.at[part.length] != ':')
		part.length++;
	name->at += part.length;
	name->length -= part.length;
	if (name->length) {
		name->at += strlen("::");
		name->length -= strlen("::");
	}
	return part;
}

static bool is_same(struct rule_text a, struct rule_text b)
{
	return a.length == b.length && !memcmp(a.at, b.at, a.length);
}

/* The function's own name, in `scope`. */
static bool take_last(struct symbol *symbol, struct rule_text scope,
		      struct rule_text last)
{
	bool taken;

	if (*last.at == '~') {
		last.at++;
		last.length--;
		taken = is_same(scope, last) && take(symbol, "D", 1) &&
			take_one_of(symbol, "012");
		skip_tags(symbol);
		return taken;
	}
	if (is_same(scope, last) && take(symbol, "C", 1)) {
		taken = take_one_of(symbol, "123");
		skip_tags(symbol);
		return taken;
	}
	take(symbol, "L", 1); /* it is static */
	return take_name(symbol, last);
}

/* const and volatile, & and && behind the parameters. */
static void skip_qualifiers(struct symbol *symbol)
{
	while (take_one_of(symbol, "rVK"))
		continue;
	take_one_of(symbol, "RO");
}

/* a::b::c is _ZN1a1b1cE..., c is _Z1c..., std::c is _ZSt1c... */
static bool is_mangled(struct symbol symbol, struct rule_text name)
{
	struct rule_text scope = { "", 0 }, part;
	bool nested;

	if (!take(&symbol, "_Z", 2))
		return false;
	nested = take(&symbol, "N", 1);
	if (nested)
		skip_qualifiers(&symbol);
	part = next_part(&name);
	if (name.length && is_same(part, (struct rule_text){ "std", 3 })) {
		if (!take(&symbol, "St", 2))
			return false;
		part = next_part(&name);
	}
	if (nested != (name.length != 0))
		return false;
	for (; name.length; part = next_part(&name)) {
		if (!take_name(&symbol, part))
			return false;
		scope = part;
	}
	return take_last(&symbol, scope, part) &&
	       (!nested || take(&symbol, "E", 1) ||
		(symbol.at < symbol.end && *symbol.at == 'I')) &&
	       symbol.at < symbol.end;
}

static bool means(struct rule_text name, struct symbol symbol)
{
	const size_t length = (size_t)(symbol.end - symbol.at);

	return is_same(name, (struct rule_text){ symbol.at, length }) ||
	       is_mangled(symbol, name);
}

bool rule_names(const struct rule *rule, const char *symbol)
{
	static const char *const same[] = { "@", ".lto_priv.", ".llvm." };
	const char *end = symbol + strlen(symbol);

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		const char *found = strstr(symbol, same[i]);

		if (found && found < end)
			end = found;
	}
	/* Another copy: its name has parts that no mangled name has. */
	if (!strncmp(symbol, "_Z", 2) &&
	    memchr(symbol, '.', (size_t)(end - symbol)) &&
	    !is_same(rule->function,
		     (struct rule_text){ symbol, (size_t)(end - symbol) }))
		return false;
	return means(rule->function, (struct symbol){ symbol, end });
}

bool rule_names_copy(const struct rule *rule, const char *symbol)
{
	static const char *const copies[] = { ".constprop.", ".isra.",
					      ".part." };

	for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
		const char *found = strstr(symbol, copies[i]);

		if (found &&
		    means(rule->function, (struct symbol){ symbol, found }))
			return true;
	}
	return false;
}

/* The text may have any bytes for *, any one for ?. */
static bool glob(struct rule_text pattern, const char *text)
{
	struct rule_text star = { NULL, 0 };
	const char *again = NULL;

	while (*text) {
		if (pattern.length && *pattern.at == '*') {
			star = pattern;
			again = text;
		} else if (pattern.length &&
			   (*pattern.at == '?' || *pattern.at == *text)) {
			text++;
		} else if (star.at) {
			pattern = star;
			text = ++again;
		} else {
			return false;
		}
		pattern.at++;
		pattern.length--;
	}
	while (pattern.length && *pattern.at == '*') {
		pattern.at++;
		pattern.length--;
	}
	return !pattern.length;
}

bool rule_in(const struct rule *rule, const char *base, bool is_program)
{
	static const struct rule_text program = { "main", 4 };

	if (!rule->library.length)
		return true;
	if (is_same(rule->library, program))
		return is_program;
	return glob(rule->library, base);
}
