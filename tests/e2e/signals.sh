# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# A signal asks for a report of what is out now, and the program goes on; all
# other signals are as without connleak.

# shellcheck source=tests/judge.sh
. "$ROOT/tests/judge.sh"

asked=$BUILD/tests/programs/asked

# Leaves the launcher's pid in $launcher, and the program's in $program; it
# goes on until `let_go`.
start() { # CONNLEAK'S OPTION... -- PROGRAM [ARG]...
	mkfifo input
	"$CONNLEAK" run -o run "$@" <input >out 2>err &
	launcher=$!
	exec 9>input
	rm input
	wait_until grep -q ready out
	program=$(awk '$1 == "start" { print $3 }' run/run.log)
}

let_go() { # STATUS
	local status=0
	exec 9>&-
	wait "$launcher" || status=$?
	expect_equal "$status" "$1" status
}

views() { grep -c '^connleak: what is out at ' err || true; }

has_views() { [ "$(views)" = "$1" ]; }

are_ready() { [ "$(grep -c ready out)" = "$1" ]; }

# How often the signal was counted in the records.
stamps() {
	local record
	for record in run/*.rec; do
		od -An -tu4 -j336 -N4 "$record"
	done | awk '{ sum += $1 } END { print sum + 0 }'
}

has_stamps() { [ "$(stamps)" = "$1" ]; }

test_a_signal_to_connleak_shows_what_is_out_and_the_program_does_not_notice() {
	start --signal USR1 -- "$asked" hold 3 counting
	kill -USR1 "$launcher"
	wait_until has_views 1
	kill -USR1 "$launcher"
	wait_until has_views 2
	expect_line err '^#1  3 connections never finished so far; acquired by'
	expect_line err ' since .* out for '
	expect_line err ' process +[0-9]+ asked \(running\)'
	expect_line err '^connleak: so far: 3 of 3 connections never finished'
	let_go 23
	expect_equal "$(tail -n 1 out)" "0 handled, done"
	expect_line err '^connleak: findings: 3 of 3 connections never finished'
}

test_a_signal_to_the_program_asks_as_well_and_it_goes_on() {
	start --signal SIGUSR1 -- "$asked" hold 1
	kill -USR1 "$program"
	wait_until has_views 1
	expect_line err '^#1  1 connection never finished so far'
	has_stamps 1
	let_go 23
	expect_equal "$(tail -n 1 out)" "0 handled, done"
}

test_a_signal_to_a_child_asks_for_all() {
	start --signal 12 -- sh -c "exec 3<&0
		$asked hold 1 <&3 & exec $asked hold 2"
	wait_until are_ready 2
	kill -USR2 "$(pgrep -f "^$asked hold 1")"
	wait_until has_views 1
	expect_line err '^connleak: so far: 3 of 3 connections never finished'
	let_go 23
}

test_one_signal_to_the_whole_group_is_one_report() {
	set -m # a group of its own
	start --signal USR1 -- "$asked" hold 1
	set +m
	kill -USR1 -- "-$launcher"
	wait_until has_views 1
	expect_equal "$(stamps)" 1 "stamps"
	let_go 23
	expect_equal "$(views)" 1 "views"
}

test_what_has_ended_is_not_out_now() {
	# shellcheck disable=SC2016 # the inner shell is to say it
	start --signal USR1 -- sh -c '"$1/tests/programs/ends" exit
		echo ready; read line; exit 0' sh "$BUILD"
	kill -USR1 "$launcher"
	wait_until has_views 1
	expect_line err '^connleak: so far: 1 connection seen, in 2 processes'
	let_go 23
}

test_a_report_where_nothing_can_be_kept_says_so() {
	touch file
	mkfifo input
	"$CONNLEAK" run -o file/run --signal USR1 sh -c 'echo ready; read l' \
		<input >out 2>err &
	launcher=$!
	exec 9>input
	wait_until grep -q ready out
	kill -USR1 "$launcher"
	wait_until grep -q '^connleak: nothing can be said now: cannot keep' err
	let_go 1
}

test_signals_that_cannot_ask_are_refused_by_name() {
	local name
	for name in KILL SIGSTOP segv 13 CHLD PROF CONT TSTP 33; do
		expect_status 125 "$CONNLEAK" run --signal "$name" true 2>err
		expect_line err "^connleak: no report can be asked for with $name: it "
	done
	for name in foo SIG 99 RTMIN+90 -1 ' 10'; do
		expect_status 125 "$CONNLEAK" run --signal="$name" true 2>err
		expect_line err "^connleak: --signal takes the name or number"
	done
	for name in usr1 SIGHUP 10 QUIT winch RTMIN RTMIN+3 SIGRTMAX-2; do
		CONNLEAK_SIGNAL=$name expect_status 0 "$CONNLEAK" run \
			-o run --allow all --quiet true
	done
}

# What the program is told of its own handlers, and what they are given.
test_the_programs_handlers_are_as_without() {
	"$asked" views >without
	expect_line without '^handled 11, bad 0$'
	leak_run --signal USR1 --allow all "$asked" views >with
	diff without with
}

test_an_ignored_signal_stays_ignored_in_what_is_executed() {
	local how
	for how in exec fork vfork vfork_default spawn system popen; do
		"$asked" ignoring $how >without
		expect_line without '^SigIgn:'
		leak_run --signal USR1 --allow all "$asked" ignoring $how >with
		diff without with
	done
	(
		trap '' USR1
		leak_run --signal USR1 --allow all "$asked" ignoring exec >with
		leak_run --signal USR1 --allow all \
			env -i grep SigIgn /proc/self/status >inherited
	)
	diff with inherited
}

# 100 signals to each of eight threads, at what they are in: connects,
# malloc, the loader, PQfinish.  Nothing hangs, no errno but the handler's own.
under_load() { # WHOSE
	leak_run --signal USR1 "$asked" load "$1" >out 2>err
	expect_line out '^[0-9]+ handled, 0 bad, poll was interrupted$'
	json report.json '.totals.connects - .totals.finishes' 0
	echo "$1: $(<out), $(stamps) stamps, $(views) reports"
	[ "$(views)" -gt 0 ]
	[ "$(stamps)" -ge 100 ]
}

test_100_signals_while_threads_connect_allocate_load_and_finish() {
	under_load none
	expect_line out '^0 handled'
}

test_100_signals_with_a_handler_installed_before_the_shim() {
	under_load early
	expect_line out "^$(stamps) handled"
}

test_100_signals_with_a_handler_installed_later() {
	under_load late
	expect_line out "^$(stamps) handled"
}

test_handlers_that_two_threads_install_at_the_same_time() {
	leak_run --signal USR1 --allow all "$asked" install >out 2>err
	expect_equal "$(cat out)" "0 bad, 1 handled"
}

test_a_handler_that_jumps_out() {
	leak_run --signal USR1 "$asked" load jump >out
	expect_equal "$(cat out)" "100 handled, 0 bad"
	expect_equal "$(stamps)" 100 "stamps"
}

test_100_signals_beside_jemalloc() {
	needs libjemalloc2
	LD_PRELOAD=$(cc -print-file-name=libjemalloc.so.2) under_load none
}

# The program is patient, so that there is time for as many reports.
test_100_reports_while_threads_connect_at_full_speed() {
	local i
	start --signal USR1 -- sh -c "echo ready
		exec nice -n 19 $asked load none on"
	for ((i = 1; i <= 100; i++)); do
		kill -USR1 "$launcher"
		while [ "$(views)" -lt $i ]; do sleep 0.04; done
	done
	let_go 0
	expect_line out '^0 handled, 0 bad'
	echo "$(views) reports, $(stamps) stamps"
}

# Without a launcher the record counts, for whoever watches it.
test_without_a_launcher_the_program_goes_on() {
	mkdir run
	mkfifo input
	CONNLEAK_DIR=$PWD/run CONNLEAK_SIGNAL=USR1 \
		LD_PRELOAD=$BUILD/libconnleak.so "$asked" hold 1 <input >out &
	program=$!
	exec 9>input
	wait_until grep -q ready out
	kill -USR1 $program
	wait_until has_stamps 1
	exec 9>&-
	wait $program
	expect_equal "$(tail -n 1 out)" "0 handled, done"
}

# Prints the name of each signal that comes, and ends with the second TERM.
make_teller() {
	cc -x c - -o teller <<-'END'
		#include <signal.h>
		#include <stdio.h>
		#include <string.h>
		#include <unistd.h>
		static int terms;
		int main(void)
		{
			sigset_t all;
			siginfo_t info;
			sigfillset(&all);
			sigprocmask(SIG_BLOCK, &all, NULL);
			puts("ready");
			fflush(stdout);
			while (sigwaitinfo(&all, &info) > 0) {
				printf("%d %d\n", info.si_signo,
				       info.si_code == SI_QUEUE ? info.si_int : 0);
				fflush(stdout);
				if (info.si_signo == SIGTERM && ++terms == 2)
					return 7;
			}
		}
	END
}

test_what_a_process_sends_to_connleak_is_passed_on() {
	local name numbers='' number
	make_teller
	start --quiet --allow all --signal USR2 -- ./teller
	for name in HUP INT QUIT ABRT USR1 ALRM TERM STKFLT URG XCPU VTALRM \
		PROF WINCH PWR RTMIN RTMIN+5 RTMAX; do
		kill -s "$name" "$launcher"
		number=$(kill -l "$name")
		numbers+="$number 0 "
		wait_until grep -q "^$number 0" out
	done
	kill -s USR2 "$launcher"
	kill -s PIPE "$launcher"
	/bin/kill -q 5 -s RTMIN+1 "$launcher"
	wait_until grep -q '^35 5' out
	kill -s TERM "$launcher"
	let_go 7
	expect_equal "$(tail -n +2 out | tr '\n' ' ')" "${numbers}35 5 15 0 "
}

# By a process, as a job that is cancelled gets it; then by name alone.
test_a_signal_to_the_whole_group_reaches_the_program_once() {
	make_teller
	set -m # a group of its own
	start --quiet --allow all -- ./teller
	set +m
	kill -USR1 -- "-$launcher"
	wait_until grep -q '^10 0' out
	kill -USR2 "$launcher"
	wait_until grep -q '^12 0' out
	kill -USR1 "$launcher"
	wait_until has_come 2 10
	kill -TERM -- "-$launcher"
	wait_until has_come 1 15
	kill -TERM "$launcher"
	let_go 7
	expect_equal "$(tail -n +2 out | cut -d' ' -f1 | tr '\n' ' ')" \
		"10 12 10 15 15 "
}

has_come() { # TIMES NUMBER
	[ "$(grep -c "^$2 0" out)" = "$1" ]
}

fellows() { pgrep -P "$launcher" -x group || true; }

test_the_process_beside_connleak_is_nobody_and_goes_with_it() {
	local fellow
	start --quiet --allow all -- sh -c 'echo ready; read line'
	fellow=$(fellows)
	expect_equal "$(tr -d '\0' <"/proc/$fellow/cmdline")" "" "its arguments"
	expect_equal "$(ls "/proc/$fellow/fd")" "" "its descriptors"
	kill -KILL "$launcher"
	wait_until [ ! -e "/proc/$fellow" ]
	let_go 137
	rm -r run
	start --quiet --allow all -- sh -c 'echo ready; read line'
	fellow=$(fellows)
	let_go 1
	[ ! -e "/proc/$fellow" ]
	expect_equal "$(grep -c "^[a-z]* $fellow " run/run.log || true)" 0
}

# Of a process, T when it is stopped.
state() { # PID
	sed -E 's/.*\) (.).*/\1/' "/proc/$1/stat"
}

