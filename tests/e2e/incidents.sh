# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Outages of pools: each sample is run once, and its report is held to what the
# sample claims (tests/incidents.sh).  `make incidents-soak` does it ten times.

unset CONNLEAK_FAIL_ON CONNLEAK_NO_SCAN

check_incident() { # NAME
	INCIDENTS=$PWD/incidents "$ROOT/tests/incidents.sh" check "$1"
}

# What `check_incident` has recorded.
judge_again() { # NAME STATUS OPTION...
	expect_status "$2" "$CONNLEAK" report --quiet "${@:3}" \
		"incidents/$1/run"
}

test_incident_spike() { check_incident spike; }
test_incident_analytics_at_peak() { check_incident analytics_at_peak; }
test_incident_pool_too_small() {
	check_incident pool_too_small
	judge_again pool_too_small 23 --fail-on +wait=50ms
	expect_as_many_as_advised_to_be_enough
}

expect_as_many_as_advised_to_be_enough() {
	local size
	size=$(jq '.verdict[0].numbers.advised' \
		incidents/pool_too_small/report.json)
	expect_status 0 leak_run --hooks incidents/pool_too_small/rules -- \
		"$BUILD/samples/pool_too_small" "" "$size" >out
	json report.json '.verdict[0] | [.cause, .numbers.capacity]' \
		"[\"nothing\",$size]"
}

test_incident_orm_after_refactoring() { check_incident orm_after_refactoring; }

test_incident_reports() {
	check_incident reports
	json incidents/reports/report.json '.timeouts.asked.limits[0] |
		[.statement_timeout_s, .lock_timeout_s,
		 .idle_in_transaction_session_timeout_s]' '[0,0,0]'
}

test_incident_healthy() {
	check_incident healthy
	judge_again healthy 0 --strict
	judge_again healthy 0 --fail-on +util=80,wait=50ms
}

test_every_incident_is_shown() {
	sed -nE 's/.*\bcheck_incident ([a-z_]+)\b.*/\1/p' \
		"$ROOT/tests/e2e/incidents.sh" | sort -u >tested
	sed -nE 's/^all\+?=\((.*)\)$/\1/p' "$ROOT/tests/incidents.sh" |
		tr ' ' '\n' | sort >shown
	diff tested shown
}
