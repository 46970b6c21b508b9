# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What is promised of the gate, in numbers: nothing that is right gates, however
# it ends; and of a hundred planted leaks at least 99 do.
unset CONNLEAK_FAIL_ON CONNLEAK_NO_SCAN
export CONNLEAK_SCAN_TIME=30s # what is found is the point, not how fast

rules='acquire pool_take@main handle=return; release pool_give@main handle=arg1;
	capacity pool_open@main value=arg1'

server_program() { # NAME
	printf '%s\n' /usr/lib/postgresql/*/bin/"$1" | sort -V | tail -n 1
}

# A database in which there is something, and nobody else.
make_database() {
	PGDATABASE=${HOME%/home}
	PGDATABASE=${PGDATABASE##*/}
	psql -qU postgres -d postgres \
		-c "CREATE DATABASE \"$PGDATABASE\" OWNER app"
	"$(server_program pgbench)" -q -i --foreign-keys >out 2>&1
}

# However it ended, connleak adds nothing to that.
check_report() { # STATUS...
	json report.json '[.findings[] | select(.gates)]' '[]'
	json report.json '[.status, .totals.connects > 0]' '["clean",true]'
	expect_status 0 "$CONNLEAK" report --quiet run
	[[ " $* " == *" $status "* ]] || fail "status $status, not $*"
}

gates_nothing() { # STATUS COMMAND [ARG]...
	local status=0
	leak_run "${@:2}" >out 2>err </dev/null || status=$?
	check_report "$1"
}

# As soon as CONDITION is true it is sent SIGNAL, for which it may exit with 1.
gates_nothing_if() { # SIGNAL CONDITION COMMAND [ARG]...
	local status=0 run
	rm -f pid
	# shellcheck disable=SC2016 # the inner shell is to say it
	leak_run sh -c 'echo $$ >pid && exec "$@"' sh "${@:3}" \
		>out 2>err </dev/null &
	run=$!
	wait_until "$2"
	kill -s "$1" "$(<pid)"
	wait $run || status=$?
	check_report $((128 + $(kill -l "$1"))) 1
}

# shellcheck disable=SC2317 # called by wait_until
sleeps() {
	[ "$(psql -Atc "SELECT count(*) FROM pg_stat_activity
		WHERE wait_event = 'PgSleep' AND datname = '$PGDATABASE'")" = 1 ]
}

test_psql_gates_nothing() {
	local psql signal
	make_database
	psql=$(server_program psql)
	gates_nothing 0 psql -XAtc 'SELECT 6 * 7' # Debian's script
	cat >script.sql <<-'END'
		BEGIN;
		DECLARE c CURSOR FOR SELECT * FROM pgbench_accounts;
		FETCH 10 FROM c;
		\copy pgbench_tellers TO 'tellers'
		COMMIT;
		LISTEN news;
		NOTIFY news;
		SELECT 1/0;
		\c
		\! psql -XAtc 'SELECT 1'
		BEGIN;
	END
	gates_nothing 0 "$psql" -X -f script.sql
	gates_nothing 3 "$psql" -X -v ON_ERROR_STOP=1 -f script.sql
	gates_nothing 2 "$psql" -X \
		-c 'SELECT pg_terminate_backend(pg_backend_pid())'
	for signal in TERM KILL; do
		gates_nothing_if $signal sleeps "$psql" -Xc 'SELECT pg_sleep(60)'
		psql -qAtc "SELECT pg_terminate_backend(pid)
			FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >out
	done
}

# Until `unlock`, whoever comes to these has to wait.
lock_tables() { # TABLE...
	coproc lock { psql -XqAt; }
	echo "BEGIN; LOCK TABLE $(IFS=, && echo "$*"); SELECT 'locked';" \
		>&"${lock[1]}"
	read -r <&"${lock[0]}"
}

unlock() {
	eval "exec ${lock[1]}>&-"
	wait
}

# shellcheck disable=SC2317 # called by wait_until
waits() {
	[ "$(psql -Atc "SELECT count(*) FROM pg_stat_activity
		WHERE wait_event_type = 'Lock'
		AND datname = '$PGDATABASE'")" -ge "$waiting" ]
}

# In the middle of it, too.
gates_nothing_blocked() { # COUNT COMMAND [ARG]...: so many wait for the tables
	local waiting=$1 signal
	for signal in TERM KILL; do
		lock_tables pgbench_accounts pgbench_branches pgbench_tellers
		gates_nothing_if $signal waits "${@:2}"
		unlock
	done
}

test_pg_dump_gates_nothing() {
	local pg_dump
	make_database
	pg_dump=$(server_program pg_dump)
	gates_nothing 0 "$pg_dump" -j4 -Fd -f dump
	gates_nothing 0 "$pg_dump" -Fc -f dump.custom
	gates_nothing 1 "$pg_dump" -j4 -Fd -f dump.none -t none
	gates_nothing_blocked 1 sh -c 'rm -rf dump && exec "$@"' sh \
		"$pg_dump" -j4 -Fd -f dump
}

