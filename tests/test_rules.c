/* SPDX-License-Identifier: MIT */
/* What record/rules.h promises. */
#include <stdlib.h>
#include <string.h>

#include "record/rules.h"
#include "tests/fuzz.h"
#include "tests/suites.h"

static struct rule rule;
static struct rule_fault fault;

static enum rule_answer parse(const char *line)
{
	return rule_parse(line, strlen(line), &rule, &fault);
}

static void parse_right(const char *line)
{
	ck_assert_msg(parse(line) == RULE_READ, "%s: %s", line,
		      fault.why ? fault.why : "blank");
}

static bool is(struct rule_text text, const char *expected)
{
	return text.length == strlen(expected) &&
	       !memcmp(text.at, expected, text.length);
}

static void assert_word(struct rule_word word, enum rule_where where,
			unsigned argument, unsigned bytes)
{
	ck_assert_uint_eq(word.where, where);
	ck_assert_uint_eq(word.argument, argument);
	ck_assert_uint_eq(word.bytes, bytes);
}

START_TEST(an_acquire_says_where_its_handle_and_its_pool_are)
{
	parse_right("acquire dbh_take handle=*arg2 pool=arg1 ok=zero");
	ck_assert_int_eq(rule.verb, RULE_ACQUIRE);
	ck_assert(is(rule.function, "dbh_take"));
	ck_assert_uint_eq(rule.library.length, 0);
	assert_word(rule.handle.first, RULE_POINTED, 2, 8);
	ck_assert_int_eq(rule.handle.second.where, RULE_NOWHERE);
	assert_word(rule.pool.first, RULE_ARGUMENT, 1, 8);
	ck_assert_int_eq(rule.ok, RULE_ZERO);
	ck_assert(!rule.counts_nested);
	ck_assert(!rule.knows_only);
}
END_TEST

START_TEST(a_release_and_a_capacity_are_read)
{
	parse_right("release dbh_drop handle=arg16 nested=count");
	ck_assert_int_eq(rule.verb, RULE_RELEASE);
	assert_word(rule.handle.first, RULE_ARGUMENT, 16, 8);
	ck_assert(rule.counts_nested);
	parse_right("release dbh_free handle=arg1 known=only");
	ck_assert(rule.knows_only);
	parse_right("capacity pool_new pool=return value=arg1");
	ck_assert_int_eq(rule.verb, RULE_CAPACITY);
	assert_word(rule.pool.first, RULE_RETURN, 0, 8);
	assert_word(rule.value.first, RULE_ARGUMENT, 1, 8);
}
END_TEST

START_TEST(a_handle_may_be_two_words_and_a_word_an_int)
{
	parse_right("acquire lease handle=arg1+return:int");
	assert_word(rule.handle.first, RULE_ARGUMENT, 1, 8);
	assert_word(rule.handle.second, RULE_RETURN, 0, 4);
	ck_assert_uint_eq(rule_word_cut(rule.handle.first, UINT64_MAX),
			  UINT64_MAX);
	ck_assert_uint_eq(rule_word_cut(rule.handle.second, UINT64_MAX),
			  UINT32_MAX);
}
END_TEST

START_TEST(blanks_and_comments_do_not_matter)
{
	parse_right(" \tacquire\t take  handle=return  # that one \r");
	ck_assert(is(rule.line, "acquire\t take  handle=return"));
	ck_assert_int_eq(parse(""), RULE_BLANK);
	ck_assert_int_eq(parse(" \t\r"), RULE_BLANK);
	ck_assert_int_eq(parse("# acquire take handle=return"), RULE_BLANK);
	ck_assert_int_eq(parse("  #"), RULE_BLANK);
}
END_TEST

START_TEST(a_name_may_be_quoted_and_limited_to_a_library)
{
	parse_right("release a::b::~b@libpool-1.so* handle=arg1");
	ck_assert(is(rule.function, "a::b::~b"));
	ck_assert(is(rule.library, "libpool-1.so*"));
	parse_right("release \"(anonymous namespace)::drop\"@main handle=arg1");
	ck_assert(is(rule.function, "(anonymous namespace)::drop"));
	ck_assert(is(rule.library, "main"));
}
END_TEST

