#!/bin/bash
# SPDX-License-Identifier: MIT
#
# demo.sh - watches a program that forgets a connection; `make demo` builds
# what it needs.  The record stays in build/demo, nothing else is left.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${BUILD:-build}

say() { printf '\n%s\n' "$*"; }

say "A throw-away PostgreSQL starts; then:
\$ connleak run samples/leak_in_error_path"
status=0
tests/server.sh run "$build/connleak" run -o "$build/demo" -- \
	"$build/samples/leak_in_error_path" || status=$?
if [ $status != 23 ]; then
	say "connleak should have ended with 23 (findings), but it was $status."
	exit 1
fi

say "The program ended well and said nothing of it, but one of its three
connections was still open: the report names the line that acquired it.
connleak ended with status 23, by which CI knows.  The same report again:
\$ $build/connleak report $build/demo"
