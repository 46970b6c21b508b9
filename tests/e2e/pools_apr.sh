# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# APR's resource list, with connections of apr_dbd in it: an acquire waits, for
# a time or for ever.

# shellcheck source=tests/pools.sh
. "$ROOT/tests/pools.sh"

compile_apr() {
	needs libaprutil1-dev libaprutil1-dbd-pgsql
	# shellcheck disable=SC2046
	compile_pool apr.c $(pkg-config --cflags --libs apr-util-1 apr-1)
}

test_apr_lease_that_an_error_path_forgets_is_found() {
	compile_apr
	check_pool 0 4 "$program" leak
	expect_totals 12 9 4
	expect_leases post post lost 3
	expect_pools 'apr_reslist_acquire, 4, 4, 2, 0/1/0'
	expect_exhaustion apr_reslist_acquire error 4
	expect_cause leak
	expect_misuse ''
}

# Connections that the list itself opened or closed are none of the program's.
test_apr_list_that_gets_all_back_is_clean() {
	compile_apr
	check_pool 0 0 "$program" clean
	expect_totals 15 15 4
	expect_pools 'apr_reslist_acquire, 4, 4, 2, 0/1/0'
	json report.json .findings '[]'
}

test_apr_list_that_ends_with_its_memory_is_clean() {
	compile_apr
	check_pool 0 0 "$program" destroy
	expect_totals 15 15 4
	json report.json .findings '[]'
}

# The rules of a known pool see whatever is in it.
test_apr_list_of_something_else_is_no_pool() {
	compile_apr
	check_pool 0 0 "$program" other
	expect_totals 0 0 0
	expect_pools
	json report.json .findings '[]'
}
