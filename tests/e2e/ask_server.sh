# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# --ask-server: what the server says, and that no password is told.
unset CONNLEAK_FAIL_ON
export CONNLEAK_NO_SCAN=1

secretive="user=secretive dbname=postgres password=$SECRETIVE_PASSWORD"
clean=("$BUILD/tests/programs/bounds" STRING "")

# What the role `app` has of its own, which comes before what all have.
limit() { # SET|RESET [VALUE VALUE]
	psql -Xq -v ON_ERROR_STOP=1 -U postgres -d postgres <<-SQL
		ALTER ROLE app $1 statement_timeout ${2-};
		ALTER ROLE app IN DATABASE app $1 lock_timeout ${3-};
	SQL
}

test_the_server_is_asked_for_what_holds_for_the_program() {
	trap 'limit RESET' EXIT
	limit SET "= '30s'" "= '1min'"
	leak_run --ask-server "$secretive" -- "${clean[@]}"
	json report.json '.timeouts.asked | [.why_not, .user, .dbname,
		.max_connections, .reserved_connections]' \
		'[null,"secretive","postgres",200,3]'
	json report.json '.timeouts.asked.limits[] | [.user, .dbname,
		.statement_timeout_s, .lock_timeout_s,
		.idle_in_transaction_session_timeout_s,
		.idle_session_timeout_s]' '["app","app",30,60,0,0]'
	expect_line report.txt '^    server .*:5432: 200 connections, 3 of'
	expect_line report.txt '^    role app in database app: statement_timeout'
}

# What the asking session has set for itself is nobody else's.
test_the_settings_of_the_one_who_asks_are_not_told() {
	leak_run --quiet --ask-server \
		"$secretive options='-c statement_timeout=5000'" -- "${clean[@]}"
	json report.json '.timeouts.asked.limits[0].statement_timeout_s' null
}

test_a_server_that_cannot_be_asked_changes_nothing_else() {
	expect_status 0 leak_run --quiet --ask-server "host=$PWD" -- \
		"${clean[@]}" 2>err
	expect_equal "$(cat err)" "connleak: warning: --ask-server: the server \
was not asked: there is no such socket" "standard error"
	json report.json '[.status, .timeouts.asked.why_not]' \
		'["clean","there is no such socket"]'
	expect_status 23 leak_run --ask-server "host=$PWD" -- \
		"$BUILD/samples/leak_in_loop" 2>err
	expect_line report.txt '^    the server was not asked: there is no such'
}

test_records_are_judged_where_there_is_no_libpq() {
	"$CONNLEAK" run -o run --quiet -- "${clean[@]}"
	mkdir none && : >none/libpq.so.5
	LD_LIBRARY_PATH=$PWD/none expect_status 0 "$CONNLEAK" report run \
		--ask-server "$secretive" >out 2>err
	expect_line out 'clean: 1 connection'
	expect_line err 'not asked: there is no libpq on this machine$'
}

nowhere_to_be_found() { # FILE...
	! grep -rlaF -- "$SECRETIVE_PASSWORD" "$@" ||
		fail "the password was written"
}

test_what_is_no_connection_string_is_refused_and_not_repeated() {
	expect_status 125 "$CONNLEAK" run --ask-server \
		"host=db1 $SECRETIVE_PASSWORD" true 2>err
	expect_line err '^connleak: --ask-server takes a connection string'
	nowhere_to_be_found err
}

# What can be seen of the processes that a run is made of, and by the program.
# shellcheck disable=SC2016 # for another shell
look='ps -ww -o args= -p "$PPID" --ppid "$PPID" >seen; env >>seen; exec "$@"'

# The password is in the environment of every test.
check_secret() { # [NAME=VALUE] CONNLEAK run [OPTION]...
	rm -rf run seen
	env -u SECRETIVE_PASSWORD "$@" -o run --json report.json \
		--text report.txt -- sh -c "$look" sh "${clean[@]}" >out 2>err
	expect_line seen 'connleak run '
	json report.json '.timeouts.asked.user' secretive
	nowhere_to_be_found run report.json report.txt out err seen
	expect_no_line seen CONNLEAK_ASK_SERVER
}

test_its_password_is_seen_nowhere() {
	check_secret "$CONNLEAK" run --ask-server "$secretive"
	check_secret "$CONNLEAK" run "--ask-server=$secretive"
	check_secret "CONNLEAK_ASK_SERVER=$secretive" "$CONNLEAK" run
}

# A password that was not escaped stands where a host, a port or a name should.
test_a_mistyped_connection_string_is_never_quoted() {
	local typed
	"$CONNLEAK" run -o run --quiet -- "${clean[@]}"
	for typed in "postgres://app:x@$SECRETIVE_PASSWORD@db1.invalid/app" \
		"postgres://app:$SECRETIVE_PASSWORD/x@db1.invalid/app" \
		"postgres://app:x?$SECRETIVE_PASSWORD=1@db1.invalid/app" \
		"host=$SECRETIVE_PASSWORD.invalid" "$SECRETIVE_PASSWORD" \
		"user=$SECRETIVE_PASSWORD" "port=$SECRETIVE_PASSWORD" \
		"$SECRETIVE_PASSWORD=1" "service=$SECRETIVE_PASSWORD"; do
		"$CONNLEAK" report run --json report.json \
			--ask-server "$typed" >out 2>err || [ $? = 125 ]
		expect_line err 'ask-server'
		nowhere_to_be_found out err
		! [ -e report.json ] || nowhere_to_be_found report.json
	done
}

rules='acquire pool_take handle=return; release pool_give handle=arg1;
	capacity pool_open value=arg1'

# 30 of them are for users.
with_few_connections() { # COMMAND [ARG]...
	# shellcheck source=tests/server.sh
	. "$ROOT/tests/server.sh"
	trap server_stop EXIT
	server_start max_connections=33
	"$@"
}

# A pool of 3 for 24 threads that never rest needs 24.
check_overload() {
	local pool="$BUILD/tests/programs/dry_pool 3 24 0 20"
	leak_run --hook "$rules" --ask-server user=app -- \
		sh -c "$pool & $pool & wait"
	json report.json '.verdict[0] | [.cause, .numbers.allowed]' \
		'["overload",15]'
	leak_run --hook "$rules" --ask-server user=app -- sh -c "$pool; $pool"
	json report.json '.verdict[0] | [.cause, .numbers.allowed]' \
		'["pool-too-small",30]'
}

test_what_the_processes_need_together_the_server_may_not_have() {
	(with_few_connections check_overload)
}
