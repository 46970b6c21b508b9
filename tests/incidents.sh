#!/bin/bash
# SPDX-License-Identifier: MIT
#
# incidents.sh - outages of pools of connections, and what connleak says.
#
#	tests/server.sh run tests/incidents.sh COMMAND [NAME]...
#
#	show	runs them, and shows each on a screen of its own; what has no
#		room there is counted
#	check	runs them, and holds the reports to what they claim
#	margins	judges what `check` has recorded again, each time with one
#		threshold of the verdict three times further away, either way:
#		the causes must stay the same
#	soak	check and margins, TIMES times (10), on a busy machine
#
# Without a NAME: all.  BUILD (default build) has the programs, INCIDENTS
# (default $BUILD/incidents) is the folder for what is recorded.
#
# An incident is a file in samples/.  Its comment has a paragraph that begins
# with `On call:`, what a person saw; and claims, one behind each `connleak
# says:`, to which its report is held:
#
#	status, 23                      of connleak run
#	spike, alone                    a cause; the first one first, and whether
#					to remove it would have been enough
#	leak, not alone, in order_sync	... and the place that its text names
#	spike.times, 7 to 14            a number of a cause
#	leak: 7 of 7 times after	a regular expression of its text
#	no deadline, in db_take         a pool that waits for ever
#	leaked-lease:lost, 11, in order_sync	a finding, and how often
#
# There are no causes and no findings but the claimed ones.  The place is the
# line of that function with the comment `connleak names this line`.
# A threshold that is nearer is excused by a line `near: NAME=VALUE, why`.
set -euo pipefail

# In the order of the screens.  Each has a line in tests/e2e/incidents.sh too.
all=(spike analytics_at_peak pool_too_small orm_after_refactoring)
all+=(reports healthy)

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$(realpath -m "${BUILD:-$ROOT/build}")
INCIDENTS=$(realpath -m "${INCIDENTS:-$BUILD/incidents}")
unset "${!CONNLEAK_@}" # what is claimed is said without any setting

name='' source='' folder='' # the incident at hand, and where it is recorded
excused=0                   # thresholds that are nearer, as is said
busy=()                     # processes that do nothing, as fast as they can

use() { # NAME
	name=$1
	source=$ROOT/samples/$name.c
	folder=$INCIDENTS/$name
	[ -f "$source" ] || {
		echo "incidents.sh: there is no samples/$name.c" >&2
		exit 2
	}
}

# With the rules that scan writes, and the server asked, as a user does.
record() {
	local status=0
	rm -rf "$folder"
	mkdir -p "$folder"
	"$BUILD/connleak" scan "$BUILD/samples/$name" >"$folder/rules"
	"$BUILD/connleak" run --hooks "$folder/rules" -o "$folder/run" \
		--ask-server "dbname=${PGDATABASE:?there is no server}" \
		--text "$folder/report.txt" --json "$folder/report.json" -- \
		"$BUILD/samples/$name" >"$folder/out" || status=$?
	echo $status >"$folder/status"
}

# The lines behind WORDS in the sample's comment.
said() { # WORDS
	sed -nE "s/^ \* $1: *//p" "$source"
}

# {"FUNCTION": LINE, ...} of the lines that the report is to name.
marked_lines() {
	awk '/^[a-z].*\(/ {
		match($0, /[A-Za-z0-9_]+\(/)
		inside = substr($0, RSTART, RLENGTH - 1)
	}
	/connleak names this line/ {
		printf "%s\"%s\": %d", n++ ? ", " : "{", inside, NR
	}
	END { print n ? "}" : "{}" }' "$source"
}

# Prints what is wrong with the report; nothing if all is as claimed.
complaints() { # REPORT
	jq -r -f "$ROOT/tests/incidents.jq" --arg name "$name" \
		--arg claims "$(said 'connleak says')" \
		--argjson lines "$(marked_lines)" \
		--arg status "$(<"$folder/status")" "$1"
}

check() {
	record
	if complaints "$folder/report.json" >"$folder/complaints" &&
		[ ! -s "$folder/complaints" ]; then return; fi
	sed "s/^/$name: /" "$folder/complaints"
	cat "$folder/report.txt"
	return 1
}

