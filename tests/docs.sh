#!/bin/bash
# SPDX-License-Identifier: MIT
#
# docs.sh - the man page is sound, and says what connleak can do: every setting
# that is READY, every class, kind and cause, and no setting that is not built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

page=docs/connleak.1
columns=80
failed=0
text= # of the page, as a terminal shows it

complain() { # MESSAGE
	echo "$page: $*" >&2
	failed=1
}

render() {
	local warnings
	warnings=$(groff -man -ww -Tutf8 -P-cbou -z "$page" 2>&1)
	[ -z "$warnings" ] || complain "groff warns: $warnings"
	# Variables and options in one piece, and dashes as they are typed.
	text=$(groff -man -Tutf8 -P-cbou "$page")
}

check_columns() {
	local wide
	wide=$(awk -v most=$columns 'length > most' <<<"$text")
	[ -z "$wide" ] || complain "wider than $columns columns: $wide"
}

# A whole word: --hook is not there because --hooks is.
says() { # WORD
	grep -qE -e "(^|[^[:alnum:]_-])$1([^[:alnum:]_-]|\$)" <<<"$text"
}

# Of each row of settings.def: its state, and the words that name it.
check_settings() {
	local state words word
	while read -r state words; do
		for word in $words; do
			if [ "$state" = READY ]; then
				says "$word" || complain "$word is missing"
			elif says "$word"; then
				complain "$word is not built yet"
			fi
		done
	done < <(awk -F'[(,] *' '/^SETTING\(/ {
		gsub("\"", "")
		print $9, $4 == "" ? "" : "--" $4, $5 }' record/settings.def)
}

# The judge knows the kinds and classes that a finding can have.
check_kinds() {
	local id name
	while read -r id name; do
		grep -qw -- "$id" analyzer/judge*.c analyzer/classes.c || continue
		says "$name" || complain "$name is missing"
	done < <(awk -F'[(,] *' '/^(KIND|CLASS)\(/ {
		gsub("\"", "")
		print $1 "_" $2, $3 }' analyzer/kinds.def)
}

# The causes, and the thresholds with their defaults and reasons.
check_verdict() {
	local name fallback reason line
	local row='\(\w+, *"(.*)", *\w+, *([0-9.]+), *"(.*)"\)'
	line=$(tr -s ' \n' ' ' <<<"$text")
	while read -r name; do
		says "$name" || complain "the cause $name is missing"
	done < <(sed -nE 's/.*ROW\([A-Z_]+, "([a-z-]+)"\).*/\1/p' \
		analyzer/verdict.h)
	while read -r name fallback reason; do
		grep -qF -- "$name ($fallback) ${reason^}." <<<"$line" ||
			complain "$name ($fallback) is missing: $reason"
	done < <(sed -nE "s/^THRESHOLD$row\$/\1 \2 \3/p" analyzer/verdict.def)
}

render
check_columns
check_settings
check_kinds
check_verdict
exit $failed
