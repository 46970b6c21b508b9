/* SPDX-License-Identifier: MIT */
/* What words.h, candidates.h and proposal.h promise. */
#include <string.h>

#include "analyzer/candidates.h"
#include "analyzer/proposal.h"
#include "analyzer/words.h"
#include "tests/suites.h"

static struct arena arena;
static struct candidate_pools pools;

static void begin(void)
{
	arena_init(&arena);
}

static void end(void)
{
	arena_release(&arena);
}

/* --- words --- */

static const struct {
	const char *name, *words;
} names[] = {
	{ "pool_take", "pool take" },
	{ "getConnection", "get connection" },
	{ "GetFreePGConn", "get free pg conn" },
	{ "dbpool_conn_consume", "db pool conn consume" },
	{ "getconn", "get conn" },
	{ "ipool_get", "i pool get" },
	{ "app::Pool::take", "app pool take" },
	{ "pool_check_out", "pool checkout a" },
	{ "pool_give_back", "pool giveback a" },
	{ "target", "target" },
	{ "db2_conn", "db2 conn" },
	{ "", "" },
};

START_TEST(a_name_is_divided_into_words)
{
	struct words words;
	char all[200] = "";

	words_split(&words, names[_i].name);
	ck_assert(!words.failed);
	for (size_t i = 0; i < words.count; i++) {
		strcat(all, i ? " " : "");
		strcat(all, words.text[i]);
	}
	ck_assert_str_eq(all, names[_i].words);
}
END_TEST

START_TEST(a_name_without_end_is_not_read)
{
	static char longest[5000];
	struct words words;

	memset(longest, 'a', sizeof(longest) - 1);
	words_split(&words, longest);
	ck_assert(words.failed);
	for (size_t i = 0; i + 1 < sizeof(longest); i += 2)
		longest[i] = '_';
	words_split(&words, longest);
	ck_assert(words.failed);
}
END_TEST

/* --- partners --- */

/* Symbols divided by blanks. */
static void find(const char *symbols)
{
	struct candidate functions[16];
	char *text = arena_strdup(&arena, symbols), *symbol;
	size_t count = 0;

	while ((symbol = strsep(&text, " "))) {
		ck_assert(candidates_name(&functions[count], &arena, symbol));
		functions[count].address = 16 + count;
		count++;
	}
	candidates_find(&pools, &arena, functions, count);
}

static const char *listed(const struct candidate_list *list)
{
	const char *text = "";

	for (size_t i = 0; i < list->count; i++)
		text = arena_printf(&arena, "%s%s%s", text, *text ? " " : "",
				    list->at[i].readable);
	return text;
}

/* "ACQUIRES / RELEASES" of the only pool, or "" where there is none. */
static const struct {
	const char *symbols, *pool;
} partners[] = {
	{ "pool_take pool_give", "pool_take / pool_give" },
	{ "db_pool_acquire db_pool_release", "db_pool_acquire / "
					     "db_pool_release" },
	{ "get_connection release_connection",
	  "get_connection / release_connection" },
	{ "GetFreeConnection ReturnConnection",
	  "GetFreeConnection / ReturnConnection" },
	{ "pgConnectionGet pgConnectionRelease",
	  "pgConnectionGet / pgConnectionRelease" },
	{ "dbpool_conn_consume dbpool_conn_produce",
	  "dbpool_conn_consume / dbpool_conn_produce" },
	{ "db_con_get db_con_close", "db_con_get / db_con_close" },
	{ "dbh_take dbh_drop", "dbh_take / dbh_drop" },
	{ "pool_get_connection pool_put", "pool_get_connection / pool_put" },
	{ "pool_get pool_try_get pool_put", "pool_get pool_try_get / "
					    "pool_put" },
	/* free is the end of the pool here, and gives back there */
	{ "pool_get pool_put pool_free", "pool_get / pool_put" },
	{ "pool_get_conn pool_free_conn", "pool_get_conn / pool_free_conn" },
	{ "pool_take pool_give pool_checkout pool_checkin",
	  "pool_checkout pool_take / pool_checkin pool_give" },
	{ "_ZN3app4Pool4takeEv _ZN3app4Pool4giveEP4Conn",
	  "app::Pool::take / app::Pool::give" },
	{ "_ZN3app4PoolIiE4takeEv _ZN3app4PoolIiE4giveEPi",
	  "app::Pool::take / app::Pool::give" },
	/* nothing to give back, of something else, or about something else */
	{ "get_connection", "" },
	{ "pool_get_size pool_put", "" },
	{ "pool_take queue_give", "" },
	{ "cache_get cache_put", "" },
	{ "connection_get_state connection_release", "" },
	{ "pool_get_release_time pool_put_release_time", "" },
	{ "pool_lock pool_unlock", "" },
};