/* Lines, and a piece of what is said about each. */
static const struct {
	const char *line, *word, *why;
} wrong[] = {
	{ "aquire a handle=return", "aquire", "begins with acquire" },
	{ "acquire", "", "name is missing" },
	{ "acquire handle=return", "handle=return", "name is missing" },
	{ "acquire a", "a", "as in handle=return" },
	{ "release a pool=arg1", "a", "as in handle=arg1" },
	{ "acquire a handle=arg0", "arg0", "argN" },
	{ "acquire a handle=arg01", "arg01", "argN" },
	{ "acquire a handle=arg17", "arg17", "arg16" },
	{ "acquire a handle=arg99999999999999999999", "arg99999999999999999999",
	  "arg16" },
	{ "acquire a handle=", "", "write return" },
	{ "acquire a handle=*return", "*return", "write return" },
	{ "acquire a handle=arg1+", "arg1+", "write return" },
	{ "acquire a handle=arg1+arg2+arg3", "arg1+arg2+arg3", "two" },
	{ "acquire a handle=arg1:long", "arg1:long", ":int" },
	{ "acquire a handle = return", "handle", "without blanks" },
	{ "acquire a handle=return handle=arg1", "arg1", "twice" },
	{ "acquire a handle=return ok=zero ok=any", "any", "twice" },
	{ "acquire a handle=return ok=null", "null", "ok=nonnull" },
	{ "acquire a handle=return nested=yes", "yes", "nested=count" },
	{ "release a handle=arg1 known=no", "no", "known=only" },
	{ "acquire a handle=return known=only", "a", "known=" },
	{ "acquire a handle=return colour=red", "colour=red", "handle=" },
	{ "acquire a handle=return pool=return", "a", "pool=argN" },
	{ "acquire a handle=return pool=arg1+arg2", "a", "one word" },
	{ "acquire a handle=return value=arg1", "a", "capacity" },
	{ "release a handle=return", "a", "handle=argN" },
	{ "release a handle=arg1+return", "a", "handle=argN" },
	{ "release a handle=arg1 ok=any", "a", "ok=" },
	{ "capacity a pool=arg1", "a", "value=arg2" },
	{ "capacity a handle=arg1 value=arg2", "a", "handle=" },
	{ "capacity a value=arg1+arg2", "a", "one word" },
	{ "capacity a value=arg1 nested=count", "a", "nested=" },
	{ "acquire a::b(int) handle=return", "a::b(int)", "mangled" },
	{ "acquire \"a::b(int, long)\" handle=return", "a::b(int, long)",
	  "mangled" },
	{ "acquire a<int>::b handle=return", "a<int>::b", "template" },
	{ "acquire a:b handle=return", "a:b", "function's name" },
	{ "acquire a::::b handle=return", "a::::b", "between" },
	{ "acquire ::b handle=return", "::b", "between" },
	{ "acquire a:: handle=return", "a::", "between" },
	{ "acquire a::~ handle=return", "a::~", "between" },
	{ "acquire ~a::b handle=return", "~a::b", "function's name" },
	{ "acquire \"\" handle=return", "", "between" },
	{ "acquire \"a handle=return", "a handle=return", "second \"" },
	{ "acquire \"a\"b handle=return", "b", "blank" },
	{ "acquire a@ handle=return", "", "missing behind the @" },
	{ "acquire a@/lib/b.so handle=return", "/lib/b.so", "folder" },
	{ "acquire a@b;c handle=return", "b;c", "divides" },
	{ "acquire a@@V1 handle=return", "@V1", "one @" },
	{ "acquire a-b handle=return", "a-b", "function's name" },
	{ "acquire a\x01 handle=return", "", "no text" },
};

START_TEST(what_is_wrong_is_said_with_what_to_write)
{
	ck_assert_int_eq(parse(wrong[_i].line), RULE_WRONG);
	ck_assert_msg(strstr(fault.why, wrong[_i].why), "%s: %s",
		      wrong[_i].line, fault.why);
	ck_assert_msg(is(fault.word, wrong[_i].word), "%s: %.*s",
		      wrong[_i].line, (int)fault.word.length, fault.word.at);
}
END_TEST

