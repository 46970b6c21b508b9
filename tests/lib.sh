# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# lib.sh - what the tests in tests/e2e may say.
#
# A test is a function `test_<claim_in_words>` of a file there.  It passes
# when it returns, and fails with the first command that does (set -e).  It
# runs in a bash of its own, in an empty folder of its own, which is HOME and
# TMPDIR as well, and with a PostgreSQL that PGHOST, PGUSER ... lead to (see
# server.sh).  Nothing that it started may be running when it ends, and a run
# without -o is to be cleaned up: root's records are kept in /var/tmp.
#
# Set by the runner: CONNLEAK (the program), BUILD (the folder it is in, with
# samples/ and tests/programs/), and ROOT (the source's), all absolute.
#
#	bash tests/lib.sh FILE FUNCTION		is how the runner runs one
#
# Most tests are about what is out at all, not about which class it has: so
# nothing is searched for them, and all that is out gates.  Those that are about
# classes unset the two variables; and with TEST_SCAN=1 everything is searched,
# which no program must notice.
set -euE
export CONNLEAK_FAIL_ON=default,held,undecided
[ "${TEST_SCAN-}" = 1 ] || export CONNLEAK_NO_SCAN=1
trap 'echo "failed at ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND" >&2' ERR

# Said where the runner looks, wherever standard error goes at the moment.
fail() { # MESSAGE
	echo "$*" >>"${SKIP_FILE%/*}/output"
	trap - ERR
	exit 1
}

# For what this machine lacks.  CI takes it for a failure.
skip() { # REASON
	echo "$*" >"$SKIP_FILE"
	trap - ERR
	exit 0
}

# For whoever reads the output of the run, also of a test that passes.
tell() { # TEXT
	echo "$*" >>"${SKIP_FILE%/*}/told"
}

# The status, whatever -e thinks of it; the output is left alone.
expect_status() { # N COMMAND [ARG]...
	local wanted=$1 status=0
	shift
	"$@" || status=$?
	[ "$status" = "$wanted" ] || fail "status $status, not $wanted, of: $*"
}

expect_equal() { # ACTUAL EXPECTED [WHAT]
	[ "$1" = "$2" ] || fail "${3:-value} is '$1', not '$2'"
}

# The lines of FILE, shown when none matches.
expect_line() { # FILE ERE
	grep -Eq -e "$2" "$1" || fail "no line of $1 is like '$2':
$(cat "$1")"
}

# Not `! grep`, which no shell with -e takes for a failure but in the last line.
expect_no_line() { # FILE ERE
	! grep -Eq -e "$2" "$1" || fail "a line of $1 is like '$2':
$(cat "$1")"
}

# What FILTER makes of a report; strings without their quotes.
json() { # FILE FILTER EXPECTED
	local actual
	actual=$(jq -rc "$2" "$1") || fail "jq cannot read $1"
	[ "$actual" = "$3" ] || fail "$2 is '$actual', not '$3', in $1:
$(jq . "$1")"
}

# Leaves the records in ./run, and the report in ./report.json, ./report.txt.
leak_run() { # [OPTION]... [--] PROGRAM [ARG]...
	"$CONNLEAK" run -o run --json report.json --text report.txt "$@"
}

# From here on connleak is a copy in the test's folder, which belongs to nobody
# if we are root: a build under /root is out of reach for others.
lend_connleak() {
	mkdir lent
	cp "$CONNLEAK" "$BUILD/libconnleak.so" lent/
	chmod -R a+rX lent
	CONNLEAK=$PWD/lent/connleak
	[ "$(id -u)" != 0 ] || chown nobody .
}

# Runs it with no special rights.
ordinary_connleak() { # ARG...
	[ -d lent ] || lend_connleak
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid=nobody --regid=nogroup --clear-groups \
			"$CONNLEAK" "$@"
	else
		"$CONNLEAK" "$@"
	fi
}

# For what another process will have done soon.
wait_until() { # COMMAND [ARG]...
	local tries
	for ((tries = 0; tries < 200; tries++)); do
		"$@" && return
		sleep 0.05
	done
	fail "waited 10 s in vain for: $*"
}

# shellcheck source=/dev/null
. "$1"
"$2"
