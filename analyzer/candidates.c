/* SPDX-License-Identifier: MIT */
#include "analyzer/candidates.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "analyzer/demangle.h"
#include "analyzer/words.h"

static const char *const left_out[] = {
#define ACQUIRE(word, with)
#define RELEASE(word, n)
#define MAKES(word)
#define SIZE(word)
#define SUBJECT(word, is_strong, is_thing)
#define FILLER(word)
#define LEAVE(pattern) pattern,
#include "analyzer/candidates.def"
};

bool candidates_leave(const char *base)
{
	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
		if (!fnmatch(left_out[i], base, 0))
			return true;
	return false;
}

/* A function whose name has been read. */
struct named {
	struct candidate function;
	enum word_sort role;	 /* WORD_ACQUIRE, _RELEASE or _MAKES */
	const struct word *verb; /* of ACQUIRE and RELEASE */
	const char *stem;	 /* the words but the verb */
	const char *core;	 /* and without things; "" if that is too few */
	bool says_pool;
};

/* --- what a name says --- */

/* Two verbs make no sense, but in get_free_connection and in lease_release. */
static bool find_verb(struct named *named, const struct words *words)
{
	named->role = WORD_OTHER;
	for (size_t i = words->own; i < words->count; i++) {
		const struct word *word = words_known(words->text[i]);

		if (!word ||
		    (word->sort != WORD_ACQUIRE && word->sort != WORD_RELEASE))
			continue;
		if (named->role == WORD_ACQUIRE &&
		    (!strcmp(word->text, "free") ||
		     !strcmp(word->text, "lease")))
			continue;
		if (named->role != WORD_OTHER &&
		    strcmp(named->verb->text, "lease"))
			return false;
		named->role = word->sort;
		named->verb = word;
	}
	return true;
}

/* A constructor has its class's name. */
static bool is_constructor(const char *name)
{
	const char *own = NULL, *at = name;
	size_t length;

	while ((at = strstr(at, "::")))
		own = at += 2;
	if (!own)
		return false;
	length = strlen(own);
	return (size_t)(own - name) >= length + 2 &&
	       !strncmp(own - 2 - length, own, length) &&
	       ((size_t)(own - name) == length + 2 ||
		own[-3 - (ptrdiff_t)length] == ':');
}

static bool makes(const struct named *named, const struct words *words)
{
	for (size_t i = words->own; i < words->count; i++) {
		const struct word *word = words_known(words->text[i]);

		if (word && word->sort == WORD_MAKES)
			return true;
	}
	return is_constructor(named->function.readable);
}

static bool is_dropped(const struct named *named, const struct words *words,
		       size_t i)
{
	const struct word *word = words_known(words->text[i]);

	if (!word || word->sort == WORD_OTHER || word->sort == WORD_SUBJECT)
		return false;
	if (word == named->verb || word->sort == WORD_FILLER)
		return true;
	if (!strcmp(word->text, "free"))
		return named->role == WORD_ACQUIRE;
	return named->role == WORD_MAKES &&
	       (word->sort == WORD_MAKES || word->sort == WORD_SIZE);
}

static void append(char *text, const char *word)
{
	if (*text)
		strcat(text, " ");
	strcat(text, word);
}

/* False if too little is left to speak of pools. */
static bool find_stem(struct named *named, const struct words *words,
		      struct arena *arena)
{
	const size_t end = is_constructor(named->function.readable)
				   ? words->own
				   : words->count;
	char stem[WORDS_MAX * WORD_MAX] = "", core[sizeof(stem)] = "";
	bool strong = false, core_strong = false, database = false;

	for (size_t i = 0; i < end; i++) {
		const struct word *word = words_known(words->text[i]);
		const bool thing =
			word && word->sort == WORD_SUBJECT && word->thing;

		if (is_dropped(named, words, i))
			continue;
		append(stem, words->text[i]);
		strong |= word && word->strong;
		database |= thing || (word && word->sort == WORD_SUBJECT &&
				      !word->strong);
		if (thing)
			continue;
		append(core, words->text[i]);
		core_strong |= word && word->strong;
	}
	named->says_pool = core_strong && database;
	named->stem = arena_strdup(arena, stem);
	named->core = core_strong ? arena_strdup(arena, core) : "";
	return strong;
}

static bool read_name(struct named *named, const struct candidate *function,
		      struct arena *arena)
{
	struct words words;

	*named = (struct named){ .function = *function };
	words_split(&words, function->readable);
	if (words.failed || !find_verb(named, &words))
		return false;
	if (named->role == WORD_OTHER && makes(named, &words))
		named->role = WORD_MAKES;
	return named->role != WORD_OTHER && find_stem(named, &words, arena);
}

bool candidates_may_be(struct arena *arena, const struct candidate *function)
{
	struct named named;

	return read_name(&named, function, arena);
}

/* --- partners --- */

static bool belong_together(const struct named *a, const struct named *b)
{
	return !strcmp(a->stem, b->stem) ||
	       (*a->core && !strcmp(a->core, b->core));
}

/* How likely `b` gives back what `a` took: the lower the likelier. */
static int rank(const struct named *a, const struct named *b)
{
	const int apart = strcmp(a->stem, b->stem) != 0;
	const size_t length = strlen(a->verb->partner);

	if (!strncmp(b->verb->text, a->verb->partner, length))
		return apart;
	return 2 * b->verb->rank + apart;
}

static void add(struct candidate_list *list, struct arena *arena,
		const struct candidate *function)
{
	list->at = arena_grow(arena, list->at, list->count, sizeof(*list->at));
	list->at[list->count++] = *function;
}