START_TEST(who_acquires_needs_who_releases)
{
	const char *expected = partners[_i].pool;

	find(partners[_i].symbols);
	ck_assert_uint_eq(pools.count, *expected != 0);
	if (!pools.count)
		return;
	ck_assert_str_eq(arena_printf(&arena, "%s / %s",
				      listed(&pools.at[0].acquires),
				      listed(&pools.at[0].releases)),
			 expected);
}
END_TEST

START_TEST(what_makes_a_pool_is_found_with_it)
{
	find("pool_init pool_take pool_give pool_set_max_connections "
	     "queue_init");
	ck_assert_str_eq(listed(&pools.at[0].makes),
			 "pool_init pool_set_max_connections");
	find("_ZN3app4PoolC1Ei _ZN3app4Pool4takeEv _ZN3app4Pool4giveEPi");
	ck_assert_str_eq(listed(&pools.at[0].makes), "app::Pool::Pool");
}
END_TEST

START_TEST(pools_of_two_names_are_two)
{
	find("a_pool_get b_pool_get a_pool_put b_pool_put");
	ck_assert_uint_eq(pools.count, 2);
	ck_assert_str_eq(listed(&pools.at[1].releases), "b_pool_put");
}
END_TEST

/* --- names --- */

static const struct {
	const char *symbol, *name, *readable;
	bool gone;
} symbols[] = {
	{ "take", "take", "take", false },
	{ "take.lto_priv.0", "take", "take", false },
	{ "take.constprop.0", "take", "take", true },
	{ "take.isra.0.cold", "take", "take", true },
	{ "_ZN1a4takeEiPc", "a::take", "a::take", false },
	{ "_ZN1a4takeB5cxx11Ev", "a::take", "a::take", false },
	{ "_ZN1aIiE4takeEv", "_ZN1aIiE4takeEv", "a::take", false },
	{ "_ZN1a4takeIiEEPT_v", "_ZN1a4takeIiEEPT_v", "a::take", false },
	{ "_ZN12_GLOBAL__N_14takeEv", "(anonymous namespace)::take",
	  "(anonymous namespace)::take", false },
};

START_TEST(a_function_has_a_name_for_rules_and_one_for_people)
{
	struct candidate function;

	ck_assert(candidates_name(&function, &arena, symbols[_i].symbol));
	ck_assert_str_eq(function.name, symbols[_i].name);
	ck_assert_str_eq(function.readable, symbols[_i].readable);
	ck_assert(function.gone == symbols[_i].gone);
}
END_TEST

START_TEST(other_languages_have_other_pools)
{
	struct candidate function;

	ck_assert(!candidates_name(&function, &arena, "main.(*Pool).Take"));
	ck_assert(!candidates_name(&function, &arena,
				   "_ZN4pool4take17h0123456789abcdefE"));
	ck_assert(!candidates_name(&function, &arena, "take.cold"));
}
END_TEST

START_TEST(libraries_of_the_system_are_left_out)
{
	ck_assert(candidates_leave("libc.so.6"));
	ck_assert(candidates_leave("libpq.so.5.15"));
	ck_assert(!candidates_leave("libpool.so.1"));
	ck_assert(!candidates_leave("server"));
}
END_TEST

/* --- places --- */

