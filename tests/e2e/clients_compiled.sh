# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Clients in C and C++: those that are linked with libpq, with a library that
# is, or with one that loads such a library.

# shellcheck source=tests/judge.sh
. "$ROOT/tests/judge.sh"

# Into a folder where it stays, unless it is older than its source.
compile() { # SOURCE [FLAG]...
	local name=${1%.*} source=$CLIENTS/$1 folder=$BUILD/tests/clients
	shift
	program=$folder/$name
	if [ "$program" -nt "$source" ]; then return; fi
	mkdir -p "$folder"
	case $source in
	*.cc) g++ -g -o "$program" "$source" "$@" ;;
	*.pgc)
		ecpg -o "$program.c" "$source"
		cc -g -o "$program" "$program.c" "$@"
		;;
	*) cc -g -o "$program" "$source" "$@" ;;
	esac
}

# Its `acquire` is where the leak is to be found.
check_compiled() { # LEFT SOURCE [FLAG]...
	local program left=$1
	shift
	compile "$@"
	SITE=acquire:$1
	check_leaving "$left" "$program"
}

check_linked() { # WAY
	SITE=$1:calls.c
	check_client "$BUILD/tests/programs/calls" "$1"
}

test_linked_PQconnectdb() { check_linked connectdb; }
test_linked_PQconnectdbParams() { check_linked connectdb_params; }
test_linked_PQsetdbLogin() { check_linked setdb_login; }
test_linked_PQconnectStart() { check_linked connect_start; }
test_linked_PQconnectStartParams() { check_linked connect_start_params; }

test_libpqxx() {
	needs libpqxx-dev
	check_compiled 1 pqxx.cc -lpqxx -lpq
}

test_ecpg() {
	needs libecpg-dev
	# shellcheck disable=SC2046
	check_compiled 1 ecpg.pgc $(pkg-config --cflags --libs libecpg)
}

test_soci() {
	needs libsoci-dev libsoci-postgresql4.0
	check_compiled 1 soci.cc -lsoci_core
}

test_qt() {
	needs qtbase5-dev libqt5sql5-psql
	# shellcheck disable=SC2046
	check_compiled 1 qt.cc -fPIC $(pkg-config --cflags --libs Qt5Sql)
}

test_unixodbc() {
	needs unixodbc-dev odbc-postgresql
	# Else the driver leaves a log of its own in /tmp.
	printf '[PostgreSQL Unicode]\nLogdir=%s\n' "$PWD" >odbcinst.ini
	export ODBCSYSINI=$PWD
	check_compiled 1 odbc.c -lodbc
}

test_apr() {
	needs libaprutil1-dev libaprutil1-dbd-pgsql
	# shellcheck disable=SC2046
	check_compiled 1 apr_dbd.c $(pkg-config --cflags --libs apr-util-1 apr-1)
}

test_libdbi() {
	needs libdbi-dev libdbd-pgsql
	check_compiled 1 dbi.c -ldbi
}

# The pool itself: all of its three.
test_libzdb() {
	needs libzdb-dev
	# shellcheck disable=SC2046
	check_compiled 3 zdb.c $(pkg-config --cflags --libs zdb)
}