struct search {
	struct arena *arena;
	struct named *named;
	size_t count;
	bool *taken; /* those that are in a pool already */
};

static bool gives_back(const struct named *acquire, const struct named *other)
{
	return other->role == WORD_RELEASE && belong_together(acquire, other);
}

/* free and close are for the pool itself, where something else gives back. */
static void add_releases(struct search *s, struct candidate_pool *pool,
			 const struct named *acquire)
{
	int best = INT_MAX - 1;

	for (size_t i = 0; i < s->count; i++)
		if (gives_back(acquire, &s->named[i]) &&
		    rank(acquire, &s->named[i]) < best)
			best = rank(acquire, &s->named[i]);
	for (size_t i = 0; i < s->count; i++) {
		if (s->taken[i] || !gives_back(acquire, &s->named[i]) ||
		    rank(acquire, &s->named[i]) > best + 1)
			continue;
		add(&pool->releases, s->arena, &s->named[i].function);
		s->taken[i] = true;
	}
}

static void add_pool(struct search *s, struct candidate_pools *pools,
		     const struct named *first)
{
	struct candidate_pool pool = { .says_pool = first->says_pool };

	for (size_t i = 0; i < s->count; i++) {
		const struct named *named = &s->named[i];

		if (s->taken[i] || !belong_together(first, named))
			continue;
		if (named->role == WORD_ACQUIRE) {
			add(&pool.acquires, s->arena, &named->function);
			add_releases(s, &pool, named);
			s->taken[i] = true;
		} else if (named->role == WORD_MAKES) {
			add(&pool.makes, s->arena, &named->function);
		}
	}
	if (!pool.releases.count)
		return;
	pools->at = arena_grow(s->arena, pools->at, pools->count,
			       sizeof(*pools->at));
	pools->at[pools->count++] = pool;
}

static int by_name(const void *a, const void *b)
{
	const struct named *left = a, *right = b;

	return strcmp(left->function.name, right->function.name);
}

void candidates_find(struct candidate_pools *pools, struct arena *arena,
		     const struct candidate *functions, size_t count)
{
	struct search s = { .arena = arena };
	struct named named;

	*pools = (struct candidate_pools){ .count = 0 };
	for (size_t i = 0; i < count; i++) {
		if (!read_name(&named, &functions[i], arena))
			continue;
		s.named = arena_grow(arena, s.named, s.count, sizeof(named));
		s.named[s.count++] = named;
	}
	if (!s.count)
		return;
	qsort(s.named, s.count, sizeof(named), by_name);
	s.taken = arena_array(arena, s.count, sizeof(*s.taken));
	for (size_t i = 0; i < s.count; i++)
		if (s.named[i].role == WORD_ACQUIRE && !s.taken[i])
			add_pool(&s, pools, &s.named[i]);
}

/* --- names for rules --- */

/* Up to the parameters; "(anonymous namespace)" is none. */
static size_t without_parameters(const char *readable)
{
	static const char anonymous[] = "(anonymous namespace)";
	size_t at = strcspn(readable, "(");

	while (!strncmp(readable + at, anonymous, strlen(anonymous))) {
		at += strlen(anonymous);
		at += strcspn(readable + at, "(");
	}
	return at;
}

/* What is between < and > does not matter, nor what stands before blanks. */
static const char *without_template(struct arena *arena, const char *name)
{
	char *plain = arena_strdup(arena, name), *to = plain;
	int depth = 0;

	for (; *name; name++) {
		depth += *name == '<';
		if (!depth)
			*to++ = *name;
		if (*name == ' ' && !depth &&
		    strncmp(name, " namespace)", 11) != 0)
			to = plain;
		depth -= *name == '>';
	}
	*to = 0;
	return plain;
}

static bool name_cxx(struct candidate *function, struct arena *arena)
{
	const char *readable = demangle(arena, function->symbol), *tag;
	size_t length;

	if (!readable || strcmp(language_of_symbol(function->symbol), "c++"))
		return false;
	length = without_parameters(readable);
	tag = strstr(readable, "[abi:");
	if (tag && (size_t)(tag - readable) < length)
		length = (size_t)(tag - readable);
	function->name = arena_printf(arena, "%.*s", (int)length, readable);
	function->readable = without_template(arena, function->name);
	if (strchr(function->name, '<'))
		function->name = function->symbol;
	return true;
}

/*
 * Optimising while linking adds to the name of what is itself; for calls from
 * here and there gcc makes copies, and parts that it puts into callers.
 */
static const char *without_addition(struct candidate *function,
				    struct arena *arena, const char *symbol)
{
	static const struct {
		const char *text;
		bool copy;
	} additions[] = {
		{ ".lto_priv.", false }, { ".llvm.", false },
		{ ".constprop.", true }, { ".isra.", true },
		{ ".part.", true },
	};

	for (size_t i = 0; i < sizeof(additions) / sizeof(*additions); i++) {
		const char *found = strstr(symbol, additions[i].text);

		if (!found)
			continue;
		symbol = arena_printf(arena, "%.*s", (int)(found - symbol),
				      symbol);
		function->gone |= additions[i].copy;
	}
	return symbol;
}

bool candidates_name(struct candidate *function, struct arena *arena,
		     const char *symbol)
{
	*function = (struct candidate){ .gone = false };
	symbol = without_addition(function, arena, symbol);
	function->symbol = function->name = function->readable = symbol;
	if (strchr(symbol, '.'))
		return false;
	return !language_of_symbol(symbol) || name_cxx(function, arena);
}
