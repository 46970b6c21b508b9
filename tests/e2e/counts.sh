# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Every way of using libpq, counted by connleak and by the server: its log has
# connects - failed_connects + resets authorised connections, and as many
# disconnections.

authorised() { grep -c 'connection authorized' "$SERVER_LOG" || true; }
disconnected() { grep -c ' disconnection: ' "$SERVER_LOG" || true; }

# The server writes of a disconnection when it has noticed.
is_settled() { # AUTHORISED DISCONNECTED
	[ "$(authorised)" -ge "$1" ] && [ "$(disconnected)" -ge "$2" ]
}

# `extra`: sessions that are no handle, as those of PQping.
check_way() { # WAY EXTRA CONNECTS FAILED RESETS [KIND OPEN]
	local mode=finish before after status=0
	[ $# = 5 ] || mode=leak status=23
	before=$(authorised) after=$(disconnected)
	expect_status $status leak_run "$BUILD/tests/programs/calls" "$1" $mode >out
	json report.json .totals.connects "$3"
	json report.json .totals.failed_connects "$4"
	json report.json .totals.resets "$5"
	json report.json .totals.open_at_end "${7:-0}"
	json report.json '[.findings[] | .kind] | join(" ")' "${6:-}"
	before=$((before + $2 + $3 - $4 + $5)) after=$((after + $2 + $3 - $4 + $5))
	wait_until is_settled $before $after
	sleep 0.1
	expect_equal "$(authorised)" $before "authorised connections"
	expect_equal "$(disconnected)" $after "disconnections"
}

both_ways() { # WAY CONNECTS FAILED RESETS KIND [OPEN]
	check_way "$1" 0 "$2" "$3" "$4"
	check_way "$1" 0 "$2" "$3" "$4" "$5" "${6:-1}"
}

test_PQconnectdb() { both_ways connectdb 1 0 0 leaked-connection; }
test_PQconnectdbParams() { both_ways connectdb_params 1 0 0 leaked-connection; }
test_PQsetdbLogin() { both_ways setdb_login 1 0 0 leaked-connection; }
test_PQconnectStart() { both_ways connect_start 1 0 0 leaked-connection; }
test_PQconnectStartParams() { both_ways connect_start_params 1 0 0 leaked-connection; }
test_PQreset_keeps_the_handle() { both_ways reset 1 0 1 leaked-connection; }
test_PQresetStart_keeps_the_handle() { both_ways reset_start 1 0 1 leaked-connection; }
test_a_refused_connect_is_a_handle() { both_ways refused 1 1 0 unfinished-failed-connect; }
test_a_refused_async_connect_is_a_handle() { both_ways refused_async 1 1 0 unfinished-failed-connect; }
test_an_unknown_option_is_a_handle() { both_ways unknown_option 1 1 0 unfinished-failed-connect; }
test_a_cancel_handle_is_in_no_total() { both_ways cancel 1 0 0 leaked-cancel 0; }
test_PQping_is_no_event() { check_way ping 2 0 0 0; }
test_a_connect_in_a_callback_of_libpq_counts() { both_ways notice 2 0 0 leaked-connection; }
test_a_longjmp_out_of_libpq_hides_nothing() { both_ways jump_out 2 0 0 leaked-connection; }

test_an_abandoned_async_connect_is_told_from_a_failed_one() {
	expect_status 23 leak_run "$BUILD/tests/programs/calls" abandoned leak >out
	json report.json '.findings[0].kind' abandoned-async-connect
	json report.json '.totals | [.connects, .failed_connects, .open_at_end]' \
		'[1,1,1]'
}

test_a_reset_changes_the_backend_pid() {
	local pid
	expect_status 23 leak_run "$BUILD/tests/programs/calls" reset leak >out
	pid=$(jq .findings[0].handles[0].backend_pid report.json)
	# The last of the two sessions.
	expect_equal "$(grep 'connection authorized' "$SERVER_LOG" | tail -n 1 |
		grep -c "\[$pid\]")" 1 "backend of the reset connection"
}

test_real_clients_are_clean() {
	psql -Atc 'select 1' >without
	expect_status 0 leak_run "$(psql_program psql)" -Atc 'select 1' >with
	cmp with without
	json report.json .totals.connects 1
	expect_status 0 leak_run "$(psql_program pg_dump)" -j2 -Fd -f dump >out
	json report.json '.totals.connects == .totals.finishes' true
	json report.json .totals.connects 3
}

# Debian's psql is a script that calls the real one.
psql_program() { # NAME
	printf '%s\n' /usr/lib/postgresql/*/bin/"$1" | sort -V | tail -n 1
}