test_vacuumdb_gates_nothing() {
	local vacuumdb
	make_database
	vacuumdb=$(server_program vacuumdb)
	gates_nothing 0 "$vacuumdb" -j4 -z
	gates_nothing 0 "$vacuumdb" -j3 --analyze-in-stages
	gates_nothing 1 "$vacuumdb" -j4 -t pgbench_accounts -t none
	gates_nothing_blocked 3 "$vacuumdb" -j4 -z -t pg_class \
		-t pgbench_accounts -t pgbench_branches -t pgbench_tellers
}

# shellcheck disable=SC2317 # called by wait_until
has_many_sessions() {
	[ "$(grep -c "authorized: .*database=$PGDATABASE" "$SERVER_LOG")" -ge 60 ]
}

test_pgbench_gates_nothing() {
	local pgbench signal
	make_database
	pgbench=$(server_program pgbench)
	cat >script <<-'END'
		SELECT 1;
		\sleep 20 ms
		SELECT 2;
		\sleep 20 ms
	END
	echo 'SELECT 1/0;' >wrong
	gates_nothing 0 "$pgbench" -n -c8 -j4 -t20
	gates_nothing 0 "$pgbench" -n -c8 -j4 -t20 -M prepared
	gates_nothing 0 "$pgbench" -n -C -c8 -j4 -t3 -f script
	gates_nothing 2 "$pgbench" -n -C -c4 -j2 -t3 -f wrong
	for signal in TERM KILL; do
		: >"$SERVER_LOG"
		gates_nothing_if $signal has_many_sessions \
			"$pgbench" -n -C -c12 -j4 -T60 -f script
	done
}

test_10000_leases_that_come_back_gate_nothing() {
	local acquired released
	gates_nothing 0 --hook "$rules" "$BUILD/tests/programs/pairs"
	tell "$(<out)"
	read -r acquired _ released _ <out
	((released >= 10000 && acquired == released + 1)) || fail "$(<out)"
	json report.json '.totals | [.acquires, .releases, .lost]' \
		"[$acquired,$released,0]"
	# All that is out: the pool, and what listens.
	json report.json '[.findings[] | select(.class) | [.kind, .class,
		.count]] | sort' \
		'[["leaked-connection","held",39],["leaked-lease","by-design",1]]'
	# From less than a millisecond to seconds.
	json report.json '[.sites[] | select(.released > 0) | .hold_s] |
		[(map(.p50) | min) < 0.002, (map(.max) | max) > 1]' '[true,true]'
}

planted=$BUILD/tests/programs/planted

# Of each job that OUT says has leaked: KIND FUNCTION COUNT, and how many of
# these are found, of a class that gates.
compare_with_truth() {
	grep '^leaked\|^unfinished\|^abandoned' out |
		while read -r kind function count; do
			echo "$kind $function $count $(jq "[.findings[] |
				select(.kind == \"$kind\" and .gates and
				(.class == \"lost\" or .class == \"growing\") and
				.site.function == \"$function\") |
				.count] | add // 0" report.json)"
		done
}

# Nothing else gates, and no more than was planted; of KINDS 99 % do.
check_planted() { # LEAST KINDS
	compare_with_truth >compared
	awk -v least="$1" -v kinds="^($2)\$" '
		$4 > $3 { wrong++ }
		{ gating += $4 }
		$1 ~ kinds { planted += $3; found += $4 }
		END {
			print gating
			exit !(planted >= least && !wrong &&
				found >= planted * 0.99)
		}' compared >gating || fail "$(cat compared)"
	json report.json '[.findings[] | select(.gates) | .count] | add' \
		"$(<gating)"
	tell "$(awk -v kinds="^($2)\$" '
		$1 ~ kinds { planted += $3; found += $4 }
		END { print found, "of", planted, "are lost or growing" }' \
		compared)"
}

# They are there, and do not gate: in KINDS of the class by-design.
check_kept() { # KINDS
	local name
	while read -r name; do
		json report.json "[.findings[] |
			select(.site.function == \"$name\")] |
			[length, any(.gates)]" '[1,false]'
	done < <(sed -n 's/^kept //p' out)
	json report.json '[.findings[] | select(.class == "by-design" and
		(.kind | test("^('"$1"')$"))) | .site.function] | unique' "$2"
}

test_99_of_100_planted_leaks_gate_and_no_singleton() {
	expect_status 23 leak_run --hook "$rules" "$planted" >out 2>err
	check_planted 200 '.*'
	check_kept '.*' \
		'["audits","keeps_settings","listens","loads","subscribes"]'
}

# Then no memory can be searched: what was used has to show by that.
test_so_do_those_of_a_program_that_is_killed() {
	expect_status 137 leak_run --hook "$rules" "$planted" kill >out 2>err
	check_planted 100 'leaked-lease|leaked-connection'
	check_kept leaked-lease '["audits","loads","subscribes"]'
	expect_status 23 "$CONNLEAK" report --quiet run
}