is_in_state() { # PID STATE
	[[ $(state "$1") = [$2] ]]
}

test_a_program_that_is_stopped_alone_does_not_stop_connleak() {
	start --allow all --quiet -- sh -c 'echo ready; read line; exit 3'
	kill -STOP "$program"
	wait_until is_in_state "$program" T
	is_in_state "$launcher" SR
	kill -TSTP "$program"
	is_in_state "$launcher" SR
	kill -CONT "$launcher"
	wait_until is_in_state "$program" SR
	kill -STOP "$program"
	wait_until is_in_state "$program" T
	kill -CONT "$program"
	wait_until is_in_state "$program" SR
	let_go 3
}

# No shell looks after this group: nobody would continue it.
test_nothing_stops_connleak_where_nobody_would_continue_it() {
	setsid "$CONNLEAK" run --allow all --quiet -o run \
		sh -c 'echo ready; kill -STOP $$; exit 3' >out 2>err &
	launcher=$!
	wait_until grep -q ready out
	program=$(awk '$1 == "start" { print $3 }' run/run.log)
	wait_until is_in_state "$program" T
	kill -TSTP "$launcher"
	sleep 0.1
	is_in_state "$launcher" SR
	kill -CONT "$launcher"
	let_go 3
}

test_thousands_of_short_orphans_are_reaped_and_signals_seen_meanwhile() {
	cc -x c - -o orphans <<-'END'
		#include <signal.h>
		#include <stdio.h>
		#include <sys/wait.h>
		#include <unistd.h>
		static volatile sig_atomic_t told;
		static void tell(int number) { told = number; }
		int main(void)
		{
			signal(SIGUSR1, tell);
			puts("ready");
			fflush(stdout);
			for (int i = 0; i < 3000; i++) {
				pid_t child = fork();
				if (!child)
					_exit(fork() < 0);
				waitpid(child, NULL, 0);
			}
			return told == SIGUSR1 ? 6 : 0;
		}
	END
	start --allow all --quiet -- ./orphans
	kill -USR1 "$launcher"
	let_go 6
	[ "$(grep -c '^end ' run/run.log)" -gt 3000 ] || fail "not all reaped"
}