#define CONN(pointers)                                                     \
	{                                                                  \
		.sort = TYPE_OBJECT, .depth = pointers, .name = "pg_conn", \
		.shown = "PGconn *"                                        \
	}
#define POOL(pointers)                                                  \
	{                                                               \
		.sort = TYPE_OBJECT, .depth = pointers, .name = "pool", \
		.shown = "pool *"                                       \
	}
#define INT                                                      \
	{                                                        \
		.sort = TYPE_INTEGER, .bytes = 4, .shown = "int" \
	}
#define BOOL                                                      \
	{                                                         \
		.sort = TYPE_BOOLEAN, .bytes = 1, .shown = "bool" \
	}

static struct parameter takes_nothing[1];
static struct parameter takes_conn[] = { { CONN(1), "conn", 1, false } };
static struct parameter takes_conns[] = { { CONN(2), "conn", 1, false } };
static struct parameter takes_both[] = { { POOL(1), "pool", 1, false },
					 { CONN(1), "conn", 2, false } };
static struct parameter takes_pool[] = { { POOL(1), "pool", 1, false } };
static struct parameter takes_out[] = { { POOL(1), "pool", 1, false },
					{ CONN(2), "out", 2, false } };
static struct parameter takes_number[] = { { POOL(1), "pool", 1, false },
					   { INT, "n", 2, false } };
static struct parameter takes_sizes[] = { { POOL(2), "out", 1, false },
					  { INT, "min_size", 2, false },
					  { INT, "conns", 3, false },
					  { INT, "max_size", 4, false } };

static struct proposal p;

static bool propose(struct type result, struct parameter *acquire,
		    size_t acquire_count, struct parameter *release,
		    size_t release_count)
{
	const struct signature a = { .result = result,
				     .parameters = acquire,
				     .count = acquire_count };
	const struct signature r = { .parameters = release,
				     .count = release_count };

	return proposal_find(&p, &arena, &a, &r);
}

START_TEST(what_is_returned_and_taken_is_the_handle)
{
	ck_assert(
		propose((struct type)CONN(1), takes_nothing, 0, takes_conn, 1));
	ck_assert_str_eq(p.acquire.handle, "return");
	ck_assert_str_eq(p.release.handle, "arg1");
	ck_assert_ptr_null(p.acquire.pool);
	ck_assert(p.has_connection);
	ck_assert(propose((struct type)CONN(1), takes_nothing, 0, takes_conns,
			  1));
	ck_assert_str_eq(p.release.handle, "*arg1");
}
END_TEST

START_TEST(what_both_take_is_the_pool)
{
	ck_assert(propose((struct type)CONN(1), takes_pool, 1, takes_both, 2));
	ck_assert_str_eq(p.acquire.pool, "arg1");
	ck_assert_str_eq(p.release.pool, "arg1");
	ck_assert_str_eq(p.release.handle, "arg2");
}
END_TEST

START_TEST(what_is_stored_and_taken_is_the_handle)
{
	ck_assert(propose((struct type)INT, takes_out, 2, takes_both, 2));
	ck_assert_str_eq(p.acquire.handle, "*arg2");
	ck_assert_str_eq(p.acquire.ok, "zero");
	ck_assert(propose((struct type)BOOL, takes_out, 2, takes_both, 2));
	ck_assert_str_eq(p.acquire.ok, "true");
	ck_assert(propose((struct type){ .sort = TYPE_VOID }, takes_out, 2,
			  takes_both, 2));
	ck_assert_ptr_null(p.acquire.ok);
}
END_TEST

START_TEST(a_number_is_a_handle_with_its_pool)
{
	ck_assert(propose((struct type)INT, takes_pool, 1, takes_number, 2));
	ck_assert_str_eq(p.acquire.handle, "arg1+return:int");
	ck_assert_str_eq(p.release.handle, "arg1+arg2:int");
	ck_assert_str_eq(p.acquire.ok, "nonnegative");
}
END_TEST

