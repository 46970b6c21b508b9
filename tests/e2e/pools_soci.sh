# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# SOCI: leases are numbers, and what goes wrong is thrown.

# shellcheck source=tests/pools.sh
. "$ROOT/tests/pools.sh"

compile_soci() {
	needs libsoci-dev libsoci-postgresql4.0
	compile_pool soci.cc -lsoci_core
}

# A pool of four, and one of one beside it that has the same numbers.
expect_soci() { # ACQUIRES RELEASES
	expect_totals "$1" "$2" 4
	expect_pools "$POOL #1, 1, 1, 0, 0/0/0" "$POOL #2, 4, 4, 2, 0/1/0"
	expect_exhaustion "$POOL #2" error 4
	expect_misuse double-release # it said so itself
}

POOL=soci::connection_pool::lease

test_soci_lease_left_by_an_exception_is_found() {
	compile_soci
	check_pool 0 5 "$program" leak
	expect_leases restaurant::seat seat lost 3
	expect_cause leak
	expect_soci 16 13
}

test_soci_pool_that_gets_all_back_is_clean() {
	compile_soci
	check_pool 0 0 "$program" clean
	expect_leases
	expect_cause hold-and-wait # of the one who looks how many there are
	expect_soci 19 19
}

test_soci_leases_of_an_aborted_program_are_known() {
	compile_soci
	check_pool 134 5 "$program" die
	expect_leases restaurant::seat seat lost 2 \
		restaurant::seat seat undecided 1 \
		restaurant::abandon abandon undecided 1
	expect_soci 17 13
}
