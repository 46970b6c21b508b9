# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Poco: sessions that go back by themselves, if nobody keeps one.

# shellcheck source=tests/pools.sh
. "$ROOT/tests/pools.sh"

compile_poco() {
	needs libpoco-dev
	compile_pool poco.cc -lPocoDataPostgreSQL -lPocoData -lPocoFoundation
}

test_poco_session_that_somebody_keeps_is_found() {
	compile_poco
	check_pool 0 4 "$program" leak
	expect_totals 13 10 4
	expect_leases order::order order lost 3
	expect_pools 'Poco::Data::SessionPool::get, 4, 4, 0, 0/0/1'
	expect_exhaustion Poco::Data::SessionPool::get exception 4
	expect_cause leak
	expect_misuse ''
}

test_poco_pool_that_gets_all_back_is_clean() {
	compile_poco
	check_pool 0 0 "$program" clean
	expect_totals 16 16 4
	expect_pools 'Poco::Data::SessionPool::get, 4, 4, 0, 0/0/1'
	json report.json .findings '[]'
}
