# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What bounds connections and waits in time, and what the server says of it.
unset CONNLEAK_FAIL_ON
export CONNLEAK_NO_SCAN=1

# A server of its own that listens to the network too.
over_tcp() { # COMMAND [ARG]...
	# shellcheck source=tests/server.sh
	. "$ROOT/tests/server.sh"
	local tries
	trap server_stop EXIT
	for ((tries = 0; tries < 5; tries++)); do
		! server_start port=$((20000 + RANDOM % 10000)) \
			listen_addresses=127.0.0.1 || break
	done
	export PGHOST=127.0.0.1
	"$@"
}

bounds=$BUILD/tests/programs/bounds

# What the record has of the one connection.
check_bounds() { # WAY CONNINFO TIMEOUT
	leak_run --quiet -- "$bounds" "$1" "$2"
	json report.json '[.timeouts.servers[] |
		.connections, .connect_timeout_s]' "[1,$3]"
}

check_every_way() {
	local way
	for way in STRING ARRAYS LOGIN; do
		check_bounds $way "connect_timeout=7" 7
		check_bounds $way "postgresql://?connect_timeout=8" 8
		check_bounds $way "" 0
		PGCONNECT_TIMEOUT=9 check_bounds $way "" 9
	done
	check_bounds START "connect_timeout=7" null
	json report.json '.timeouts.servers[0].begun_by_program' true
	json report.json '.findings' '[]'
}

check_service() {
	printf '[here]\nconnect_timeout=4\n' >services
	export PGSERVICEFILE=$PWD/services
	check_bounds STRING "service=here" null
	PGSERVICE=here check_bounds LOGIN "" null
	json report.json '.findings' '[]'
	unset PGSERVICEFILE
}

check_socket() {
	leak_run --quiet -- "$bounds" STRING \
		"keepalives_idle=30 tcp_user_timeout=7000"
	json report.json '[.timeouts.servers[] | .transport,
		.keepalives_idle_s, .tcp_user_timeout_s]' '["tcp",30,7]'
	leak_run --quiet -- "$bounds" STRING keepalives=0
	json report.json '[.timeouts.servers[] |
		.keepalives_idle_s, .tcp_user_timeout_s]' '[0,0]'
	json report.json .timeouts.missing \
		'{"connect_timeout":1,"keepalives":1,"tcp_user_timeout":1}'
}

# By the call, by a service file, which nobody can see, and by the socket.
check_all_bounds() {
	check_every_way
	check_service
	check_socket
}

test_what_bounds_a_connection_is_known_and_never_guessed() {
	(over_tcp check_all_bounds)
}

check_report() {
	expect_status 23 leak_run -- "$BUILD/samples/leak_in_loop"
	expect_equal "$(grep -c timeouts: report.txt)" 1 blocks
	expect_line report.txt 'without connect_timeout: 20 of 20 connections'
	expect_line report.txt '^        settle_invoices .*leak_in_loop.c:[0-9]+'
	expect_line report.txt \
		'^        connect_timeout=10 keepalives_idle=60 tcp_user_timeout='
	json report.json '[.findings[] | select(.kind == "no-timeout") |
		.count, .gates, .class, .site.function]' \
		'[20,false,null,"settle_invoices"]'
}

check_gate() {
	expect_status 0 leak_run -- "$bounds" STRING ""
	expect_line report.txt '^  1 without connect_timeout \(--json says where\)'
	expect_status 23 leak_run --fail-on no-timeout -- "$bounds" STRING ""
	expect_line report.txt '^#1  1 connection without any bound'
	expect_status 0 leak_run --fail-on no-timeout -- \
		"$bounds" STRING connect_timeout=5
}

check_told() {
	check_report
	check_gate
}

test_what_is_missing_is_told_once_and_gates_only_if_it_is_asked_to() {
	(over_tcp check_told)
}

test_a_socket_of_the_machine_needs_no_bounds() {
	expect_status 0 leak_run --fail-on no-timeout -- "$bounds" STRING ""
	json report.json '[.timeouts.servers[].transport, .timeouts.advice]' \
		'["unix",null]'
	expect_no_line report.txt timeout
}

rules='acquire pool_take handle=return; release pool_give handle=arg1'

test_a_pool_that_waits_for_ever_is_told() {
	leak_run --hook "$rules" -- "$BUILD/tests/programs/endless"
	json report.json '[.timeouts.endless_pools[] | .pool, .waits]' \
		'["pool_take",1]'
	expect_line report.txt '^    pool pool_take: 1 wait, of up to '
}

test_who_still_waits_at_the_end_waits_for_ever() {
	expect_status 0 leak_run --hook "$rules" --fail-on none -- \
		"$BUILD/tests/programs/endless" 0 stuck
	json report.json '[.timeouts.endless_pools[] | .pool, .waits, .waiting,
		.waiting_since_s > 1.4]' '["pool_take",0,1,true]'
	expect_line report.txt \
		'^    pool pool_take: 1 thread still waited at the end, for 1\.'
}

test_a_pool_with_a_deadline_is_not() {
	leak_run --hook "$rules" -- "$BUILD/tests/programs/endless" 300
	json report.json .timeouts.endless_pools '[]'
}
