# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# cppdb: a session goes back by itself, or is closed if a query was refused.

# shellcheck source=tests/pools.sh
. "$ROOT/tests/pools.sh"

compile_cppdb() {
	needs libcppdb-dev
	compile_pool cppdb.cc -lcppdb
}

test_cppdb_session_that_an_error_path_forgets_is_found() {
	compile_cppdb
	check_pool 0 5 "$program" leak
	expect_totals 14 11 5
	expect_leases write write lost 3
	expect_misuse ''
}

test_cppdb_pool_that_gets_all_back_is_clean() {
	compile_cppdb
	check_pool 0 0 "$program" clean
	expect_totals 14 14 2
	json report.json .findings '[]'
}
