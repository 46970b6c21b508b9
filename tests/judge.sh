# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# judge.sh - clients of PostgreSQL, and the server as judge.
#
# Beside what lib.sh has, for tests in tests/e2e/clients_*.sh.  A client runs
# without connleak, then with it.  Its output and status must be the same, and
# so must what the server saw of it, which decides whether connleak's numbers
# are right: the connections that it authorised are
# connects - failed_connects + resets, and those that ended without a good-bye
# (pg_stat_database.sessions_abandoned) are the established handles still out.

# shellcheck disable=SC2034 # for the tests
CLIENTS=$ROOT/tests/clients

# These change what is expected of a client.
SITE=	# FUNCTION:FILE that a leak is found in; interpreters have none
PINGS=0 # sessions that are no handle: those of PQping
NOISE=	# what sed takes out of the output: it differs from run to run
BESIDE=	# what is found beside a leaked connection: ,["KIND",COUNT]
LAST=0	# the status after `leak`

needs() { # PACKAGE...
	local package
	for package; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" \
			2>/dev/null)" = installed ] ||
			skip "there is no $package: make setup-clients"
	done
}

# Debian's psql is a script that calls the real one.
server_program() { # NAME
	printf '%s\n' /usr/lib/postgresql/*/bin/"$1" | sort -V | tail -n 1
}

as_superuser() { # SQL
	"$(server_program psql)" -XqAt -U postgres -d postgres -c "$1"
}

# A database in which there is nobody else, for as long as the server lives.
use_own_database() {
	PGDATABASE=${HOME%/home}
	PGDATABASE=${PGDATABASE##*/}
	authorised=0 abandoned=0
	as_superuser "CREATE DATABASE \"$PGDATABASE\" OWNER app"
}

lines_of_log() { # WHAT
	grep -Ec " $1: .*\<database=$PGDATABASE\>" "$SERVER_LOG" || true
}

is_settled() {
	[ "$(lines_of_log 'connection authorized')" = \
		"$(lines_of_log disconnection)" ]
}

# Sets `authorised` and `abandoned`, of all sessions so far.  The server takes
# its time to notice an end; what it counted is there when it logged the end.
ask_server() {
	wait_until is_settled
	authorised=$(lines_of_log 'connection authorized')
	abandoned=$(as_superuser "SELECT sessions_abandoned
		FROM pg_stat_database WHERE datname = '$PGDATABASE'")
}

# Keeps output and status in NAME.*, and what the server saw in NAME.server.
observe() { # NAME COMMAND [ARG]...
	local name=$1 before=("$authorised" "$abandoned") status=0
	shift
	"$@" >"$name.out" 2>"$name.err" || status=$?
	ask_server
	echo "status $status" >"$name.status"
	echo "$((authorised - before[0])) authorised," \
		"$((abandoned - before[1])) abandoned" >"$name.server"
	[ -z "$NOISE" ] || sed -Ei "$NOISE" "$name.out" "$name.err"
}

expect_same() { # FILE FILE
	cmp -s "$1" "$2" || fail "$1 and $2 differ:
$(diff "$1" "$2" || true)"
}

# Runs COMMAND both ways; it is to leave LEFT connections out.
check_run() { # LEFT COMMAND [ARG]...
	local left=$1 part
	shift
	observe without "$@"
	observe with leak_run --fail-on none --allow all "$@"
	for part in status out err server; do
		expect_same without.$part with.$part
	done
	json report.json '.totals.connects > 0 or '"$PINGS > 0" true
	json report.json ".totals | \"\(.connects - .failed_connects + .resets +
		$PINGS) authorised, \(.open_at_end) abandoned\"" \
		"$(cat with.server)"
	json report.json .totals.open_at_end "$left"
	check_verdict "$left"
}

# As it is without options.
check_verdict() { # LEFT
	if [ "$1" = 0 ]; then
		expect_status 0 "$CONNLEAK" report --quiet run
		json report.json .findings '[]'
		return
	fi
	expect_status 23 "$CONNLEAK" report --quiet run
	json report.json '.findings | map([.kind, .count])' \
		"[[\"leaked-connection\",$1]$BESIDE]"
	[ -z "$SITE" ] || json report.json '.findings[0].site |
		"\(.function):\(.file | split("/") | last)"' "$SITE"
}

expect_ended_well() { expect_equal "$(cat without.status)" "status ${1:-0}"; }

# A client that cannot leak.
check_tool() { # COMMAND [ARG]...
	use_own_database
	check_run 0 "$@"
	expect_ended_well
}

# One that takes a last word: `clean` releases all, `leak` leaves LEFT out.
check_leaving() { # LEFT COMMAND [ARG]...
	local left=$1
	shift
	use_own_database
	check_run 0 "$@" clean
	expect_ended_well
	check_run "$left" "$@" leak
	expect_ended_well $LAST
}

check_client() { # COMMAND [ARG]...
	check_leaving 1 "$@"
}

# One whose language releases at its end what was forgotten.
check_script() { # COMMAND [ARG]...
	check_client "$@"
	check_run 0 "$@" forget
	expect_ended_well
}
