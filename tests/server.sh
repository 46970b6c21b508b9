#!/bin/bash
# SPDX-License-Identifier: MIT
#
# server.sh - a throw-away PostgreSQL on a socket in a private folder.
#
#	tests/server.sh run [-c NAME=VALUE]... COMMAND [ARG]...
#
# starts one, runs COMMAND with PGHOST, PGPORT, PGUSER and PGDATABASE set to
# it, stops it, and returns COMMAND's status.  `run bash` is a playground.
#
# A script that keeps one for longer sources this file, calls server_start
# [NAME=VALUE]... (not in a subshell: the server ends with the shell that
# started it) and sees to server_stop with a trap on EXIT.  Beside the PG
# variables these are exported:
#	SERVER_LOG		one line per connection and disconnection
#	SECRETIVE_PASSWORD	of the role `secretive`, who logs in by scram
# The roles `app` (owns the database `app`) and `postgres` need no password.

server_under=() # a command that is to run the server, when not empty
server_folder=
server_pid=

# PostgreSQL refuses to run as root, so root's is run by the user `postgres`,
# in a folder it may enter (a clone under /root is none).
as_server_user() {
	cd / || return
	if [ "$(id -u)" = 0 ]; then
		exec setpriv --reuid=postgres --regid=postgres \
			--init-groups -- "$@"
	fi
	exec "$@"
}

# The path of a socket has at most 107 bytes, a comma would divide it in two,
# and the server's user must be able to get there.
make_server_folder() {
	local base
	for base in "${TMPDIR:-/tmp}" /tmp; do
		[[ $base =~ ^/[A-Za-z0-9_./-]{0,70}$ ]] || continue
		server_folder=$(mktemp -d "${base%/}/connleak-pg.XXXXXX") ||
			continue
		[ "$(id -u)" != 0 ] ||
			chown postgres: "$server_folder" || return
		(as_server_user test -w "$server_folder") && return
		rm -rf "$server_folder"
		server_folder=
	done
	echo "server.sh: no folder for a socket in ${TMPDIR:-/tmp} or /tmp" >&2
	return 1
}

newest_server_programs() {
	local programs
	programs=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
	if [ ! -x "$programs/postgres" ]; then
		echo "server.sh: no PostgreSQL server: ./setup.sh base" >&2
		return 1
	fi
	echo "$programs"
}

make_cluster() { # PROGRAMS
	local data=$server_folder/data
	(LC_ALL=C as_server_user "$1/initdb" --pgdata="$data" \
		--username=postgres --auth=trust --encoding=UTF8 --no-locale \
		--no-sync --no-instructions) >"$SERVER_LOG" || return
	cat >"$data/pg_hba.conf" <<-HBA || return
		local all secretive              scram-sha-256
		local all all                    trust
		host  all secretive 127.0.0.1/32 scram-sha-256
		host  all all       127.0.0.1/32 trust
	HBA
	cat >>"$data/postgresql.conf" <<-CONF
		listen_addresses = ''
		port = $PGPORT
		unix_socket_directories = '$server_folder'
		max_connections = 200
		# What a test compares with: who came and who went.
		log_connections = on
		log_disconnections = on
		log_line_prefix = '%m [%p] '
		# Quick, small, and gone with its folder.
		fsync = off
		synchronous_commit = off
		full_page_writes = off
		wal_level = minimal
		max_wal_senders = 0
		shared_buffers = 16MB
		dynamic_shared_memory_type = mmap
		autovacuum = off
		jit = off
	CONF
}

# A server outlives nobody: --pdeathsig ends it when this shell is killed.
# It must be asked for after the change of user, which would clear it.
launch_server() { # PROGRAMS [NAME=VALUE]...
	local programs=$1 settings=() setting
	shift
	for setting; do settings+=(-c "$setting"); done
	as_server_user setpriv --pdeathsig INT -- "${server_under[@]}" \
		"$programs/postgres" -D "$server_folder/data" "${settings[@]}" \
		>>"$SERVER_LOG" 2>&1 </dev/null &
	server_pid=$!
}

wait_until_ready() { # PROGRAMS
	local tries
	for ((tries = 0; tries < 300; tries++)); do
		(as_server_user "$1/pg_isready" -q -d postgres) && return
		kill -0 "$server_pid" 2>/dev/null || return
		sleep 0.1
	done
	return 1
}

make_roles() { # PROGRAMS
	(as_server_user "$1/psql" -Xq -v ON_ERROR_STOP=1 \
		-U postgres -d postgres) <<-SQL
		CREATE ROLE app LOGIN IN ROLE pg_monitor, pg_signal_backend;
		CREATE ROLE secretive LOGIN PASSWORD '$SECRETIVE_PASSWORD';
		CREATE DATABASE app OWNER app;
	SQL
}

# Returns once it takes connections; else says why not, and leaves nothing.
server_start() { # [NAME=VALUE]...
	local programs setting
	programs=$(newest_server_programs) || return
	make_server_folder || return

	unset "${!PG@}" # a PGSERVICE of the caller would lead elsewhere
	export PGHOST=$server_folder PGPORT=5432 PGUSER=app PGDATABASE=app
	export SERVER_LOG=$server_folder/log
	export SECRETIVE_PASSWORD=swordfish-never-in-a-record
	for setting; do
		[[ $setting != port=* ]] || PGPORT=${setting#port=}
	done

	if make_cluster "$programs" && launch_server "$programs" "$@" &&
		wait_until_ready "$programs" && make_roles "$programs"; then
		return
	fi
	echo "server.sh: PostgreSQL did not start:" >&2
	tail -n 20 "$SERVER_LOG" >&2
	server_stop
	return 1
}

# May be called twice.  A server that does not end at once is killed.
server_stop() {
	local tries
	if [ -n "$server_pid" ]; then
		kill -INT "$server_pid" 2>/dev/null || true
		for ((tries = 0; tries < 100; tries++)); do
			kill -0 "$server_pid" 2>/dev/null || break
			sleep 0.1
		done
		kill -KILL "$server_pid" 2>/dev/null || true
		wait "$server_pid" 2>/dev/null || true
		server_pid=
	fi
	[ -z "$server_folder" ] || rm -rf "$server_folder"
	server_folder=
	return 0
}

# COMMAND runs in the background, since bash waits for one in the foreground
# before it obeys a signal; with our stdin, and SIGINT as the caller had it.
server_run() { # [-c NAME=VALUE]... COMMAND [ARG]...
	local settings=() command
	while [ "${1-}" = -c ]; do
		settings+=("${2-}")
		shift 2
	done
	if [ $# = 0 ]; then
		echo "usage: tests/server.sh run [-c NAME=VALUE]..." \
			"COMMAND [ARG]..." >&2
		return 2
	fi
	trap server_stop EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	server_start "${settings[@]}" || return
	(trap - INT QUIT && exec "$@") <&0 &
	command=$!
	trap 'kill -INT $command 2>/dev/null; exit 130' INT
	trap 'kill -TERM $command 2>/dev/null; exit 143' TERM HUP
	wait "$command"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	if [ "${1-}" = run ]; then shift; else set --; fi
	server_run "$@"
fi
