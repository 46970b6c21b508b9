# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Many handles, little room: counts stay exact, or what is lost is told.

record_size() { stat -c %s run/*.rec; }

test_100000_connects_leave_a_small_record_and_exact_counts() {
	expect_status 0 leak_run "$BUILD/tests/programs/many" finish 100000 >out
	json report.json '.totals | [.connects, .finishes, .failed_connects]' \
		'[100000,100000,100000]'
	json report.json '.totals | [.open_at_end, .peak_open, .lost]' '[0,1,0]'
	json report.json '.sites | [length, .[0].acquired, .[0].released]' \
		'[1,100000,100000]'
	# What each begins with, and what its connections did over time.
	expect_equal "$(record_size)" $((65536 + 4096 + 40960)) \
		"size of the record"
}

test_10000_handles_at_once_are_all_counted() {
	expect_status 23 leak_run "$BUILD/tests/programs/many" open 10000 >out
	json report.json '.totals | [.open_at_end, .peak_open, .lost]' \
		'[10000,10000,0]'
	json report.json '.findings | [length, .[0].count, (.[0].handles | length)]' \
		'[1,10000,100]'
}

test_what_does_not_fit_is_lost_and_never_clean() {
	expect_status 24 leak_run --record-limit 64K --fail-on none \
		"$BUILD/tests/programs/many" open 10000 >out
	json report.json .status incomplete
	json report.json '.incomplete[0].reason' lost
	json report.json '.totals | [.connects, .open_at_end]' '[10000,10000]'
	json report.json '.totals.lost + .findings[0].count' 10000
	expect_status 23 leak_run --record-limit 64K \
		"$BUILD/tests/programs/many" open 10000 >out
}

test_a_lost_handle_can_be_allowed() {
	expect_status 0 leak_run --record-limit 64K --fail-on none --allow lost \
		"$BUILD/tests/programs/many" open 10000 >out
	json report.json .status incomplete
}

test_peak_is_a_limit_that_gates() {
	expect_status 0 leak_run --fail-on peak=1 \
		"$BUILD/tests/programs/many" finish 10 >out
	expect_status 23 leak_run --fail-on peak=9 \
		"$BUILD/tests/programs/many" open 10 >out
	json report.json '[.findings[] | select(.gates) | .kind] | join(" ")' \
		over-limit
}
