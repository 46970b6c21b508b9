/* SPDX-License-Identifier: MIT */
#include "analyzer/demangle.h"

#include <ctype.h>
#include <dwarf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "analyzer/arena.h"

/* Of the C++ runtime (libstdc++); its header can only be read as C++. */
char *__cxa_demangle(const char *mangled, char *buffer, size_t *length,
		     int *status);

/* "17h" and 16 hexadecimal digits: a hash is every older Rust name's end. */
#define RUST_HASH	 "17h"
#define RUST_HASH_DIGITS 16

/* Languages younger than the constants of libdw 0.188 have numbers here. */
static const struct {
	unsigned language;
	const char *name;
} languages[] = {
	/* clang-format off */
	{ DW_LANG_C89, "c" }, { DW_LANG_C, "c" }, { DW_LANG_C99, "c" },
	{ DW_LANG_C11, "c" }, { 0x2c /* C17 */, "c" },
	{ DW_LANG_C_plus_plus, "c++" }, { DW_LANG_C_plus_plus_03, "c++" },
	{ DW_LANG_C_plus_plus_11, "c++" }, { DW_LANG_C_plus_plus_14, "c++" },
	{ 0x2a /* C++17 */, "c++" }, { 0x2b /* C++20 */, "c++" },
	{ DW_LANG_Rust, "rust" }, { DW_LANG_Go, "go" }, { DW_LANG_D, "d" },
	{ DW_LANG_Ada83, "ada" }, { DW_LANG_Ada95, "ada" },
	{ 0x2e /* Ada 2005 */, "ada" }, { 0x2f /* Ada 2012 */, "ada" },
	{ DW_LANG_Fortran77, "fortran" }, { DW_LANG_Fortran90, "fortran" },
	{ DW_LANG_Fortran95, "fortran" }, { DW_LANG_Fortran03, "fortran" },
	{ DW_LANG_Fortran08, "fortran" }, { 0x2d /* 2018 */, "fortran" },
	{ DW_LANG_Cobol74, "cobol" }, { DW_LANG_Cobol85, "cobol" },
	{ DW_LANG_ObjC, "objective-c" },
	{ DW_LANG_ObjC_plus_plus, "objective-c++" },
	{ DW_LANG_Pascal83, "pascal" }, { DW_LANG_Modula2, "modula-2" },
	{ DW_LANG_Modula3, "modula-3" }, { DW_LANG_Java, "java" },
	{ DW_LANG_Python, "python" }, { DW_LANG_Haskell, "haskell" },
	{ DW_LANG_OCaml, "ocaml" }, { DW_LANG_Swift, "swift" },
	{ DW_LANG_Julia, "julia" }, { 0x26 /* Kotlin */, "kotlin" },
	{ 0x27 /* Zig */, "zig" }, { 0x28 /* Crystal */, "crystal" },
	{ DW_LANG_Mips_Assembler, "assembler" },
	/* clang-format on */
};

const char *language_name(unsigned language)
{
	size_t i;

	for (i = 0; i < sizeof(languages) / sizeof(*languages); i++)
		if (languages[i].language == language)
			return languages[i].name;
	return NULL;
}

static bool is_rust(const char *symbol)
{
	const char *hash;

	if (strncmp(symbol, "_R", 2) == 0)
		return true;
	if (strncmp(symbol, "_ZN", 3) != 0)
		return false;
	for (hash = strstr(symbol, RUST_HASH); hash;
	     hash = strstr(hash + 1, RUST_HASH)) {
		const char *digits = hash + strlen(RUST_HASH);

		if (strspn(digits, "0123456789abcdef") == RUST_HASH_DIGITS &&
		    digits[RUST_HASH_DIGITS] == 'E')
			return true;
	}
	return false;
}

const char *language_of_symbol(const char *symbol)
{
	if (is_rust(symbol))
		return "rust";
	return strncmp(symbol, "_Z", 2) == 0 ? "c++" : NULL;
}

/* Writes what stands in a Rust name for `*at`, and moves `*at` behind it. */
static char *rust_unescape(char *to, const char **at)
{
	static const struct {
		const char *escape, *text;
	} escapes[] = {
		{ "$LT$", "<" },  { "$GT$", ">" },  { "$RF$", "&" },
		{ "$BP$", "*" },  { "$LP$", "(" },  { "$RP$", ")" },
		{ "$C$", "," },	  { "$u20$", " " }, { "$u7b$", "{" },
		{ "$u7d$", "}" }, { "$u5b$", "[" }, { "$u5d$", "]" },
		{ "$u27$", "'" }, { "$u3b$", ";" }, { "..", "::" },
		{ "_$LT$", "<" },
	};
	size_t i;

	for (i = 0; i < sizeof(escapes) / sizeof(*escapes); i++) {
		const size_t length = strlen(escapes[i].escape);

		if (strncmp(*at, escapes[i].escape, length) == 0) {
			*at += length;
			return stpcpy(to, escapes[i].text);
		}
	}
	*to = *(*at)++;
	return to + 1;
}

/* What replaces an escape is never longer than the escape. */
static void rust_tidy(char *name)
{
	const char *from = name;
	char *hash = strrchr(name, ':'), *to = name;

	if (hash && hash > name && hash[1] == 'h')
		hash[-1] = '\0';
	while (*from)
		to = rust_unescape(to, &from);
	*to = '\0';
}

const char *demangle(struct arena *arena, const char *symbol)
{
	char *copy, *name;
	int status;

	/* Without "_Z" it would be read as a type: "i" is "int". */
	if (strncmp(symbol, "_Z", 2) != 0)
		return NULL;
	name = __cxa_demangle(symbol, NULL, NULL, &status);
	if (!name)
		return NULL;
	if (is_rust(symbol))
		rust_tidy(name);
	copy = arena_strdup(arena, name);
	free(name);
	return copy;
}

/* How much of `symbol` is the name: ".cold" ends foo.cold, not Go's a.colder.
 */
static size_t name_length(const char *symbol)
{
	static const char *const additions[] = {
		"@",	 ".part.", ".isra.",	 ".constprop.",
		".cold", ".cold.", ".lto_priv.", ".llvm.",
	};
	size_t i, length = strlen(symbol);

	for (i = 0; i < sizeof(additions) / sizeof(*additions); i++) {
		const char *found = strstr(symbol, additions[i]);
		const char *tail;

		if (!found || found == symbol)
			continue;
		tail = found + strlen(additions[i]);
		if (*found != '@' && *tail && !isdigit((unsigned char)*tail))
			continue;
		if ((size_t)(found - symbol) < length)
			length = (size_t)(found - symbol);
	}
	return length;
}

const char *demangle_symbol(struct arena *arena, const char *symbol)
{
	const size_t length = name_length(symbol);
	char *name = arena_alloc(arena, length + 1);
	const char *readable;

	memcpy(name, symbol, length);
	readable = demangle(arena, name);
	return readable ? readable : name;
}
