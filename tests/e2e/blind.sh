# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Where connleak is blind it says so, and only there.

# shellcheck source=tests/judge.sh
. "$ROOT/tests/judge.sh"

# Speaks to the server without libpq, and goes on until there is a file `go`.
make_speaker() { # NAME [OPTION]...
	cc -x c - -o "$@" <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		#include <sys/socket.h>
		#include <sys/un.h>
		#include <unistd.h>
		int main(void)
		{
			struct sockaddr_un to = { .sun_family = AF_UNIX };
			int fd = socket(AF_UNIX, SOCK_STREAM, 0), i;
			snprintf(to.sun_path, sizeof(to.sun_path),
				 "%s/.s.PGSQL.%s", getenv("PGHOST"),
				 getenv("PGPORT"));
			if (connect(fd, (void *)&to, sizeof(to)))
				return 1;
			for (i = 0; access("go", F_OK) && i < 1000; i++)
				usleep(20000);
			return puts("spoken") < 0;
		}
	END
}

# A client of libpq, linked to it, that opens and finishes one connection.
client() { echo "$BUILD/tests/programs/calls"; }

# The status, and the reasons in the report; a blind one says WORDS.
blind() { # WORDS COMMAND [ARG]...
	expect_status 24 leak_run --allow no-libpq "${@:2}" >out 2>err
	json report.json '[.status, .incomplete[].reason] | index("blind") != null' true
	json report.json ".incomplete[0].text | contains(\"$1\")" true
	json report.json '[.incomplete[] | select(.reason == "blind")] | length' 1
}

# Runs until the launcher has written a line like ERE, then to its end.
blind_when_seen() { # ERE WORDS COMMAND [ARG]...
	rm -rf go run
	(wait_until grep -Eqs "$1" run/run.log && touch go) &
	blind "${@:2}"
	wait $!
}

test_a_static_program_that_connects() {
	make_speaker speaker -static
	blind_when_seen '^unseen [0-9]+ [0-9]+ unix:' \
		"(speaker) was not watched: linked statically; it was connected to unix:$PGHOST/.s.PGSQL.$PGPORT" \
		./speaker
	expect_equal "$(cat out)" spoken
	expect_equal "$(grep -c '^connleak: warning' err)" 1 warnings
	expect_line err '^connleak: warning: ./speaker itself cannot be watched: linked statically'
}

test_a_program_that_speaks_the_protocol_itself() {
	make_speaker speaker
	touch go
	blind "(speaker) speaks PostgreSQL's protocol without libpq: unix:$PGHOST/" \
		./speaker
	expect_equal "$(cat err)" "" warnings
}

test_a_connection_beside_libpqs_is_blind() {
	make_speaker speaker
	touch go
	expect_status 24 leak_run sh -c "./speaker; $(client) connectdb" >out
	json report.json '[.incomplete[].reason] | join(" ")' blind
	json report.json .totals.connects 1
}