START_TEST(a_rule_is_one_line_of_bounded_length)
{
	char line[2048];

	memset(line, 'a', sizeof(line));
	memcpy(line, "acquire ", 8);
	memcpy(line + RULE_LONGEST - 14, " handle=return", 14);
	ck_assert_int_eq(rule_parse(line, RULE_LONGEST, &rule, &fault),
			 RULE_READ);
	ck_assert_int_eq(rule_parse(line, RULE_LONGEST + 1, &rule, &fault),
			 RULE_WRONG);
	ck_assert_ptr_nonnull(strstr(fault.why, "1024"));
}
END_TEST

/* A function, a symbol, and whether it is meant. */
static const struct {
	const char *function, *symbol;
	bool meant;
} names[] = {
	{ "take", "take", true },
	{ "take", "take@@V1", true },
	{ "take", "take.lto_priv.0", true },
	{ "take", "take.constprop.0", false },
	{ "take", "takes", false },
	{ "take", "tak", false },
	{ "take", "", false },
	{ "take", "_Z4takev", true },
	{ "take", "_ZL4takePi", true },
	{ "take", "_Z4take", false }, /* a variable */
	{ "take", "_Z4takev.cold", false },
	{ "take", "_Z4takev.lto_priv.1", true },
	{ "take", "_Z5takesv", false },
	{ "take", "_ZN1a4takeEv", false },
	{ "_Z4takev", "_Z4takev", true },
	{ "_Z4takev", "_Z4takei", false },
	{ "_Z4takev", "_Z4takev.llvm.123", true },
	{ "a::take", "_ZN1a4takeEv", true },
	{ "a::take", "_ZN1a4takeEiPKc", true },
	{ "a::take", "_ZN1aL4takeEi", true },
	{ "a::take", "_ZNK1a4takeEv", true },
	{ "a::take", "_ZNKO1a4takeEv", true },
	{ "a::take", "_ZN1a4takeIiEEvT_", true },
	{ "a::take", "_ZN1a4takeB5cxx11Ev", true },
	{ "a::take", "_ZN1aB1x4takeEv", true },
	{ "a::take", "_ZN1a4takeE", false }, /* a variable */
	{ "a::take", "_ZN1a4take4moreEv", false },
	{ "a::take", "_ZN1b1a4takeEv", false },
	{ "a::take", "_ZN1a4takeEv.isra.0", false },
	{ "a::take", "_Z4takev", false },
	{ "a::take", "_ZN99999999999999999999a4takeEv", false },
	{ "a::a", "_ZN1aC1Ev", true },
	{ "a::a", "_ZN1aC2Ei", true },
	{ "a::a", "_ZN1aD1Ev", false },
	{ "a::~a", "_ZN1aD0Ev", true },
	{ "a::~a", "_ZN1aD2Ev", true },
	{ "a::~a", "_ZN1aC1Ev", false },
	{ "a::~b", "_ZN1aD1Ev", false },
	{ "a::b::b", "_ZN1a1bC1ERKS0_", true },
	{ "std::take", "_ZSt4takev", true },
	{ "std::a::take", "_ZNSt1a4takeEv", true },
	{ "std::a::take", "_ZNKSt1a4takeEv", true },
	{ "std::take", "_ZN3std4takeEv", false },
	{ "(anonymous namespace)::take", "_ZN12_GLOBAL__N_14takeEv", true },
	{ "a::(anonymous namespace)::take", "_ZN1a12_GLOBAL__N_14takeEv",
	  true },
	{ "take", "_Z", false },
	{ "take", "_ZN", false },
	{ "a::take", "_ZNK", false },
	{ "a::take", "_ZN1aB", false },
	{ "a::take", "_ZN1aB9x", false },
	/* As the libraries of pools.def have them. */
	{ "soci::connection_pool::lease", "_ZN4soci15connection_pool5leaseEv",
	  true },
	{ "soci::connection_pool::connection_pool",
	  "_ZN4soci15connection_poolC1Em", true },
	{ "Poco::Data::SessionPool::putBack",
	  "_ZN4Poco4Data11SessionPool7putBackENS_7AutoPtrINS0_"
	  "19PooledSessionHolderEEE",
	  true },
};

START_TEST(a_name_means_these_symbols_and_no_others)
{
	rule.function = (struct rule_text){ names[_i].function,
					    strlen(names[_i].function) };
	ck_assert_msg(rule_names(&rule, names[_i].symbol) == names[_i].meant,
		      "%s: %s", names[_i].function, names[_i].symbol);
}
END_TEST

