# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Why a pool ran dry, told of real programs.
unset CONNLEAK_FAIL_ON CONNLEAK_VERDICT
export CONNLEAK_NO_SCAN=1 # it is about leases alone

rules='acquire pool_take handle=return; release pool_give handle=arg1;
	capacity pool_open value=arg1'

# The causes, and a line of the text.
check_verdict() { # STATUS LINE CAUSE ARG...
	expect_status "$1" leak_run --hook "$rules" -- \
		"$BUILD/tests/programs/dry_pool" "${@:4}"
	expect_equal "$(jq -r '.verdict[].cause' report.json)" "$3" "the cause"
	expect_line report.txt "^$2"
}

test_a_pool_for_many_threads_is_too_small() {
	check_verdict 0 'pool_take ran dry: pool-too-small$' pool-too-small \
		3 24 3 5
	json report.json '.verdict[0].numbers.capacity' 3
	json report.json '.verdict[0].numbers.advised > 6' true
}

test_a_release_that_errors_skip_is_a_leak() {
	check_verdict 23 'pool_take ran dry: leak$' leak 12 12 20 2 leak
	json report.json '.verdict[0].text |
		test("leaked 12 of 12 times after SQLSTATE 22012, 0 of")' true
	json report.json '.verdict[0].numbers.leaked' 12
}

# Each of 20 threads has one of 10, or waits for its first, and wants a second.
test_threads_that_have_one_and_wait_for_another_hold_and_wait() {
	check_verdict 0 'pool_take ran dry: hold-and-wait$' hold-and-wait \
		10 20 5 20 two
	json report.json '.verdict[0].numbers.advised' 21
}

# Nobody gives up, and what they have is no leak.
test_threads_that_wait_for_ever_for_another_hold_and_wait() {
	check_verdict 142 'pool_take ran dry: hold-and-wait$' hold-and-wait \
		10 20 5 20 two-for-ever
	json report.json '[.findings[] | select(.gates)] | length' 0
}

test_a_pool_that_nobody_waits_for_has_one_line() {
	check_verdict 0 \
		'nothing is wrong with pool_take: peak [1-5] of 12, ' \
		nothing 12 5 20 2
}

test_a_threshold_that_is_unknown_is_refused() {
	export CONNLEAK_VERDICT=spyke=3
	expect_status 125 "$CONNLEAK" run true 2>err
	expect_line err "CONNLEAK_VERDICT does not know 'spyke'"
}

gating_messages() {
	jq -r '.findings[] | select(.gates) | .kind + ": " + .message' report.json
}

# 24 threads for 3 leases: in use all the time, and each has to wait.
test_a_pool_that_passes_its_limits_gates() {
	export CONNLEAK_FAIL_ON=util=60,wait=5ms CONNLEAK_VERDICT=util-time=0.3
	expect_status 23 leak_run --hook "$rules" -- \
		"$BUILD/tests/programs/dry_pool" 3 24 3 5
	gating_messages >messages
	expect_equal "$(wc -l <messages)" 2 "limits that were exceeded"
	expect_line messages \
		'^over-limit: pool_take: at least 60 % of 3 in use for .* util=60'
	expect_line messages \
		'^over-limit: pool_take: 95 % of .* took up to .* wait=5ms'
	expect_line report.txt '^#1  pool_take: '
}

test_a_pool_within_its_limits_does_not_gate() {
	export CONNLEAK_FAIL_ON=util=60,wait=1s CONNLEAK_VERDICT=util-time=0.3
	expect_status 0 leak_run --hook "$rules" -- \
		"$BUILD/tests/programs/dry_pool" 12 5 20 2
	expect_equal "$(gating_messages)" "" "limits that were exceeded"
}

test_a_limit_on_a_pool_of_unknown_capacity_gates_and_says_so() {
	export CONNLEAK_FAIL_ON=util=60
	expect_status 23 leak_run --hook "${rules%;*}" -- \
		"$BUILD/tests/programs/dry_pool" 12 5 20 2
	expect_equal "$(gating_messages | grep -c 'capacity of pool_take is not known.*--hook .capacity')" \
		1 "findings that say what is missing"
}

# A pool without anything in it: each acquire fails, after 200 ms.
test_acquires_that_fail_are_told_and_count_as_waits() {
	local program=("$BUILD/tests/programs/dry_pool" 0 2 5 5)
	expect_status 0 leak_run --hook "${rules%;*}" -- "${program[@]}"
	json report.json .status clean
	tr '\n' ' ' <report.txt | sed 's/  / /g' >flat
	expect_line flat 'connleak: nothing gates, but ([0-9]+) of \1 acquires of pool_take failed: '
	expect_line flat '; --fail-on \+wait=50ms would gate that;'
	expect_status 23 "$CONNLEAK" report --fail-on +wait=50ms run >text
	expect_line text 'over-limit'
}

test_a_pool_that_ran_dry_does_not_end_as_clean() {
	expect_status 0 leak_run --hook "$rules" -- \
		"$BUILD/tests/programs/dry_pool" 3 24 3 5
	json report.json .status clean
	expect_line report.txt \
		'^connleak: nothing gates, but pool_take needs attention .pool-too-small'
	expect_no_line report.txt '^connleak: clean'
}
