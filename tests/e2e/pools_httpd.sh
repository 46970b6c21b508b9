# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Apache with mod_dbd, and a module that forgets to close: in one process, and
# in one with threads whose parent watches.

# shellcheck source=tests/pools.sh
. "$ROOT/tests/pools.sh"

server=	   # the pid of what runs it, while it does
port=	   # it listens there, of this machine only
persist=On # whether mod_dbd has a pool

compile_module() {
	needs apache2-bin apache2-dev libaprutil1-dbd-pgsql
	SOURCE=$ROOT/tests/pools/mod_tickets.c
	# shellcheck disable=SC2046
	cc -g -O1 -shared -fPIC -o mod_tickets.so "$SOURCE" \
		-I"$(apxs -q INCLUDEDIR)" \
		$(apr-1-config --cflags --cppflags --includes) \
		$(apu-1-config --includes)
}

# Nothing of the system's configuration is read.  Where root runs it, its
# processes give up their rights to those of PostgreSQL's: whose socket is
# in a folder of his own.
configure() { # MPM
	local modules
	mkdir -p -m 777 signs
	modules=$(apxs -q LIBEXECDIR)
	cat >httpd.conf <<-CONF
		ServerRoot $PWD
		DefaultRuntimeDir $PWD
		PidFile $PWD/httpd.pid
		ErrorLog $PWD/error.log
		Mutex file:$PWD default
		ServerName localhost
		Listen 127.0.0.1:$port
		LoadModule mpm_$1_module $modules/mod_mpm_$1.so
		LoadModule authz_core_module $modules/mod_authz_core.so
		LoadModule dbd_module $modules/mod_dbd.so
		LoadModule tickets_module $PWD/mod_tickets.so
		DBDriver pgsql
		DBDParams connect_timeout=20
		DBDPersist $persist
		DBDMin 1
		DBDKeep 2
		DBDMax 3
	CONF
	if [ "$1" = prefork ]; then
		echo 'MaxRequestWorkers 1' >>httpd.conf
	else
		printf '%s\n' 'StartServers 1' 'ServerLimit 1' \
			'ThreadLimit 4' 'ThreadsPerChild 4' \
			'MaxRequestWorkers 4' 'MinSpareThreads 1' \
			'MaxSpareThreads 4' >>httpd.conf
	fi
	[ "$(id -u)" != 0 ] ||
		printf '%s\n' 'User postgres' 'Group postgres' >>httpd.conf
}

answers() { (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

ended_or_answers() { answers || ! kill -0 "$server" 2>/dev/null; }

# Whatever becomes of the test.
end_httpd() {
	[ -z "$server" ] || [ ! -e httpd.pid ] ||
		kill "$(cat httpd.pid)" 2>/dev/null || true
	[ -z "$server" ] || wait "$server" || true
}

# On a port that nobody else has; another one is tried where somebody has.
start_httpd() { # MPM [OPTION]...: runs it under connleak, in the background
	local tries
	trap end_httpd EXIT
	for ((tries = 0; tries < 20; tries++)); do
		port=$((20000 + RANDOM % 12000))
		! answers || continue
		configure "$1"
		leak_run --fail-on none --allow all \
			/usr/sbin/apache2 -f "$PWD/httpd.conf" "${@:2}" \
			>out 2>&1 &
		server=$!
		wait_until ended_or_answers
		! kill -0 "$server" 2>/dev/null || return 0
		wait "$server" || true
		server=
	done
	fail "apache2 does not start:
$(cat out error.log)"
}

ended() { ! kill -0 "$1" 2>/dev/null; }

page() { # PATH
	exec 5<>"/dev/tcp/127.0.0.1/$port"
	printf 'GET /%s HTTP/1.0\r\n\r\n' "$1" >&5
	tail -n 1 <&5
}

expect_page() { # PATH ANSWER
	expect_equal "$(page "$1")" "$2" "$1"
}

# Ends it; what connleak says of it is its own status.
stop_httpd() { # SIGNAL STATUS
	kill "-$1" "$(cat httpd.pid)"
	expect_status "$2" wait "$server"
	server=
}

visit() { # [FORGET]...
	local path
	expect_page acquire 6
	expect_page twice 'the same'
	expect_page open 3
	for path; do expect_page "$path" refused; done
}

# mod_dbd's own leases end with the request, though nobody releases them.
test_httpd_in_one_process_that_forgets_nothing_is_clean() {
	compile_module
	start_httpd prefork -X
	visit
	stop_httpd TERM 0
	expect_totals 3 3 1
	json report.json .findings '[]'
}

# Without a pool a connection is opened for each, and lives as long as what it
# was opened for: nothing can be forgotten.
test_httpd_without_a_pool_is_clean() {
	persist=Off
	compile_module
	start_httpd prefork -X
	visit forget
	stop_httpd TERM 0
	json report.json '.totals | [.connects, .finishes]' '[4,4]'
	json report.json .findings '[]'
}

# APR does not survive it: where its memory ends it aborts.
test_httpd_in_one_process_forgets_to_close() {
	compile_module
	start_httpd prefork -X
	visit forget forget
	stop_httpd TERM 134
	expect_totals 5 3 2
	expect_leases forget forget undecided 2
	expect_pools 'apr_reslist_acquire, 3, 2, 0, 0/0/0'
}

test_httpd_with_threads_forgets_to_close() {
	compile_module
	start_httpd event -DFOREGROUND
	visit forget forget
	page hold >first &
	first=$!
	wait_until test -e signs/held
	page open >second &
	second=$!
	sleep 0.3 # it waits: there are three, and two are forgotten
	touch signs/go
	wait "$first" "$second"
	expect_equal "$(cat first second)" "$(printf 'held\n3')"
	stop_httpd TERM 0
	expect_leases forget forget lost 2
	expect_pools 'apr_reslist_acquire, 3, 3, 1, 0/0/0'
}

# A child that is told to end lets its requests end first; the next one loads
# the modules anew.
test_httpd_that_is_restarted_forgets_in_both_generations() {
	local first
	compile_module
	start_httpd event -DFOREGROUND
	visit forget
	first=$(pgrep -P "$(cat httpd.pid)")
	kill -USR1 "$(cat httpd.pid)"
	wait_until ended "$first"
	visit forget forget
	stop_httpd WINCH 0
	expect_totals 9 6 2
	expect_leases forget forget lost 3
	expect_pools 'apr_reslist_acquire, 3, 2, 0, 0/0/0' \
		'apr_reslist_acquire, 3, 1, 0, 0/0/0'
}