START_TEST(copies_and_parts_of_a_function_are_known_as_such)
{
	parse_right("acquire take handle=return");
	ck_assert(rule_names_copy(&rule, "take.constprop.0"));
	ck_assert(rule_names_copy(&rule, "_Z4takev.isra.0"));
	ck_assert(rule_names_copy(&rule, "take.isra.0.constprop.0"));
	ck_assert(rule_names_copy(&rule, "take.part.0"));
	ck_assert(!rule_names_copy(&rule, "take"));
	ck_assert(!rule_names_copy(&rule, "take.cold"));
	ck_assert(!rule_names_copy(&rule, "takes.part.0"));
}
END_TEST

START_TEST(a_library_is_a_glob_and_main_is_the_program)
{
	parse_right("acquire take@lib?ool.so* handle=return");
	ck_assert(rule_in(&rule, "libpool.so", false));
	ck_assert(rule_in(&rule, "libpool.so.1", true));
	ck_assert(!rule_in(&rule, "libspool.so", false));
	parse_right("acquire take@*a*b handle=return");
	ck_assert(rule_in(&rule, "xaxxaxb", false));
	ck_assert(!rule_in(&rule, "xaxxax", false));
	parse_right("acquire take@main handle=return");
	ck_assert(rule_in(&rule, "server", true));
	ck_assert(!rule_in(&rule, "main", false));
	parse_right("acquire take handle=return");
	ck_assert(rule_in(&rule, "server", true));
	ck_assert(rule_in(&rule, "libpool.so", false));
}
END_TEST

/* `ok`, what was returned, the handle, and whether that is a success. */
static const struct {
	enum rule_test ok;
	uint64_t returned, handle;
	bool succeeded;
} calls[] = {
	{ RULE_NONNULL, 0, 1, true },
	{ RULE_NONNULL, 1, 0, false },
	{ RULE_ZERO, 0, 0, true },
	{ RULE_ZERO, 7, 1, false },
	{ RULE_ZERO, 0x100000000, 1, true }, /* rubbish above an int */
	{ RULE_NONZERO, 0x100000000, 1, false },
	{ RULE_NONZERO, 1, 0, true },
	{ RULE_NONNEGATIVE, 0, 0, true },
	{ RULE_NONNEGATIVE, 0xffffffff, 1, false },
	{ RULE_TRUE, 0xff01, 0, true },
	{ RULE_TRUE, 0xff00, 1, false }, /* rubbish above a bool */
	{ RULE_FALSE, 0xff00, 0, true },
	{ RULE_ANY, 0, 0, true },
};

START_TEST(what_a_call_returned_says_whether_it_succeeded)
{
	rule.ok = calls[_i].ok;
	ck_assert(rule_succeeded(&rule, calls[_i].returned, calls[_i].handle,
				 0) == calls[_i].succeeded);
}
END_TEST

START_TEST(a_pair_is_null_if_both_words_are)
{
	rule.ok = RULE_NONNULL;
	ck_assert(rule_succeeded(&rule, 0, 1, 0));
	ck_assert(rule_succeeded(&rule, 0, 0, 1));
	ck_assert(!rule_succeeded(&rule, 1, 0, 0));
}
END_TEST

START_TEST(a_capacity_without_a_pool_succeeds)
{
	parse_right("capacity set_max value=arg1");
	ck_assert(rule_succeeded(&rule, 0, 0, 0));
	parse_right("capacity set_max value=arg1 pool=arg2");
	ck_assert(!rule_succeeded(&rule, 1, 0, 0));
}
END_TEST

START_TEST(a_text_is_lines)
{
	struct rule_text text = { "a\n\nb;c", 6 }, line;

	ck_assert(rule_next_line(&text, "\n", &line) && is(line, "a"));
	ck_assert(rule_next_line(&text, "\n", &line) && is(line, ""));
	ck_assert(rule_next_line(&text, "\n;", &line) && is(line, "b"));
	ck_assert(rule_next_line(&text, "\n;", &line) && is(line, "c"));
	ck_assert(!rule_next_line(&text, "\n;", &line));
}
END_TEST

