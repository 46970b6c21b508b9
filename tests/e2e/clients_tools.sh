# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Finished programs that connect, and the server itself as a client of another.

# shellcheck source=tests/judge.sh
. "$ROOT/tests/judge.sh"

# By way of Debian's script: two programs, one after the other, in one process.
test_psql() {
	check_tool /usr/bin/psql -XAtc 'SELECT 6 * 7'
}

test_pg_isready_makes_no_handle() {
	PINGS=1
	check_tool "$(server_program pg_isready)"
}

test_pg_dump_with_jobs() {
	# shellcheck disable=SC2016 # the inner shell is to say it
	check_tool sh -c '"$0" -j4 -Fd -f dump && rm -r dump' \
		"$(server_program pg_dump)"
	json report.json .totals.connects 5
}

test_pgbench() {
	echo 'SELECT 6 * 7;' >script
	NOISE='/^(latency|initial connection time|tps) /d'
	check_tool "$(server_program pgbench)" -n -c4 -j2 -t5 -f script
	json report.json .totals.connects 5
}

test_pgbench_that_connects_each_time() {
	echo 'SELECT 6 * 7;' >script
	NOISE='/^(latency|average connection time|tps) /d'
	check_tool "$(server_program pgbench)" -n -C -c2 -t5 -f script
	json report.json .totals.connects 11
}

test_vacuumdb_with_jobs() {
	check_tool "$(server_program vacuumdb)" -j3 -Z \
		-t pg_class -t pg_type -t pg_proc -t pg_attribute
	json report.json .totals.connects 3
}

test_ogrinfo() {
	needs gdal-bin
	check_tool /usr/bin/ogrinfo -ro PG: -sql 'SELECT 6 * 7 AS answer'
}

# Four sessions of the server that PGHOST leads to: by dblink and postgres_fdw
# each, one that closes its connection and one that does not.
ask_another_server() { # HOST PORT DATABASE
	local psql way mode
	psql=("$(server_program psql)" -XqAt -U postgres -v ON_ERROR_STOP=1
		-v "host=$1" -v "port=$2" -v "database=$3")
	"${psql[@]}" -f "$CLIENTS/links.sql"
	for way in dblink postgres_fdw; do
		for mode in clean leak; do
			"${psql[@]}" -v mode=$mode -f "$CLIENTS/$way.sql"
		done
	done
}

# The second server is the client.  Root's is not root, so it is lent connleak.
ask_from_a_watched_server() { # HOST PORT DATABASE
	(
		# shellcheck source=tests/server.sh
		. "$ROOT/tests/server.sh"
		lend_connleak
		mkdir watched
		[ "$(id -u)" != 0 ] || chown postgres watched
		server_under=("$CONNLEAK" run --quiet -o "$PWD/watched/run"
			--json "$PWD/watched/report.json")
		trap server_stop EXIT
		server_start
		ask_another_server "$@"
	)
}

test_dblink_and_postgres_fdw() {
	local at
	use_own_database
	# shellcheck disable=SC2031 # that subshell comes later
	at=("$PGHOST" "$PGPORT" "$PGDATABASE")
	observe without ask_another_server "${at[@]}"
	observe with ask_from_a_watched_server "${at[@]}"
	expect_same without.out with.out
	expect_same without.err with.err
	# Without, five of psql as well.
	expect_equal "$(cat without.server)" "9 authorised, 2 abandoned"
	expect_equal "$(cat with.server)" "4 authorised, 2 abandoned"
	json watched/report.json '.totals | [.connects, .finishes]' '[4,2]'
	json watched/report.json '.findings | map([.kind, .count]) | unique' \
		'[["leaked-connection",1]]'
	json watched/report.json '.findings | length' 2
	expect_status 23 "$CONNLEAK" report --quiet watched/run
}
