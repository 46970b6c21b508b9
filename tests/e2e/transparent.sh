# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The watched program must not notice.

test_descriptors_signals_and_errno_are_as_without() {
	expect_status 3 "$BUILD/tests/programs/descriptors" >without
	expect_status 3 leak_run "$BUILD/tests/programs/descriptors" >with
	cmp with without
}

test_status_of_an_exit() {
	expect_status 5 leak_run "$BUILD/tests/programs/ends" exit 5
	json report.json '.processes[0].end' "exit 5"
}

test_status_of_a_signal() {
	expect_status 143 leak_run "$BUILD/tests/programs/ends" signal 15
	json report.json '.processes[0].end' "signal 15"
	json report.json '.findings[0].kind' leaked-connection
}

test_a_record_is_there_after_sigkill() {
	expect_status 137 leak_run "$BUILD/tests/programs/ends" signal 9
	json report.json '.processes[0].end' "signal 9"
	json report.json '.findings[0].count' 1
}

test_standard_streams_belong_to_the_program() {
	echo in | expect_status 24 leak_run sh -c 'cat; echo err >&2' >out 2>err
	expect_equal "$(cat out)" in
	expect_equal "$(cat err)" err
}

test_a_signal_to_the_launcher_reaches_the_program() {
	"$CONNLEAK" run --quiet -o run sh -c 'trap "echo got it; kill \$!; exit 7" TERM
		echo ready; sleep 60 & wait' >out 2>err &
	local launcher=$! status=0
	wait_until grep -q ready out
	kill -TERM "$launcher"
	wait "$launcher" || status=$?
	expect_equal "$status" 7
	expect_line out 'got it'
}

test_children_are_judged_with_records_of_their_own() {
	expect_status 23 leak_run "$BUILD/tests/programs/ends" child
	json report.json '.totals | [.connects, .open_at_end]' '[2,2]'
	json report.json '.processes | length' 2
}

test_an_orphan_is_waited_for() {
	expect_status 23 leak_run "$BUILD/tests/programs/ends" orphan
	json report.json '[.processes[].end] | join(", ")' "exit 0, exit 0"
	json report.json '.totals.open_at_end' 2
}

test_an_orphan_that_stays_is_judged_as_running() {
	expect_status 23 leak_run --wait 200ms "$BUILD/tests/programs/ends" stay
	json report.json '[.processes[].end] | join(", ")' "exit 0, running"
	kill "$(jq '.processes[1].pid' report.json)"
}

test_a_run_that_goes_on_can_be_looked_at() {
	local program=$BUILD/tests/programs/ends
	"$CONNLEAK" run --wait 3s --quiet -o run "$program" stay &
	wait_until is_out 2
	json now.json '[.processes[].end] | unique | join(", ")' "exit 0, running"
	pkill -f "$program stay"
	wait
}

is_out() { # COUNT
	"$CONNLEAK" report --quiet --json now.json run 2>err || [ $? = 23 ] &&
		[ "$(jq .totals.open_at_end now.json)" = "$1" ]
}

test_a_program_that_executes_another_is_two_images() {
	expect_status 23 leak_run "$BUILD/tests/programs/ends" execs
	json report.json '[.processes[].end] | join(", ")' "exec, exit 0"
	json report.json '[.processes[].pid] | unique | length' 1
}

test_a_finding_names_the_image_that_leaked_and_not_the_one_before() {
	expect_status 23 leak_run env "$BUILD/samples/leak_in_error_path" >out
	json report.json '[.processes[].pid] | unique | length' 1
	expect_line report.txt 'process +[0-9]+ leak_in_error_path \(exit 0\)'
}

test_other_preloads_stay() {
	# shellcheck disable=SC2016 # the inner shell is to say it
	LD_PRELOAD=libm.so.6 leak_run --allow no-libpq \
		sh -c 'echo "$LD_PRELOAD"' >out
	expect_equal "$(cat out)" "libm.so.6:$BUILD/libconnleak.so"
}

test_the_shim_links_nothing_but_libc() {
	expect_equal "$(readelf -d "$BUILD/libconnleak.so" |
		sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p')" libc.so.6
}

# A library that tells which of libpq's functions are called, in order.
make_teller() {
	cat >teller.c <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <libpq-fe.h>
#include <stdio.h>
#define TELL(type, name, params, args)                                  \
	type name params                                                \
	{                                                               \
		type(*next) params;                                     \
		*(void **)&next = dlsym(RTLD_NEXT, #name);              \
		fprintf(stderr, "%s\n", #name);                         \
		return next args;                                       \
	}
TELL(PGconn *, PQconnectdb, (const char *a), (a))
TELL(PGconn *, PQconnectStart, (const char *a), (a))
TELL(PostgresPollingStatusType, PQconnectPoll, (PGconn *a), (a))
TELL(PostgresPollingStatusType, PQresetPoll, (PGconn *a), (a))
TELL(int, PQresetStart, (PGconn *a), (a))
TELL(PGcancel *, PQgetCancel, (PGconn *a), (a))
TELL(int, PQsocket, (const PGconn *a), (a))
TELL(ConnStatusType, PQstatus, (const PGconn *a), (a))
TELL(PGresult *, PQexec, (PGconn *a, const char *b), (a, b))
TELL(void, PQfinish, (PGconn *a), (a))
END
	# shellcheck disable=SC2046
	cc -shared -fPIC $(pkg-config --cflags libpq) -o teller.so teller.c
}

# Whichever of the two comes first, the program's calls are told as without
# connleak: none more, none less, none in another order.
test_the_order_of_libpq_calls_is_as_without() {
	local way shim=$BUILD/libconnleak.so calls=$BUILD/tests/programs/calls
	make_teller
	mkdir first last
	for way in connectdb connect_start reset_start cancel notice; do
		LD_PRELOAD=$PWD/teller.so "$calls" $way >out 2>without
		[ -s without ]
		CONNLEAK_DIR=$PWD/last LD_PRELOAD=$PWD/teller.so:$shim \
			"$calls" $way >out 2>with
		cmp without with
		CONNLEAK_DIR=$PWD/first LD_PRELOAD=$shim:$PWD/teller.so \
			"$calls" $way >out 2>with
		cmp without with
	done
	expect_status 0 "$CONNLEAK" report --json x.json first >text
	json x.json '.totals | [.connects, .finishes]' '[6,6]'
}
