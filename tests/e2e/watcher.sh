# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# CONNLEAK_REPORT=exit: a program that is preloaded without the launcher is
# judged when it has ended, and notices nothing.

acts() { echo "$BUILD/tests/programs/acts"; }

# Its records are in ./place.  In a pipe, no shell shall hold the other end.
become_preloaded() { # COMMAND [ARG]...
	export CONNLEAK_DIR=${place:-$PWD/place} CONNLEAK_REPORT="${when:-exit}"
	mkdir -p "$CONNLEAK_DIR"
	exec env LD_PRELOAD="${shim:-$BUILD/libconnleak.so}" "$@"
}

preloaded() { # COMMAND [ARG]...
	(become_preloaded "$@")
}

watchers() { # N: so many are waiting
	[ "$(pgrep -fc "connleak watch $PWD/place/")" = "$1" ]
}

records() { # N: so many are there
	[ "$(find place -name '*.rec' | wc -l)" = "$1" ]
}

count_reports() { # FILE
	grep -acE '^connleak: (clean|findings|nothing gates)' "$1" || true
}

has_reports() { # FILE N: or more
	[ "$(count_reports "$1")" -ge "$2" ]
}

# So many are in it, and nothing is running any more.  (A watcher that has just
# been started has no name yet: that none is seen says nothing by itself.)
reports() { # FILE N
	wait_until has_reports "$1" "$2"
	wait_until watchers 0
	expect_equal "$(count_reports "$1")" "$2" "reports in: $(cat "$1")"
}

written() { # FILE: that a watcher writes
	wait_until test -s "$1"
	wait_until watchers 0
}

# The same as without connleak, but for what the watcher reports.
same() { # REPORTS WORD...
	local status=0
	"$(acts)" "${@:2}" >out.without 2>err.without || status=$?
	expect_status "$status" preloaded "$(acts)" "${@:2}" >out 2>err
	cmp out.without out
	reports err "$1"
	expect_equal "$(wc -c <err.without)" 0 "bytes of its own errors"
}

