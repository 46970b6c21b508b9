# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# libzdb: an empty pool says NULL at once, and its errors are longjmps.

# shellcheck source=tests/pools.sh
. "$ROOT/tests/pools.sh"

compile_zdb() {
	needs libzdb-dev
	# shellcheck disable=SC2046
	compile_pool zdb.c $(pkg-config --cflags --libs zdb)
}

test_zdb_lease_left_by_longjmp_is_found() {
	compile_zdb
	check_pool 0 4 "$program" leak
	expect_totals 15 12 4
	expect_leases book book lost 3
	expect_pools 'ConnectionPool_getConnection, 4, 4, 1, 1/0/0'
	expect_exhaustion ConnectionPool_getConnection nothing 4
	expect_cause leak
	expect_misuse ''
}

test_zdb_pool_that_gets_all_back_is_clean() {
	compile_zdb
	check_pool 0 0 "$program" clean
	expect_totals 18 18 4
	expect_pools 'ConnectionPool_getConnection, 4, 4, 1, 1/0/0'
	json report.json .findings '[]'
}

# What main forgot might be used again for all that a pool knows.
test_zdb_pool_that_is_closed_finishes_what_is_leased() {
	compile_zdb
	check_pool 0 0 "$program" stop
	expect_totals 15 12 4
	expect_leases book book lost 3
	expect_misuse finished-while-leased
}

test_zdb_leases_of_a_killed_program_are_known() {
	compile_zdb
	check_pool 137 4 "$program" die
	expect_totals 16 12 4
	expect_leases book book lost 2 book book undecided 1 \
		main die undecided 1
}