START_TEST(what_nobody_takes_back_is_no_handle)
{
	ck_assert(!propose((struct type)CONN(1), takes_nothing, 0, takes_pool,
			   1));
	ck_assert(!propose((struct type){ .sort = TYPE_VOID }, takes_nothing, 0,
			   takes_conn, 1));
}
END_TEST

START_TEST(what_cannot_be_reached_is_no_handle)
{
	static struct parameter takes_far[] = { { CONN(1), "c", 17, false } };

	ck_assert(
		!propose((struct type)CONN(1), takes_nothing, 0, takes_far, 1));
}
END_TEST

START_TEST(the_largest_size_is_the_capacity)
{
	const struct signature maker = { .result = INT,
					 .parameters = takes_sizes,
					 .count = 4 };
	struct capacity c;

	ck_assert(propose((struct type)CONN(1), takes_pool, 1, takes_both, 2));
	ck_assert(proposal_capacity(&c, &arena, &p, &maker));
	ck_assert_str_eq(c.value, "arg4");
	ck_assert_str_eq(c.pool, "*arg1");
	ck_assert_str_eq(c.ok, "zero");
}
END_TEST

START_TEST(a_size_of_another_pool_is_none)
{
	const struct signature maker = { .parameters = takes_sizes + 1,
					 .count = 3 };
	struct capacity c;

	ck_assert(propose((struct type)CONN(1), takes_pool, 1, takes_both, 2));
	ck_assert(!proposal_capacity(&c, &arena, &p, &maker));
	ck_assert(
		propose((struct type)CONN(1), takes_nothing, 0, takes_conn, 1));
	ck_assert(proposal_capacity(&c, &arena, &p, &maker));
	ck_assert_ptr_null(c.pool);
}
END_TEST

START_TEST(what_is_assumed_is_said)
{
	proposal_assume(&p, false);
	ck_assert_str_eq(p.release.handle, "arg1");
	ck_assert_ptr_nonnull(strstr(p.why, "no debug info"));
	ck_assert_ptr_nonnull(p.check);
	proposal_assume(&p, true);
	ck_assert_str_eq(p.release.handle, "arg2");
	ck_assert_str_eq(p.release.pool, "arg1");
}
END_TEST

static void add_names(Suite *suite)
{
	TCase *test = tcase_create("names");

	tcase_add_checked_fixture(test, begin, end);
	tcase_add_loop_test(test, a_name_is_divided_into_words, 0,
			    sizeof(names) / sizeof(names[0]));
	tcase_add_test(test, a_name_without_end_is_not_read);
	tcase_add_loop_test(test, who_acquires_needs_who_releases, 0,
			    sizeof(partners) / sizeof(partners[0]));
	tcase_add_test(test, what_makes_a_pool_is_found_with_it);
	tcase_add_test(test, pools_of_two_names_are_two);
	tcase_add_loop_test(test,
			    a_function_has_a_name_for_rules_and_one_for_people,
			    0, sizeof(symbols) / sizeof(symbols[0]));
	tcase_add_test(test, other_languages_have_other_pools);
	tcase_add_test(test, libraries_of_the_system_are_left_out);
	suite_add_tcase(suite, test);
}

static void add_places(Suite *suite)
{
	TCase *test = tcase_create("places");

	tcase_add_checked_fixture(test, begin, end);
	tcase_add_test(test, what_is_returned_and_taken_is_the_handle);
	tcase_add_test(test, what_both_take_is_the_pool);
	tcase_add_test(test, what_is_stored_and_taken_is_the_handle);
	tcase_add_test(test, a_number_is_a_handle_with_its_pool);
	tcase_add_test(test, what_nobody_takes_back_is_no_handle);
	tcase_add_test(test, what_cannot_be_reached_is_no_handle);
	tcase_add_test(test, the_largest_size_is_the_capacity);
	tcase_add_test(test, a_size_of_another_pool_is_none);
	tcase_add_test(test, what_is_assumed_is_said);
	suite_add_tcase(suite, test);
}

Suite *candidates_suite(void)
{
	Suite *suite = suite_create("candidates");

	add_names(suite);
	add_places(suite);
	return suite;
}
