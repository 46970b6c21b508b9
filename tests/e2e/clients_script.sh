# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Clients in languages whose interpreter loads libpq late.  It is named by its
# whole path: another one may come first in PATH, without Debian's modules.

# shellcheck source=tests/judge.sh
. "$ROOT/tests/judge.sh"

test_psycopg2() {
	needs python3-psycopg2
	BESIDE=',["leaked-cancel",1]' # it takes one with each connection
	check_script /usr/bin/python3 "$CLIENTS/py_psycopg2.py"
}

test_psycopg3() {
	needs python3-psycopg
	check_script /usr/bin/python3 "$CLIENTS/py_psycopg3.py"
}

test_perl() {
	needs libdbd-pg-perl
	check_script /usr/bin/perl "$CLIENTS/dbd_pg.pl"
}

test_ruby() {
	needs ruby-pg
	check_script /usr/bin/ruby "$CLIENTS/ruby_pg.rb"
}

check_php() { # FILE HOW
	needs php-cli php-pgsql
	check_script /usr/bin/php "$CLIENTS/$1" "$2"
}

test_php_pg_connect() { check_php pg.php pg_connect; }
test_php_pg_pconnect() { check_php pg.php pg_pconnect; }
test_php_pdo() { check_php pdo.php plain; }
test_php_pdo_persistent() { check_php pdo.php persistent; }

test_lua() {
	needs lua5.4 lua-sql-postgres
	check_script /usr/bin/lua5.4 "$CLIENTS/luasql.lua"
}

test_pgtcl() {
	needs tcl8.6 libpgtcl
	LAST=137
	check_script /usr/bin/tclsh8.6 "$CLIENTS/pgtcl.tcl"
}

test_node() {
	local node
	node=$(command -v node) || skip "there is no node: make setup-clients"
	if [ "$("$node" -p process.config.variables.node_shared)" = true ]; then
		needs node-libpq
	else
		export NODE_PATH=$BUILD/node/node_modules
		[ -d "$NODE_PATH/libpq" ] ||
			skip "there is no libpq for $node: make setup-clients"
	fi
	check_client "$node" "$CLIENTS/node_libpq.js"
}

test_tdbc() {
	needs tcl8.6 tcl8.6-tdbc-postgres
	check_client /usr/bin/tclsh8.6 "$CLIENTS/tdbc.tcl"
}
