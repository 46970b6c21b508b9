# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Where records go, what is kept of them, and what happens if they cannot.

program() { echo "$BUILD/tests/programs/calls"; }

test_a_folder_without_a_name_is_kept_unless_the_run_was_clean() {
	cp "$(program)" .
	ordinary_connleak run ./calls refused >out 2>err
	expect_equal "$(ls .local/state/connleak)" ""
	expect_status 23 ordinary_connleak run ./calls refused leak >out 2>err
	kept=$(tail -n 1 err | sed 's/.*records in //')
	ls "$kept"/*.rec
	expect_equal "$(stat -c %a "$kept")" 700
	expect_status 23 ordinary_connleak report "$kept" >out
}

test_the_newest_20_runs_are_kept() {
	local i
	cp "$(program)" .
	for ((i = 0; i < 23; i++)); do
		ordinary_connleak run --quiet ./calls refused leak >out || [ $? = 23 ]
	done
	expect_equal "$(printf '%s\n' .local/state/connleak/run-* | wc -l)" 20
}

test_roots_runs_lie_where_its_programs_can_add_records() {
	local before
	[ "$(id -u)" = 0 ] || return 0 # there is no such place then
	lend_connleak
	before=$(ls /var/tmp)
	"$CONNLEAK" run "$(program)" connectdb >out 2>err
	expect_equal "$(ls /var/tmp)" "$before" "/var/tmp after a clean run"
	cp "$(program)" .
	expect_status 23 "$CONNLEAK" run setpriv --reuid=nobody --clear-groups \
		./calls refused leak >out 2>err
	kept=$(tail -n 1 err | sed 's/.*records in //')
	expect_equal "${kept%-*-*-*}" /var/tmp/connleak
	expect_equal "$(stat -c '%a %U' "$kept")" "1733 root"
	expect_equal "$(stat -c '%a %U' "$kept"/*.rec)" "600 nobody"
	expect_status 23 "$CONNLEAK" report "$kept" >out
	rm -r "$kept"
}

test_a_folder_with_other_files_is_refused_and_left_alone() {
	mkdir mine
	echo precious >mine/letter
	expect_status 125 "$CONNLEAK" run -o mine "$(program)" connectdb >out 2>err
	expect_equal "$(wc -l <err)" 1 "lines of the error"
	expect_line err 'mine has other files in it'
	expect_equal "$(cat mine/letter)" precious
	expect_equal "$(cat out)" "" "output"
}

# Each of these has a name that could be a record's, or nearly.
test_nothing_that_connleak_has_not_made_is_ever_removed() {
	local name
	for name in thesis.new music.rec 1-2-abcdef01.rec run.log 7-7-0.new; do
		mkdir mine
		echo precious >"mine/$name"
		[ "$name" != 7-7-0.new ] || ln -sf /etc/passwd "mine/$name"
		expect_status 125 "$CONNLEAK" run -o mine "$(program)" refused \
			>out 2>err
		[ -e "mine/$name" ]
		rm -r mine
	done
	mkdir -p mine/1-2-abcdef01.new
	expect_status 125 "$CONNLEAK" run -o mine "$(program)" refused >out 2>err
	[ -d mine/1-2-abcdef01.new ]
}

test_two_runs_at_once_do_not_share_a_folder() {
	local i failed=0 first second
	for ((i = 0; i < 20; i++)); do
		first=0 second=0
		"$CONNLEAK" run --quiet -o run "$(program)" refused >out1 2>err1 &
		"$CONNLEAK" run --quiet -o run "$(program)" refused >out2 2>err2 ||
			second=$?
		wait $! || first=$?
		# One after the other, or one of them refused.
		[ $first$second = 00 ] || [ $first$second = 1250 ] ||
			[ $first$second = 0125 ] || failed=1
		expect_equal "$(grep -c '^start' run/run.log)" 1 "runs in the log"
	done
	expect_equal $failed 0
}

test_an_older_run_in_the_folder_is_replaced() {
	expect_status 23 leak_run "$(program)" connectdb leak >out
	expect_status 0 leak_run "$(program)" connectdb >out
	expect_equal "$(printf '%s\n' run/*.rec | wc -l)" 1 "number of records"
	expect_status 0 "$CONNLEAK" report run >out
}

test_a_run_within_a_run_has_a_folder_of_its_own() {
	expect_status 23 leak_run sh -c \
		"'$CONNLEAK' run --json inner.json '$(program)' connectdb
		'$(program)' connectdb leak" >out 2>err
	json inner.json '.totals.connects' 1
	json report.json '.totals | [.connects, .open_at_end]' '[1,1]'
}

test_the_folder_of_a_run_that_goes_on_is_refused() {
	leak_run sleep 60 &
	wait_until test -s run/run.log
	expect_status 125 "$CONNLEAK" run -o run "$(program)" connectdb >out 2>err
	expect_line err 'belongs to a run that is going on'
	pkill -x sleep -P "$(pgrep -P $! -x connleak || echo $!)"
	wait
}

test_without_a_folder_the_program_runs_unwatched_and_says_so() {
	touch file
	expect_status 24 "$CONNLEAK" run -o file/run --json report.json \
		"$(program)" connectdb >out 2>err
	expect_equal "$(cat out)" "connectdb done"
	json report.json '[.status, .incomplete[0].reason] | join(" ")' \
		"incomplete lost"
	expect_equal "$(grep -c '^connleak: warning:' err)" 1 "warnings"
	expect_no_line err '^  records in'
}

test_a_folder_nobody_may_write_costs_the_record_and_not_the_program() {
	mkdir run
	chmod 555 run
	cp "$(program)" .
	expect_status 24 ordinary_connleak run -o run --json - \
		./calls refused >out 2>err
	expect_equal "$(head -n 1 out)" "refused done"
	sed 1d out >report.json
	json report.json '.incomplete[0].reason' lost
}

test_a_programs_own_status_comes_before_ours() {
	touch file
	expect_status 5 "$CONNLEAK" run -o file/run \
		"$BUILD/tests/programs/ends" exit 5 >out 2>err
}

# Where another user than root cannot reach the server: it has no real rights.
in_small_file_system() { # SIZE COMMAND [ARG]...
	local unshare=(unshare -m)
	[ "$(id -u)" = 0 ] || unshare=(unshare -rm)
	"${unshare[@]}" true 2>/dev/null || skip "no mount namespace here"
	mkdir small
	"${unshare[@]}" bash -c "mount -t tmpfs -o size=$1 tmpfs small && \"\${@:2}\"" \
		bash "$@"
}

test_a_full_disk_costs_the_record_and_not_the_program() {
	# Room for the log, none for a record.
	expect_status 24 in_small_file_system 40k "$CONNLEAK" run -o small/run \
		--json report.json "$(program)" refused leak >out 2>err
	expect_equal "$(cat out)" "refused done"
	json report.json '.incomplete[0].reason' lost
	json report.json '.incomplete[0].text | test("No space left")' true
}

test_a_disk_that_fills_up_loses_handles_and_not_the_program() {
	expect_status 23 in_small_file_system 200k "$CONNLEAK" run -o small/run \
		--json report.json "$BUILD/tests/programs/many" open 10000 >out 2>err
	expect_equal "$(cat out)" "10000 done"
	json report.json '.totals.connects' 10000
	json report.json '.totals.lost + .findings[0].count' 10000
}

test_a_plain_preload_leaves_a_record() {
	mkdir place
	LD_PRELOAD=$BUILD/libconnleak.so CONNLEAK_DIR=$PWD/place \
		"$(program)" connectdb leak >out 2>err
	expect_equal "$(cat err)" "" "standard error"
	expect_status 23 "$CONNLEAK" report --json report.json place >text
	json report.json '.findings[0].kind' leaked-connection
	json report.json '.processes[0].end' 'exit 0'
}

test_a_relative_folder_of_a_plain_preload_is_the_one_meant() {
	mkdir place
	LD_PRELOAD=$BUILD/libconnleak.so CONNLEAK_DIR=place \
		"$(program)" connectdb >out
	expect_status 0 "$CONNLEAK" report place >text
}

test_a_plain_preload_that_cannot_record_says_it_in_one_line() {
	LD_PRELOAD=$BUILD/libconnleak.so CONNLEAK_DIR=$PWD/nowhere \
		"$(program)" connectdb >out 2>err
	expect_equal "$(cat out)" "connectdb done"
	expect_equal "$(wc -l <err)" 1 "lines of the warning"
	expect_line err '^connleak: no record of process'
}