# It runs as without, and one line says why nobody will judge it.
same_but_unwatched() { # REASON WORD...
	same 0 "${@:2}"
	expect_equal "$(wc -l <err)" 1 "lines of the warning"
	expect_line err "^connleak: no report when process [0-9]+ ends: $1; to judge it: connleak report $PWD/place/.*rec$"
	expect_status 23 "$CONNLEAK" report place/*.rec >report.txt
}

test_a_program_without_a_launcher_is_judged_when_it_has_ended() {
	preloaded "$BUILD/samples/leak_in_loop" >out 2>err
	expect_equal "$(cat out)" "settled 15 of 20 invoices"
	reports err 1
	expect_line err '^#1  5 connections never finished'
	expect_line err '^    settle_invoices .*leak_in_loop.c:[0-9]+$'
	expect_line err '^    since .*, out for [0-9]+ ms$'
	expect_line err "^  records in $PWD/place/[0-9a-f-]+\.rec$"
}

test_a_clean_program_costs_one_line() {
	preloaded "$BUILD/samples/clean" >out 2>err
	reports err 1
	expect_equal "$(wc -l <err)" 1 "lines"
}

test_a_program_that_does_not_use_libpq_costs_none() {
	preloaded true 2>err
	reports err 0
	expect_equal "$(cat err)" "" "standard error"
}

test_a_program_that_was_killed_is_judged() {
	expect_status 137 preloaded "$(acts)" acquire kill 2>err
	reports err 1
	expect_line err '^#1  1 connection never finished'
}

# A service manager ends what is left of a service; a shell kills a whole job.
test_signals_that_are_not_for_it_alone_do_not_end_the_watcher() {
	set -m
	preloaded "$(acts)" acquire await never 2>err &
	set +m
	wait_until watchers 1
	pkill -TERM -f "connleak watch $PWD/place/"
	kill -KILL -- -$!
	wait $! || true
	reports err 1
}

test_nothing_is_reported_while_the_program_runs() {
	preloaded "$(acts)" acquire await go 2>err &
	wait_until pgrep -f "connleak watch $PWD/place/" >pids
	sleep 0.3
	expect_equal "$(cat err)" "" "standard error"
	tr '\0' '\n' <"/proc/$(cat pids)/environ" >environment
	expect_equal "$(grep -cE '^(LD_|PG)' environment)" 0 "what is not told"
	touch go
	wait
	reports err 1
}

test_the_program_has_no_child_and_gets_no_signal() {
	same 1 count acquire wait children
	expect_equal "$(head -n 1 out)" "0 children, errno 10, 0 signals"
	same 1 ignore acquire wait children
	same 2 count acquire fork acquire wait children
}

test_the_program_finds_everything_as_without() {
	expect_status 3 "$BUILD/tests/programs/descriptors" >without
	expect_status 3 preloaded "$BUILD/tests/programs/descriptors" >with 2>err
	cmp without with
	reports err 1
}

test_who_reads_a_pipe_sees_its_end_when_the_program_closes_it() {
	become_preloaded "$(acts)" acquire here output await seen 2>err 9>&1 |
		{ cat >out && touch seen; }
	reports err 1
	rm seen
	# Standard error too, though it is where the report would go.
	become_preloaded "$(acts)" acquire mute await seen 2>&1 >out |
		{ cat >err && touch seen; }
	reports err 0
}

test_a_report_into_a_pipe_is_read_to_its_end() {
	preloaded "$(acts)" acquire 2>&1 | cat >err
	watchers 0
	reports err 1
}

test_a_reader_that_is_gone_ends_nothing_and_leaves_nothing() {
	{ preloaded "$(acts)" acquire await gone here >out; } 2> >(touch gone)
	expect_equal "$(cat out)" here
	wait_until watchers 0
}

test_a_report_waits_for_its_reader() {
	# The pipe is full when the program ends, and does not wait by itself.
	preloaded "$(acts)" acquire fill await go 2>&1 |
		{ touch go && sleep 0.5 && cat; } >err
	watchers 0
	expect_line err '^connleak: findings: 1 of 1'
}

test_a_program_without_descriptors_is_judged() {
	CONNLEAK_JSON=report.json preloaded "$(acts)" close acquire >out 2>err
	written report.json
	json report.json '[.status, .totals.open_at_end]' '["findings",1]'
	expect_equal "$(cat out err)" "" "output"
}

test_no_report_goes_where_standard_error_was() {
	preloaded "$(acts)" socket acquire 2>err
	wait_until watchers 0
	[ ! -e received ]
}

test_a_report_goes_to_standard_error_though_it_is_put_aside() {
	preloaded "$(acts)" capture acquire 2>err
	reports err 1
	[ ! -s captured ]
}

test_settings_are_those_of_a_report() {
	mkdir here
	(
		cd here || exit
		CONNLEAK_JSON=report.json CONNLEAK_FAIL_ON=none \
			CONNLEAK_EXIT_CODE=7 preloaded "$(acts)" root acquire 2>../err
		written report.json
	)
	json here/report.json '[.status, .findings[0].gates]' '["clean",false]'
	expect_line err '^connleak: nothing gates: 1 of 1'
	CONNLEAK_QUIET=1 preloaded "$(acts)" acquire 2>err
	reports err 0
	CONNLEAK_JSON=- CONNLEAK_QUIET=1 preloaded "$(acts)" acquire 2>err
	written err
	json err '.totals.connects' 1
	CONNLEAK_FAIL_ON=everything preloaded "$(acts)" acquire 2>err
	written err
	expect_equal "$(wc -l <err)" 1 "lines of the error"
	expect_line err '^connleak: .*everything'
}

test_a_folder_that_is_gone_costs_the_file_and_not_the_report() {
	local place=$PWD/place go=$PWD/go
	mkdir here
	(
		cd here || exit
		CONNLEAK_JSON=report.json preloaded "$(acts)" acquire await "$go"
	) 2>err &
	wait_until watchers 1
	rmdir here
	touch go
	wait
	reports err 1
	expect_line err '^connleak: cannot write report.json'
}

test_many_threads_begin_at_once_on_small_stacks() {
	same 1 many here
	expect_line err '^connleak: clean: 8 connections acquired'
}

test_each_process_is_judged_for_itself() {
	preloaded "$(acts)" acquire fork acquire fork release here >out 2>err
	reports err 3
	expect_equal "$(grep -c '^connleak: findings: 1 of 1' err)" 2
	expect_equal "$(grep -c '^connleak: clean: 1 connection' err)" 1
}

# Others write to it at the same time.
test_a_report_is_written_in_one_piece() {
	preloaded "$(acts)" pieces exec acquire >out
	wait_until test -s out
	expect_equal "$(cat out)" "1 pieces"
}

test_a_program_that_becomes_another_one_is_judged_at_its_end() {
	preloaded "$(acts)" acquire exec acquire await go 2>err &
	wait_until watchers 2
	sleep 0.2
	expect_equal "$(cat err)" "" "standard error"
	touch go
	wait
	reports err 2
}

test_a_daemon_that_closes_everything_is_judged_when_it_is_killed() {
	local pid
	CONNLEAK_JSON=report.json preloaded "$(acts)" acquire daemon \
		acquire await never 2>err
	wait_until grep -q '^connleak: findings' err # of the process that began
	wait_until records 2
	pid=$(pgrep -f "$(acts) acquire daemon acquire await never")
	rm -f report.json
	kill -KILL "$pid"
	written report.json
	json report.json '[.processes[0].pid, .totals.open_at_end]' "[$pid,1]"
}

test_a_first_thread_that_leaves_is_not_the_end() {
	local old
	for old in here old; do
		rm -f go
		preloaded "$(acts)" $old exec acquire leave go 2>err &
		wait_until pgrep -f "connleak watch $PWD/place/" >pids
		sleep 0.3
		expect_equal "$(cat err)" "" "standard error"
		touch go
		wait
		reports err 1
		expect_line err '^connleak: findings: 2 of 2'
	done
}

test_a_kernel_without_pidfd_and_close_range_will_do() {
	same 1 old exec count acquire wait children
	become_preloaded "$(acts)" old exec acquire output await seen 2>err 9>&1 |
		{ cat && touch seen; }
	reports err 1
}

test_few_descriptors_will_do() {
	same 1 files acquire here
	expect_line err '^    acquire .*acts.c:[0-9]+$'
}

test_a_launcher_judges_alone() {
	mkdir place
	export CONNLEAK_REPORT="exit"
	expect_status 23 leak_run "$(acts)" acquire >out 2>err
	expect_equal "$(cat err)" "" "standard error"
	json report.json '.totals.connects' 1
}

# Another folder may be left of a run; nobody judges it any more.
test_a_log_of_a_run_that_is_over_is_no_launcher() {
	expect_status 0 "$CONNLEAK" run -o place "$(acts)" release 2>err
	preloaded "$(acts)" acquire 2>err
	reports err 1
}

test_a_program_that_would_be_its_watchers_parent_has_none() {
	same_but_unwatched 'it takes in orphans .*' \
		reaper count acquire wait children
}

test_a_moment_for_reports_that_is_unknown_is_told() {
	when=yes same_but_unwatched 'CONNLEAK_REPORT can only be exit' \
		acquire acquire here
}

test_a_program_whose_next_child_is_special_has_no_watcher() {
	unshare -rp true 2>/dev/null || skip "no pid namespaces here"
	export PGPORT=abc # it has no rights at the server any more
	same_but_unwatched 'its children belong .*' namespace acquire try
	expect_line out '^forked$'
}

test_the_first_process_of_a_namespace_has_no_watcher() {
	local unshare=(unshare -pf --mount-proc)
	[ "$(id -u)" = 0 ] || unshare=(unshare -rpf --mount-proc)
	"${unshare[@]}" true 2>/dev/null || skip "no pid namespaces here"
	export PGPORT=abc
	mkdir place
	"${unshare[@]}" env LD_PRELOAD="$BUILD/libconnleak.so" \
		CONNLEAK_DIR="$PWD/place" CONNLEAK_REPORT=exit \
		"$(acts)" acquire here >out 2>err
	expect_equal "$(cat out)" here
	expect_line err '^connleak: no report when process 1 ends: it is process 1'
}

test_a_program_that_has_confined_itself_is_left_alone() {
	same_but_unwatched 'it has confined itself with seccomp' \
		confine acquire here
}

test_a_user_who_may_have_no_more_processes() {
	lend_connleak
	cp "$(acts)" lent/
	mkdir place
	chmod 777 place
	shim=$PWD/lent/libconnleak.so preloaded \
		true # the folder is there, and the shim can be loaded
	cat >go.sh <<-END
		export LD_PRELOAD=$PWD/lent/libconnleak.so CONNLEAK_REPORT=exit
		export CONNLEAK_DIR=$PWD/place
		exec $PWD/lent/acts processes acquire here
	END
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=nobody --regid=nogroup --clear-groups \
			bash go.sh >out 2>err
	else
		bash go.sh >out 2>err
	fi
	expect_equal "$(cat out)" here
	expect_line err '^connleak: no report when .*: Resource temporarily unavail'
	expect_status 23 "$CONNLEAK" report place/*.rec >report.txt
}

test_a_shim_without_its_analyzer_says_so() {
	mkdir alone
	cp "$BUILD/libconnleak.so" alone/
	shim=$PWD/alone/libconnleak.so same_but_unwatched \
		'there is no connleak beside libconnleak.so or in .*' acquire here
}

test_the_analyzer_is_found_where_packages_put_it() {
	local folder
	mkdir -p usr/bin
	cp "$CONNLEAK" usr/bin/
	for folder in usr/lib usr/lib/connleak usr/lib/x86_64-linux-gnu; do
		mkdir -p $folder # also one with the name of the program
		cp "$BUILD/libconnleak.so" $folder/
		shim=$PWD/$folder/libconnleak.so preloaded "$(acts)" acquire 2>err
		reports err 1
	done
	# By a link, and by a name that is relative.
	ln -s usr/lib/libconnleak.so libconnleak.so
	shim=./libconnleak.so preloaded "$(acts)" acquire 2>err
	reports err 1
}

test_a_signal_that_asks_is_answered_while_the_program_runs() {
	local pid
	CONNLEAK_SIGNAL=USR1 preloaded "$(acts)" acquire await go 2>err &
	wait_until watchers 1
	pid=$(pgrep -f "^$(acts) acquire await go")
	kill -USR1 "$pid"
	wait_until grep -q '^connleak: so far: 1 of 1 connection' err
	touch go
	wait
	reports err 1
	expect_line err '^connleak: findings: 1 of 1'
}

test_a_child_that_only_finishes_what_it_inherited_is_judged() {
	preloaded "$BUILD/tests/programs/forks" prefork 2>err >out
	reports err 4
	expect_equal "$(grep -c '^    forked-finish$' err)" 3
}
