#!/bin/bash
# SPDX-License-Identifier: MIT
#
# demo.sh - watches a program that forgets a connection, and one whose pool runs
# dry without any leak; `make demo` builds what it needs.  The records stay in
# build/demo and build/incidents, nothing else is left.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${BUILD:-build}

# shellcheck source=tests/server.sh
. tests/server.sh
trap server_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() { printf '\n%s\n' "$*"; }

say "A throw-away PostgreSQL starts; then:
\$ connleak run samples/leak_in_error_path"
server_start
status=0
"$build/connleak" run -o "$build/demo" -- \
	"$build/samples/leak_in_error_path" || status=$?
if [ $status != 23 ]; then
	say "connleak should have ended with 23 (findings), but it was $status."
	exit 1
fi

say "The program ended well and said nothing of it, but one of its three
connections was still open: the report names the line that acquired it.
connleak ended with status 23, by which CI knows.  The same report again:
\$ $build/connleak report $build/demo"

say "Not everything that looks like a leak is one:"
tests/incidents.sh show pool_too_small

say "Six such programs, each another outage and one that is in order:
\$ make incidents"
