# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What leases are out for: a query, a transaction at rest, or the program.
unset CONNLEAK_FAIL_ON CONNLEAK_VERDICT
export CONNLEAK_NO_SCAN=1 # it is about leases alone

rules='acquire pool_take handle=return; release pool_give handle=arg1;
	capacity pool_open value=arg1'

held_by=$BUILD/tests/programs/held_by

# The first cause, and what most of the time of long holds went into.
check_cause() { # WAY CAUSE SHARE...
	expect_status 0 leak_run --hook "$rules" -- "$held_by" "$1"
	json report.json '.verdict[0].cause' "$2"
	json report.json ".verdict[0].numbers |
		[.query_share, .transaction_share] | map(. > 0.7)" "$3"
	json report.json '[.exhaustions[0].keepers[] | .returned] | all' true
	json report.json '[.exhaustions[0].keepers[] | .held_s >= 1.4] | all' \
		true
	expect_line report.txt '^       came back, after up to [0-9.]+ s$'
}

test_long_holds_in_queries_are_slow_queries() {
	check_cause query slow-query '[true,false]'
	expect_line report.txt '^       4 in a query for up to [0-9.]+ m?s'
}

test_so_they_are_where_the_program_polls_for_the_answer() {
	check_cause sent slow-query '[true,false]'
	expect_line report.txt '^       4 in a query for up to [0-9.]+ m?s'
}

test_long_rests_in_transactions_are_idle_in_transaction() {
	check_cause transaction idle-in-transaction '[false,true]'
	expect_line report.txt '^       4 idle in a transaction; no query for '
}

test_long_holds_without_either_are_the_programs() {
	check_cause program application-holds '[false,false]'
}

# Ends when descriptor 9 is closed, which its standard input is.
start_one() { # WAY
	mkfifo in
	"$CONNLEAK" run --fail-on none --hook "$rules" --held 300ms \
		--signal USR1 -o run --json report.json --text report.txt -- \
		"$held_by" one "$1" <in >out 2>err &
	launcher=$!
	exec 9>in
	wait_until grep -q ready out
	sleep 0.4
	kill -USR1 "$launcher"
	wait_until grep -q '^connleak: so far: ' err
	exec 9>&-
	wait "$launcher"
}

test_what_was_kept_too_long_and_came_back_is_told_as_late() {
	start_one told
	expect_line err '^#[0-9]+  1 handle kept too long so far; acquired by pool_take$'
	expect_no_line err 'given back late'
	json report.json '[.findings[] | select(.kind != "leaked-connection") |
		[.kind, .count, (.handles[0] | .returned, .age_s > 0.3)]]' \
		'[["held-too-long",1,true,true]]'
	expect_line report.txt 'kept too long; .*1 of 1 given back late'
}

test_what_is_in_a_query_is_not_kept_too_long_yet() {
	local way
	for way in query sent; do
		start_one "$way"
		expect_no_line err 'kept too long so far; '
		rm -r in run
	done
}