test_wait_0_judges_at_once() {
	expect_status 23 leak_run --wait 0s "$BUILD/tests/programs/ends" orphan
	json report.json '[.processes[0].end]' '["exit 0"]'
}

test_a_descendant_in_a_session_of_its_own_is_waited_for() {
	expect_status 0 leak_run --allow all --wait 10s \
		sh -c 'setsid sh -c "sleep 0.3; touch finished" & exit 0'
	[ -e finished ]
}

test_what_keeps_a_pipe_of_ours_open_is_noted() {
	local note='left running with our standard output or error open'
	# shellcheck disable=SC2016 # the inner shell is to say it
	leak_run --allow all --wait 0s sh -c 'sleep 60 & echo $!' 2>&1 |
		{ read -r child && echo "$child" >child; }
	kill "$(<child)"
	json report.json '.coverage.notes | length' 1
	json report.json ".coverage.notes[0].why | contains(\"$note\")" true
	json report.json '.coverage.notes[0].exe | endswith("sleep")' true
	# Of a file nobody waits for the end.
	leak_run --allow all --wait 0s sh -c 'sleep 60 & echo $!' >child
	kill "$(<child)"
	json report.json '.coverage.notes | length' 0
}

test_a_resized_window_does_not_end_the_waiting() {
	start --allow all --quiet --wait 20s -- \
		sh -c 'echo ready; exec 3<&0; (read line; touch finished) <&3 &'
	wait_until grep -q ' exit 0$' run/run.log
	kill -WINCH "$launcher"
	kill -CONT "$launcher"
	let_go 0
	[ -e finished ]
}
