# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# pools.sh - programs with a real pool in them, for tests/e2e/pools_*.sh.
#
# tests/pools/ has the sources.  What a program leaks it acquires in a line that
# ends with the comment `at: NAME`; a test says NAME, and means that function
# and line.  The server is the judge of the connections (judge.sh), the program's
# own words are that of the leases, and both must be as they are without
# connleak.

# shellcheck source=tests/judge.sh
. "$ROOT/tests/judge.sh"

# As a user has it: leases need no search.
unset CONNLEAK_FAIL_ON CONNLEAK_NO_SCAN

SOURCE= # the file that the lines are looked up in

# Into a folder where it stays, unless it is older than its source.
compile_pool() { # SOURCE [OPTION]...
	local folder=$BUILD/tests/pools compiler=cc
	SOURCE=$ROOT/tests/pools/$1
	program=$folder/${1/./_}
	if [ "$program" -nt "$SOURCE" ] &&
		[ "$program" -nt "$ROOT/tests/pools/wait.h" ]; then return; fi
	mkdir -p "$folder"
	[[ $1 != *.cc ]] || compiler=g++
	# shellcheck disable=SC2046
	"$compiler" -g -O1 -o "$program.new" $(pkg-config --cflags libpq) \
		"$SOURCE" "${@:2}" -lpthread
	mv "$program.new" "$program"
}

line_at() { # NAME
	grep -n "/\* at: $1 \*/" "$SOURCE" | cut -d: -f1
}

# Without connleak and with it: both end with STATUS, say the same, and leave
# LEFT connections to the server.  Leaves report.json.
check_pool() { # STATUS LEFT PROGRAM [ARG]...
	[ -n "${authorised-}" ] || use_own_database
	check_run "${@:2}"
	expect_ended_well "$1"
}

check_verdict() { :; }

# All leaked leases, merged by line: FUNCTION NAME CLASS COUNT, each a word.
expect_leases() { # [FUNCTION NAME CLASS COUNT]...
	local wanted=()
	while [ $# != 0 ]; do
		wanted+=("$1:$(line_at "$2") $3 $4")
		shift 4
	done
	json report.json '[.findings[] | select(.kind == "leaked-lease") |
		{at: "\(.site.function | split("(")[0]):\(.site.line) \(.class)",
		 file: .site.file | split("/")[-1], count}] |
		group_by(.at) | map("\(.[0].at) \(map(.count) | add)") |
		join(", ")' "$(printf '%s\n' "${wanted[@]}" | sort |
		paste -sd, | sed 's/,/, /g')"
}

# What else is wrong.
expect_misuse() { # [KIND]...
	json report.json '[.findings[] | select(.kind |
		IN("leaked-lease", "leaked-connection", "no-timeout") | not) |
		.kind] | join(" ")' "$*"
}

expect_totals() { # ACQUIRES RELEASES PEAK
	json report.json '.totals | [.acquires, .releases, .leases_at_end,
		.peak_leases] | join(" ")' "$1 $2 $(($1 - $2)) $3"
}

# Each pool, by name, and the one that was larger first: its name, capacity, most
# in use, waits (at least: a busy machine makes more), and acquires in vain by
# nothing/error/exception.
expect_pools() { # ["NAME, CAPACITY, PEAK, WAITS, FAILED"]...
	local wanted
	wanted=$(jq -cn '$ARGS.positional | map(split(", "))' --args "$@")
	json report.json ".pools | sort_by(.name, -.peak_used) |
		[., $wanted] | transpose | map(.[1] as \$wanted | .[0] |
			[.name, .capacity, .peak_used,
			 ([.waits, (\$wanted[3] // 0 | tonumber)] | min),
			 (.failed_by | [.nothing, .error, .exception] |
				join(\"/\"))] | map(tostring))" "$wanted"
}

# The first time that a pool ran dry: REASON, and how many had a lease then.
expect_exhaustion() { # POOL REASON KEEPERS
	json report.json "[.exhaustions[] | select(.pool == \"$1\") |
		.reason, (.keepers | length)]" "[\"$2\",$3]"
}

# The first of the reasons why it ran dry.
expect_cause() { # CAUSE
	json report.json '.verdict[0].cause' "$1"
}