# "NAME=VALUE" of each threshold, three times as far away in both directions.
# Between a share and its ends, none and all; between a factor and 1, which
# makes no difference; of what is counted or timed, from nothing.
moved_thresholds() {
	awk -F'[(,] *' '
	function tell(name, less, more) {
		printf "%s=%.6g\n%s=%.6g\n", name, less, name, more
	}
	/^THRESHOLD\(/ {
		gsub("\"", "")
		if ($4 == "SHARE")
			tell($3, $5 / 3, 1 - (1 - $5) / 3)
		else if ($4 == "FACTOR")
			tell($3, 1 + ($5 - 1) / 3, 1 + ($5 - 1) * 3)
		else
			tell($3, $5 / 3, $5 * 3)
	}' "$ROOT/analyzer/verdict.def"
}

# The first causes, as many as are enough to remove; sorted.
first_causes() { # REPORT NUMBER
	jq -r --argjson n "$2" '[.verdict[:$n][].cause] | sort | join(", ")' "$1"
}

# Two, where none alone is.
enough() { # REPORT
	jq '[if .verdict[0].alone then 1 else 2 end, (.verdict | length)] | min' \
		"$1"
}

margins() {
	local report=$folder/report.json moved=$folder/moved.json threshold \
		count wanted causes failed=0
	count=$(enough "$report") || return
	wanted=$(first_causes "$report" "$count")
	while read -r threshold; do
		rm -f "$moved"
		CONNLEAK_VERDICT=$threshold "$BUILD/connleak" report --quiet \
			--json "$moved" "$folder/run" >/dev/null || true
		causes=$(first_causes "$moved" "$count")
		[ "$causes" != "$wanted" ] || continue
		if said near | grep -qF -- "$threshold,"; then
			echo "$name: with $threshold it is $causes, as is said"
			excused=$((excused + 1))
		else
			echo "$name: with $threshold it is $causes, not $wanted"
			failed=1
		fi
	done < <(moved_thresholds)
	rm -f "$moved"
	return $failed
}

# A report in ROOM lines: where that is too few, who had all of the pool is left
# out, and if need be the findings and the timeouts.  The answer stands above.
shorten() { # ROOM
	awk -v RS= -v room="$1" -v where="${folder#"$ROOT/"}/run" '
	function detail(text) {
		if (text ~ /^pool [^\n]* ran dry at/)
			return 3
		if (text ~ /^(connleak found|#|    )/)
			return 2
		return text ~ /^timeouts:/
	}
	{
		text[NR] = $0
		details[NR] = detail($0)
		lines[NR] = split($0, unused, "\n") + 1
		total += lines[NR]
	}
	END {
		for (most = 3; most && total + 2 > room; most--)
			for (i = 1; i <= NR; i++)
				if (details[i] == most) {
					total -= lines[i]
					left_out += lines[i]
					text[i] = ""
				}
		for (i = 1; i <= NR; i++) {
			if (i == NR && left_out)
				printf "(%d lines more: build/connleak report %s)\n\n",
					left_out, where
			if (text[i] != "")
				print text[i] (i == NR ? "" : "\n")
		}
	}' "$folder/report.txt"
}

# On a screen of 80 columns and 43 lines.
show() {
	local above
	record
	above=$(sed -nE "/^ \* ($name -|On call:)/,/^ \*\$/ s/^ \* ?//p" "$source"
		echo "\$ connleak scan $name >pool.rules"
		echo "\$ connleak run --hooks pool.rules --ask-server" \
			"dbname=$PGDATABASE $name"
		cat "$folder/out")
	printf '\n%s\n' "$above"
	shorten $((43 - $(wc -l <<<"$above")))
}

all_of() { # COMMAND NAME...
	local command=$1 failed=0
	shift
	for name; do
		use "$name"
		"$command" || failed=1
	done
	return $failed
}

# As if two other programs were at work on a machine with two processors.
make_busy() {
	trap 'kill "${busy[@]}" 2>/dev/null || true' EXIT
	while [ ${#busy[@]} != 2 ]; do
		while :; do :; done &
		busy+=($!)
	done
}

soak_one() { # ROUND
	local start=$SECONDS result=ok
	check && margins || result=FAILED
	[ $result = ok ] && passed=$((passed + 1)) || failed=$((failed + 1))
	echo "$result $name, round $1 of $times, $((SECONDS - start)) s"
}

soak() { # NAME...
	local round passed=0 failed=0 times=${TIMES:-10}
	make_busy
	for ((round = 1; round <= times; round++)); do
		for name; do
			use "$name"
			soak_one $round
		done
	done
	echo "$excused times a threshold was nearer than three times, as is said"
	echo "$passed passed, $failed failed, 0 skipped"
	[ $failed = 0 ]
}

command=${1-}
shift || true
[ $# != 0 ] || set -- "${all[@]}"
case $command in
show | check | margins) all_of "$command" "$@" ;;
soak) soak "$@" ;;
*)
	sed -nE '/^# incidents.sh/,/^$/ s/^# ?//p' "${BASH_SOURCE[0]}" >&2
	exit 2
	;;
esac