START_TEST(the_built_in_rules_are_rules_each_for_its_library)
{
	size_t count = 0;

	for (const char *line; (line = rule_built_in(count)); count++) {
		parse_right(line);
		ck_assert_msg(rule.library.length, "%s", line);
	}
	ck_assert_uint_gt(count, 10);
	ck_assert_ptr_null(rule_built_in(SIZE_MAX));
}
END_TEST

static void assert_inside(struct rule_text text, struct rule_text line)
{
	ck_assert(!text.length ||
		  (text.at >= line.at &&
		   text.at + text.length <= line.at + line.length));
}

static bool try_line(struct rule_text line)
{
	char symbol[64] = "_ZN";
	const enum rule_answer answer =
		rule_parse(line.at, line.length, &rule, &fault);

	if (answer == RULE_WRONG) {
		ck_assert_ptr_nonnull(fault.why);
		assert_inside(fault.word, line);
	} else if (answer == RULE_READ) {
		assert_inside(rule.line, line);
		assert_inside(rule.function, rule.line);
		assert_inside(rule.library, rule.line);
		memcpy(symbol + 3, line.at,
		       line.length < 60 ? line.length : 60);
		rule_names(&rule, symbol);
		rule_names_copy(&rule, symbol);
		rule_in(&rule, symbol, false);
	}
	return answer != RULE_WRONG;
}

/* A copy of its own size, so that a byte too far is seen. */
static bool try_damaged(const char *lines, uint32_t seed)
{
	size_t size = strlen(lines);
	char *bytes = (char *)fuzz_mutate(lines, &size, seed, size);
	struct rule_text text = { bytes, size }, line;
	bool all = true;

	while (rule_next_line(&text, "\n", &line))
		all = try_line(line) && all;
	free(bytes);
	return all;
}

START_TEST(damaged_rules_are_read_or_refused)
{
	static const char lines[] =
		"acquire \"a::(anonymous namespace)::b\"@lib*.so? "
		"handle=arg1+*arg12:int pool=*arg1 ok=zero nested=count # x\n"
		"release my::name_space::pool::~pool handle=arg1\n"
		"capacity    _ZN4soci15connection_poolC1Em@libsoci_core.so* "
		"pool=arg1 value=arg2 ok=nonnegative\n";
	const uint32_t count = fuzz_times(20000);
	uint32_t read = 0;

	for (*fuzz_current = 1; *fuzz_current < count; ++*fuzz_current)
		read += try_damaged(lines, *fuzz_current);
	*fuzz_current = 0;
	fuzz_expect_both(read, count);
}
END_TEST

static void add_rules(Suite *suite)
{
	TCase *test = tcase_create("rules");

	tcase_add_test(test, an_acquire_says_where_its_handle_and_its_pool_are);
	tcase_add_test(test, a_release_and_a_capacity_are_read);
	tcase_add_test(test, a_handle_may_be_two_words_and_a_word_an_int);
	tcase_add_test(test, blanks_and_comments_do_not_matter);
	tcase_add_test(test, a_name_may_be_quoted_and_limited_to_a_library);
	tcase_add_loop_test(test, what_is_wrong_is_said_with_what_to_write, 0,
			    sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(test, a_rule_is_one_line_of_bounded_length);
	tcase_add_test(test, a_text_is_lines);
	tcase_add_test(test, the_built_in_rules_are_rules_each_for_its_library);
	suite_add_tcase(suite, test);
}

static void add_names(Suite *suite)
{
	TCase *test = tcase_create("names");

	tcase_add_loop_test(test, a_name_means_these_symbols_and_no_others, 0,
			    sizeof(names) / sizeof(names[0]));
	tcase_add_test(test, copies_and_parts_of_a_function_are_known_as_such);
	tcase_add_test(test, a_library_is_a_glob_and_main_is_the_program);
	tcase_add_loop_test(test,
			    what_a_call_returned_says_whether_it_succeeded, 0,
			    sizeof(calls) / sizeof(calls[0]));
	tcase_add_test(test, a_pair_is_null_if_both_words_are);
	tcase_add_test(test, a_capacity_without_a_pool_succeeds);
	suite_add_tcase(suite, test);
}

Suite *rules_suite(void)
{
	Suite *suite = suite_create("rules");

	add_rules(suite);
	add_names(suite);
	fuzz_add_case(suite, "damage", damaged_rules_are_read_or_refused);
	return suite;
}
