/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * rules - where pools hand out and take back, one line each
 *
 *	# verb    function                          where things are
 *	acquire   dbh_take                          handle=return
 *	release   dbh_drop                          handle=arg1
 *	acquire   apr_reslist_acquire@libaprutil*   handle=*arg2 pool=arg1 ok=zero
 *	acquire   soci::connection_pool::lease      handle=arg1+return pool=arg1
 *	capacity  pool_set_max                      pool=arg1 value=arg2
 *
 * The one parser of them, for the built-in ones (pools.def) and the user's; the
 * launcher and the shim read with it.  Safe in a stranger's process: no malloc,
 * no lock, no locale, no C library but for memory and strings.
 *
 * Words are divided by blanks; a # that begins a word begins a comment.
 *
 * NAME[@LIBRARY], where NAME may stand in double quotes.  It is a name of C, a
 * mangled one, or a readable one of C++ without parameters, which means all
 * overloads.  LIBRARY is compared with the base name of the file, * is any text
 * and ? any byte; @main is the program itself.
 *
 * argN is a machine argument, from 1: an integer or a pointer (`this`, or a
 * hidden pointer to the result, is arg1; floating point is not counted), as it
 * was at the function's entry.  `*argN` is what is stored where it points: read
 * after the return of an acquire or a capacity, at the entry of a release.
 * `return` is what was returned.  Behind each, `:int` says that only 32 bits of
 * it count.  a+b is a handle of two words.
 *
 *	handle=	what is acquired or released
 *	pool=	the pool's address.  Of an acquire or release it is needed
 *		before they run, so that it is read at their entry, `*argN` too
 *	value=	of a capacity: how many handles the pool has; 32 bits
 *	ok=	of an acquire or a capacity, whether it succeeded:
 *		nonnull (the default): the handle, or the pool, is not 0; one
 *		of two words is 0 if both are.  zero, nonzero, nonnegative: the
 *		`int` that was returned.  true, false: the `bool` that was.
 *		any: always
 *	nested=count	also calls inside of one that another rule names.
 *		Without it only the outermost counts: a wrapper and its pool
 *		are one
 *	known=only	of a release: what is not out is none.  For a function
 *		that is told of others, too, as one that destroys them all
 */
/* clang-format on */
#ifndef RECORD_RULES_H
#define RECORD_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RULE_LONGEST   1024u  /* bytes of a line */
#define RULE_ARGUMENTS 16u    /* arg16 is the last one */
#define RULES_LARGEST  65536u /* bytes of a file of rules */

/* Why a rule on a function that connleak itself hooks does not hold. */
#define RULE_ON_OWN                                                           \
	"connleak watches this function already, and it is no pool's: leave " \
	"the rule out"

enum rule_verb { RULE_ACQUIRE = 1, RULE_RELEASE = 2, RULE_CAPACITY = 3 };

/* Where a word is. */
enum rule_where {
	RULE_NOWHERE = 0, /* not said */
	RULE_RETURN = 1,
	RULE_ARGUMENT = 2,
	RULE_POINTED = 3, /* *argN */
};

enum rule_test {
	RULE_NONNULL = 0,
	RULE_ZERO = 1,
	RULE_NONZERO = 2,
	RULE_NONNEGATIVE = 3,
	RULE_TRUE = 4,
	RULE_FALSE = 5,
	RULE_ANY = 6,
};

/* Bytes in the caller's text, without a NUL. */
struct rule_text {
	const char *at;
	size_t length;
};

struct rule_word {
	uint8_t where;	  /* enum rule_where */
	uint8_t argument; /* 1 to RULE_ARGUMENTS */
	uint8_t bytes;	  /* 8, or 4: read no more, and compare no more */
};

struct rule_value {
	struct rule_word first;
	struct rule_word second; /* RULE_NOWHERE: it is no pair */
};

struct rule {
	enum rule_verb verb;
	struct rule_text function; /* without quotes and library */
	struct rule_text library;  /* length 0: any, and the program */
	struct rule_value handle, pool, value;
	enum rule_test ok;
	bool counts_nested;
	bool knows_only; /* a release of what is not out is not wrong */
	struct rule_text line; /* the rule, without blanks around and comment */
};

/* Why a line is none: `word` of it, and a clause that says what to write. */
struct rule_fault {
	struct rule_text word;
	const char *why;
};

enum rule_answer {
	RULE_READ = 1,
	RULE_BLANK = 0,	 /* nothing, or a comment */
	RULE_WRONG = -1, /* *ret_fault says why */
};

/* All texts point into `line`, which is one line without its end. */
enum rule_answer rule_parse(const char *line, size_t length, struct rule *out,
			    struct rule_fault *ret_fault)
	__attribute__((warn_unused_result));

/*
 * The next line of a text: moves `text` behind it.  The bytes of `dividers`
 * end lines: "\n" in a file, "\n;" in a variable.  False at the end.
 */
bool rule_next_line(struct rule_text *text, const char *dividers,
		    struct rule_text *ret_line);

/*
 * Whether a symbol is the function that is meant.  What the linker calls by
 * another name because it optimised at link time (.lto_priv, .llvm), or with a
 * version behind @, is itself.
 */
bool rule_names(const struct rule *rule, const char *symbol);

/* Whether it is a copy of that function (.constprop, .isra) or a part of it. */
bool rule_names_copy(const struct rule *rule, const char *symbol);

/* Whether the object with this base name is meant; `is_program`: it is @main.
 */
bool rule_in(const struct rule *rule, const char *base, bool is_program);

/*
 * Whether a call that returned `returned` succeeded; first and second are the
 * words of its handle (of a capacity: its pool), second 0 if it is no pair.
 */
bool rule_succeeded(const struct rule *rule, uint64_t returned, uint64_t first,
		    uint64_t second);

/* A word as it counts: its 32 bits, if it is an :int. */
static inline uint64_t rule_word_cut(struct rule_word word, uint64_t value)
{
	return word.bytes == 4 ? (uint32_t)value : value;
}

/* The built-in rules, from 0 on; NULL behind the last. */
const char *rule_built_in(size_t number);

#endif
