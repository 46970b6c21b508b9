# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Each sample says at its top what connleak must say of it; here it is held to
# that: kind, count and function of every finding, and nothing else.
unset CONNLEAK_FAIL_ON CONNLEAK_NO_SCAN
export CONNLEAK_SCAN_TIME=30s # what is found is the point, not how fast

# "KIND COUNT FUNCTION" of each line that says so, or "clean".
promised() { # SAMPLE
	sed -nE 's/^ \* connleak says: *//p' "$ROOT/samples/$1.c" |
		sed -E 's/, ([0-9]+), in /\t\1\t/' | sort
}

reported() {
	jq -r 'if .findings == [] then .status else .findings[] |
		[.kind, .count, .site.function] | @tsv end' report.json | sort
}

check_sample() { # NAME STATUS [OPTION]...
	expect_status "$2" leak_run "${@:3}" -- "$BUILD/samples/$1" >with
	expect_equal "$(reported)" "$(promised "$1")" "finding"
	"$BUILD/samples/$1" >without
	cmp with without
}

test_sample_clean() { check_sample clean 0; }
test_sample_leak_in_error_path() { check_sample leak_in_error_path 23; }
test_sample_leak_in_loop() { check_sample leak_in_loop 23; }
test_sample_failed_connect() { check_sample failed_connect 23; }
test_sample_abandoned_async() { check_sample abandoned_async 23; }
test_sample_leak_in_threads() { check_sample leak_in_threads 23; }
test_sample_leak_in_pool() {
	"$CONNLEAK" scan "$BUILD/samples/leak_in_pool" >pool.rules
	check_sample leak_in_pool 23 --hooks pool.rules
}

# Those of a pool that ran dry: incidents.sh.
test_every_sample_is_tested() {
	local sample
	for sample in "$ROOT"/samples/*.c; do
		grep -Eq "check_(sample|incident) $(basename "$sample" .c)\>" \
			"$ROOT"/tests/e2e/{samples,incidents}.sh
	done
}

test_a_finding_names_line_server_and_backend() {
	local line
	line=$(grep -n 'return PQconnectdb\|= PQconnectdb' \
		"$ROOT/samples/leak_in_error_path.c" | head -n 1 | cut -d: -f1)
	expect_status 23 leak_run "$BUILD/samples/leak_in_error_path" >out
	json report.json .findings[0].site.file \
		"$ROOT/samples/leak_in_error_path.c"
	json report.json .findings[0].site.line "$line"
	json report.json .findings[0].handles[0].host "$PGHOST"
	json report.json .findings[0].handles[0].port "$PGPORT"
	json report.json .findings[0].handles[0].dbname "$PGDATABASE"
	json report.json .findings[0].handles[0].user "$PGUSER"
	grep -q "\[$(jq .findings[0].handles[0].backend_pid report.json)\].*authorized" \
		"$SERVER_LOG" || fail "the server knows no such backend"
}
