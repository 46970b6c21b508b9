# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What the report says of pools: the classes of leases, in a look at a program
# that goes on, after a crash, and of rules that came to nothing.
unset CONNLEAK_FAIL_ON

annotated=$BUILD/tests/programs/annotated

run_steps() { # STEP...
	leak_run "$annotated" "$@" >out 2>err
}

leases() { # "CLASS:COUNT ..."
	json report.json '[.findings[] | select(.kind == "leaked-lease") |
		"\(.class):\(.count)"] | sort | join(" ")' "$1"
}

test_leases_that_one_place_leaves_behind_are_growing() {
	expect_status 137 run_steps grow take query take query take kill
	leases growing:3
	expect_status 23 "$CONNLEAK" report --quiet run
}

# The last thing that it did is known, and not how long it lived on.
test_ages_without_a_launcher_are_told_as_what_they_are() {
	mkdir place
	expect_status 137 env LD_PRELOAD="$BUILD/libconnleak.so" \
		CONNLEAK_DIR="$PWD/place" "$annotated" grow take query take \
		query take kill >out 2>err
	expect_status 23 "$CONNLEAK" report --json report.json place >report.txt
	json report.json '.findings[0].handles[0].age_s' null
	expect_line report.txt '^    since .*, out for at least [0-9]+ ms$'
	tr '\n' ' ' <report.txt | tr -s ' ' >flat
	expect_line flat 'the oldest for at least [0-9]+ ms'
}

test_leases_that_are_used_when_all_are_there_are_not_growing() {
	expect_status 137 run_steps grow take take take query kill
	leases undecided:3
	expect_status 0 "$CONNLEAK" report --quiet run
}

test_a_lease_of_a_thread_that_still_runs_is_held() {
	CONNLEAK_FAIL_ON=none run_steps keep
	leases held:1
	json report.json '.findings[] | select(.kind == "leaked-lease") |
		.handles[0].held_by | test("^thread [0-9]+, which had not ended$")' true
}

test_a_lease_that_the_main_thread_has_at_the_end_is_lost() {
	expect_status 23 run_steps take query
	leases lost:1
	expect_line report.txt '^    leaked-lease:lost$'
	expect_line report.txt '^connleak: findings: 1 of 1 lease never released'
}

test_a_lease_that_listens_is_meant() {
	CONNLEAK_FAIL_ON=leaked-lease run_steps take listen
	leases by-design:1
}

test_the_connections_of_a_pool_are_a_number_and_no_block() {
	expect_status 137 run_steps take drop kill
	expect_no_line report.txt '^#'
	expect_line report.txt '3 left in pools'
	expect_line report.txt '^pool pool_take: 1 of 2 in use at most$'
	json report.json '[.findings[] | [.kind, .class, .count]]' \
		'[["leaked-connection","undecided",3]]'
}

test_a_clean_run_tells_its_leases() {
	run_steps take query drop
	expect_line report.txt '^connleak: clean: 3 connections acquired, all'
	expect_line report.txt '1 lease, released,'
	json report.json .status clean
}

test_a_look_at_a_running_program_shows_its_leases() {
	local launcher
	mkfifo input
	"$CONNLEAK" run -o run --signal USR1 "$annotated" take query ready drop \
		<input >out 2>err &
	launcher=$!
	exec 9>input
	wait_until grep -q ready out
	kill -USR1 "$launcher"
	wait_until grep -q 'so far: ' err
	exec 9>&-
	wait "$launcher"
	expect_line err '^#1  1 lease never released so far; acquired by pool_take$'
	expect_line err '^    held by  thread [0-9]+, which had not ended$'
	expect_line err '^pool pool_take: 1 of 2 in use at most$'
	expect_line err '^  .*3 in pools|; 3 in pools'
}

# Also that it was asked in vain is in there.
test_a_core_tells_of_pools() {
	mkdir run
	echo 0x3b >/proc/self/coredump_filter
	ulimit -s 256
	MALLOC_ARENA_MAX=1 gdb -nx -batch -ex 'set startup-with-shell off' \
		-ex "set environment LD_PRELOAD $BUILD/libconnleak.so" \
		-ex "set environment CONNLEAK_DIR $PWD/run" \
		-ex 'break kill_self' -ex run -ex 'generate-core-file core' \
		--args "$annotated" take begin take try kill >gdb.out 2>&1 \
		</dev/null
	[ -s core ] || fail "gdb left no core: $(cat gdb.out)"
	rm -r run
	"$CONNLEAK" report --fail-on none --json report.json core >report.txt
	leases undecided:2
	json report.json '[.exhaustions[0].keepers[].transaction]' \
		'["open",null]'
	expect_line report.txt '^pool pool_take ran dry at '
	expect_line report.txt '1 idle in a transaction, 1 idle'
}

test_a_rule_that_matches_nothing_is_told_where_all_else_is_clean() {
	leak_run --hook 'acquire dbh_take handle=return' "$BUILD/samples/clean" \
		>out 2>err
	json report.json '[.status, (.coverage.notes | length)]' '["clean",1]'
	expect_line report.txt '^    rule .acquire dbh_take handle=return. matched'
	leak_run --fail-on none --hook 'acquire pool_take handle=return' \
		"$BUILD/samples/leak_in_pool" >out 2>err
	json report.json .coverage.notes '[]'
}

test_a_site_is_who_asks_what_a_rule_names() {
	leak_run --fail-on none --hook 'acquire pool_take handle=return' \
		--hook 'release pool_give handle=arg1' \
		"$BUILD/samples/leak_in_pool" >out 2>err
	json report.json '[.findings[] | select(.kind == "leaked-lease") |
		[.site.function, .class, .count]]' '[["sell_seat","lost",4]]'
	json report.json '[.sites[] | select(.kind == "lease") |
		.site.function]' '["sell_seat"]'
}

# What it hands out is not watched, which must not look as if it were clean.
test_a_pool_without_rules_is_told_by_its_threads() {
	local pool=("$BUILD/tests/programs/dry_pool" 3 8 5 5)
	local hint='took turns with [23] connections, as with those of a pool'
	expect_status 0 leak_run --no-scan "${pool[@]}"
	tr '\n' ' ' <report.txt | tr -s ' ' >flat
	expect_line flat "$hint, but no rule is about it; to look for one: connleak scan ${pool[0]} "
	expect_status 0 leak_run --no-scan --hook 'acquire pool_take handle=return;
		release pool_give handle=arg1' "${pool[@]}"
	json report.json "[.coverage.notes[].why | select(test(\"turns\"))]" '[]'
}

# Nor is one of each thread's own, or one that is opened for another thread.
test_connections_of_threads_are_no_pool() {
	CONNLEAK_FAIL_ON=none leak_run "$BUILD/samples/leak_in_threads" >out
	json report.json "[.coverage.notes[].why | select(test(\"turns\"))]" '[]'
}