# Debian's libpq.a, with what it is linked to.
make_static_libpq() { # NAME [OPTION]...
	local folder
	needs postgresql-server-dev-15
	folder=$(printf '%s\n' /usr/lib/postgresql/*/lib/libpgcommon_shlib.a |
		sort -V | tail -n 1)
	# shellcheck disable=SC2046
	cc -o "$1" "$ROOT/tests/programs/calls.c" -std=c11 -D_GNU_SOURCE \
		$(pkg-config --cflags libpq) "${@:2}" -L"${folder%/*}" \
		-l:libpq.a -l:libpgcommon_shlib.a -l:libpgport_shlib.a -lssl \
		-lcrypto -l:libgssapi_krb5.so.2 -l:libldap-2.5.so.0 -lm
}

test_a_program_with_libpq_inside() {
	make_static_libpq inside
	blind "(inside) speaks PostgreSQL's protocol with the libpq that is linked into it" \
		./inside connectdb
	expect_equal "$(cat out)" "connectdb done"
	expect_line err '^connleak: warning: ./inside has libpq linked into it: watch it with --static-libpq$'
	strip inside
	blind "with the libpq that is linked into it" ./inside connectdb
	expect_line err '^connleak: warning: ./inside has libpq linked into it, without names'
}

test_a_setuid_copy_of_a_client() {
	[ "$(id -u)" = 0 ] || return 0 # no file of ours gives us other rights
	[[ $(findmnt -no OPTIONS -T .) != *nosuid* ]] || skip "mounted nosuid"
	cp "$(client)" copy
	chown nobody copy
	chmod 4755 copy
	chmod 711 .
	blind "(copy) was not watched: it runs with special rights; linked with libpq" \
		./copy refused
	expect_equal "$(cat out)" "refused done"
	expect_line err '^connleak: warning: ./copy itself cannot be watched'
}

test_a_setuid_file_of_ones_own_is_watched() {
	lend_connleak
	cp "$(client)" copy
	[ "$(id -u)" != 0 ] || chown nobody:nogroup copy
	chmod 4755 copy
	expect_status 0 ordinary_connleak run --json report.json -o run \
		./copy refused >out 2>err
	json report.json '.totals.connects' 1
}

test_another_environment_in_front_of_a_client() {
	blind "(calls) was not watched: its environment was replaced, and LD_PRELOAD lost; linked with libpq; cure" \
		env -i "$(client)" refused
	expect_equal "$(cat out)" "refused done"
	blind "(psql) was not watched: its environment was replaced" \
		env -i psql --version
}

test_a_libpq_that_is_loaded_late_in_another_environment() {
	cc -x c - -o late <<-'END'
		#include <dlfcn.h>
		#include <unistd.h>
		int main(void)
		{
			usleep(200000);
			for (int i = 0; access("go", F_OK) && i < 1000; i++) {
				dlopen("libpq.so.5", RTLD_NOW);
				usleep(20000);
			}
		}
	END
	blind_when_seen '^unseen [0-9]+ [0-9]+ libpq' \
		"LD_PRELOAD lost; libpq was loaded into it" env -i ./late
}

test_what_an_unwatched_program_leaves_behind_is_looked_at() {
	make_speaker speaker
	rm -f go
	blind_when_seen '^unseen [0-9]+ [0-9]+ unix:' "(speaker)" \
		env -i PGHOST="$PGHOST" PGPORT="$PGPORT" bash -c \
		'(./speaker >/dev/null &); exit'
}

test_one_program_in_many_processes_is_one_line() {
	blind "3 processes of $(client) were not watched" sh -c \
		"for i in 1 2 3; do env -i '$(client)' refused; done"
	expect_status 24 "$CONNLEAK" report --json again.json run >text
	expect_equal "$(jq -c '[.incomplete[].text]' again.json)" \
		"$(jq -c '[.incomplete[].text]' report.json)"
}

test_blind_can_be_allowed() {
	expect_status 0 leak_run --allow blind sh -c \
		"env -i '$(client)' refused; '$(client)' refused" >out
	json report.json '[.status, .incomplete[].reason] | join(" ")' \
		"incomplete blind"
}

# sudo runs as far as it may; what it does with the environment is its own.
test_tools_without_postgresql_are_notes() {
	needs busybox-static sudo
	cc -static -x c - -o tool <<<'int main(void) { return 0; }'
	cat >script <<-END
		#!/bin/sh
		sudo -n true 2>/dev/null || true
		busybox true
		busybox sh -c 'sleep 0.2'
		./tool
		'$(client)' connectdb
	END
	chmod 755 script
	expect_status 0 leak_run ./script >out 2>err
	json report.json '[.status, .totals.connects] | join(" ")' "clean 1"
	json report.json '[.coverage.notes[].exe] | map(select(endswith("tool"))) | length' 1
	json report.json '.coverage | .watched < .processes' true
	expect_line report.txt '^connleak: clean: 1 connection acquired and finished, in . of . processes;$'
}

test_the_server_itself_is_no_evidence() {
	expect_status 24 leak_run env -i "$(server_program postgres)" --version \
		>out 2>err
	json report.json '[.incomplete[].reason] | join(" ")' no-libpq
}

test_an_exec_that_fails_is_not_blind() {
	# shellcheck disable=SC2016
	expect_status 0 leak_run bash -c '
		env -i /there/is/no/psql 2>/dev/null
		env -i ./nothing 2>/dev/null
		(exec -c psql/nothing) 2>/dev/null
		"$1" refused' bash "$(client)" >out
	json report.json '.incomplete' '[]'
}

test_nobody_is_looked_at_while_all_are_watched() {
	expect_status 0 leak_run sh -c \
		"sleep 0.3; '$(client)' refused; sleep 0.3" >out 2>err
	expect_no_line run/run.log '^unseen'
	expect_equal "$(cat err)" "" "standard error"
}
