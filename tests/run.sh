#!/bin/bash
# SPDX-License-Identifier: MIT
#
# run.sh - runs the end-to-end tests: every test_ function in tests/e2e.
#
#	tests/run.sh [PATTERN]	those whose FILE:NAME matches this regex
#
# lib.sh says what a test is.  The variables BUILD (default build),
# TEST_TIMEOUT (seconds for one test, default 120) and CONNLEAK_NO_SKIP=1 (a
# skip is a failure) are read.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$(realpath -m "${BUILD:-$ROOT/build}")
CONNLEAK=$BUILD/connleak
pattern=${1-}
timeout=${TEST_TIMEOUT:-120}
no_skip=${CONNLEAK_NO_SKIP-}
passed=0 failed=0 skipped=0
scratch=    # the folder of this run
test_group= # the process group of the test that is running

# shellcheck source=tests/server.sh
. "$ROOT/tests/server.sh"

# Also where a test took our rights away.
remove() { # FOLDER
	rm -rf "$1" 2>/dev/null || { chmod -R u+rwx "$1" && rm -rf "$1"; }
}

clean_up() {
	trap '' INT TERM HUP
	[ -z "$test_group" ] || kill -KILL -- "-$test_group" 2>/dev/null || true
	server_stop
	[ -z "$scratch" ] || remove "$scratch"
}

# Pids of what a test left running: of its process group, or with its mark in
# the environment (a daemon leaves the group).  Zombies are not running.
left_running() { # MARK GROUP
	local file line fields
	grep -lszxF -- "TEST_MARK=$1" /proc/[0-9]*/environ | cut -d/ -f3 || true
	for file in /proc/[0-9]*/stat; do
		{ read -r line <"$file"; } 2>/dev/null || continue
		# After the name, in parentheses: state, parent, group.
		read -r -a fields <<<"${line##*) }"
		[ "${fields[2]}" != "$2" ] || [ "${fields[0]}" = Z ] ||
			echo "${file//[^0-9]/}"
	done
}

# What is about to end gets a second for it; the rest is named and killed.
kill_left_running() { # MARK GROUP
	local pids pid tries
	for ((tries = 0; tries < 20; tries++)); do
		pids=$(left_running "$@" | sort -u)
		[ -n "$pids" ] || return 0
		sleep 0.05
	done
	for pid in $pids; do
		echo "left running: $pid $(tr '\0' ' ' \
			<"/proc/$pid/cmdline" || true)"
		kill -KILL "$pid" || true
	done 2>/dev/null
	return 1
}

# In the background, so that a signal for us is obeyed while it runs; bash
# then ignores SIGINT, which a test must not.  timeout makes it a process
# group.  Its status is the test's, or 124 or 137.  The output is appended to,
# since fail() opens it too: else each would write over what the other wrote.
launch_test() { # FILE FUNCTION FOLDER
	trap - INT QUIT
	cd "$3/home"
	exec env -u LD_PRELOAD -u XDG_STATE_HOME HOME="$3/home" \
		TMPDIR="$3/home" TEST_MARK="$3" SKIP_FILE="$3/skip" \
		ROOT="$ROOT" BUILD="$BUILD" CONNLEAK="$CONNLEAK" \
		timeout -k 5 "$timeout" bash "$ROOT/tests/lib.sh" "$1" "$2" \
		>>"$3/output" 2>&1 </dev/null
}

report_failure() { # NAME WHY FOLDER
	failed=$((failed + 1))
	echo "FAIL $1: $2"
	sed 's/^/    | /' "$3/output"
}

run_test() { # FILE FUNCTION
	local name=${2#test_} folder=$scratch/$2 status=0 start=$SECONDS
	mkdir -p "$folder/home"
	launch_test "$1" "$2" "$folder" &
	test_group=$!
	wait "$test_group" 2>/dev/null || status=$?
	kill_left_running "$folder" "$test_group" >"$folder/left" || status=left
	test_group=
	cat "$folder/left" >>"$folder/output"

	if [ "$status" = left ]; then
		report_failure "$name" "left something running" "$folder"
	elif [ "$status" != 0 ] && ((SECONDS - start >= timeout)); then
		report_failure "$name" hung "$folder"
	elif [ "$status" != 0 ]; then
		report_failure "$name" "status $status" "$folder"
	elif [ ! -e "$folder/skip" ]; then
		passed=$((passed + 1))
		echo "ok $name"
		[ ! -e "$folder/told" ] || sed 's/^/   > /' "$folder/told"
	elif [ "$no_skip" = 1 ]; then
		report_failure "$name" "skipped: $(<"$folder/skip")" "$folder"
	else
		skipped=$((skipped + 1))
		echo "skip $name: $(<"$folder/skip")"
	fi
	remove "$folder"
}

run_file() { # FILE
	local file=$1 names name start=$EPOCHREALTIME ran=0
	mapfile -t names < <(sed -nE 's/^(test_\w+) *\(\).*/\1/p' "$file")
	for name in "${names[@]}"; do
		[[ ${file##*/}:${name#test_} =~ $pattern ]] || continue
		run_test "$file" "$name"
		ran=$((ran + 1))
	done
	[ $ran = 0 ] || awk -v name="${file##*/}" -v from="$start" \
		-v to="$EPOCHREALTIME" -v n=$ran \
		'BEGIN { printf "   %s: %d tests, %.1f s\n", name, n, to-from }'
}

if [ ! -x "$CONNLEAK" ]; then
	echo "run.sh: there is no $CONNLEAK: type make" >&2
	exit 1
fi
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# Only what a test says shall decide, not the settings of whoever runs it.
unset "${!CONNLEAK_@}"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/connleak-e2e.XXXXXX")
chmod 711 "$scratch" # a test of root's may give up its rights
server_start
for file in "$ROOT"/tests/e2e/*.sh; do
	[ ! -e "$file" ] || run_file "$file"
done

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] && [ $passed != 0 ]
