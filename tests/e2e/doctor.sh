# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# connleak doctor: what would be seen, told without running anything.

# shellcheck source=tests/judge.sh
. "$ROOT/tests/judge.sh"

doctor() { # STATUS PROGRAM [ARG]...
	expect_status "$1" "$CONNLEAK" doctor "${@:2}" >out 2>err
	expect_equal "$(cat err)" "" "standard error"
	expect_no_line out '^.{81}'
}

refused() { # WORDS ARG...
	expect_status 125 "$CONNLEAK" doctor "${@:2}" >out 2>err
	expect_equal "$(wc -l <err)" 1 "lines of the error"
	expect_line err "$1"
}

test_a_client_that_is_linked_with_libpq() {
	doctor 0 "$BUILD/tests/programs/calls"
	expect_line out '^libpq +linked: /.*/libpq.so.5 \(of PostgreSQL [0-9]+\)$'
	expect_line out '^result +all would be seen'
}

test_the_program_is_not_run() {
	printf '#!/bin/sh\ntouch was_run\n' >script
	chmod 755 script
	doctor 0 ./script
	expect_line out '^script +/.*/script,'
	[ ! -e was_run ]
}

test_debians_wrapper_leads_to_the_client() {
	doctor 0 psql -c 'select 1'
	expect_line out '^program +/.*/psql$'
	expect_line out '^starts +/usr/lib/postgresql/[0-9]+/bin/psql$'
	expect_line out '^libpq +linked: /'
}

test_a_program_that_loads_libpq_later() {
	doctor 0 /usr/bin/perl -MDBI -e 1
	expect_line out '^libpq +not linked; one that is loaded later is seen'
}

test_a_static_program_would_not_be_seen() {
	cc -static -x c - -o tool <<<'int main(void) { return 0; }'
	doctor 24 ./tool
	expect_line out '^result +not all would be seen: linked statically; cure: link it'
}

test_a_libpq_inside_and_the_cure() {
	cc -x c - -o app <<-'END'
		void PQconnectStart(void) {}
		void PQfinish(void) {}
		int main(void) { return 0; }
	END
	doctor 24 ./app
	expect_line out '^libpq +linked into the file, with its names'
	expect_line out 'cure: watch it with'
	expect_line out '--static-libpq'
}

test_special_rights() {
	cp /bin/true copy
	chmod 4755 copy
	doctor 0 ./copy
	[ "$(id -u)" = 0 ] || return 0 # the rest needs a file of somebody else's
	[[ $(findmnt -no OPTIONS -T .) != *nosuid* ]] || return 0
	chown nobody copy
	chmod 4755 copy
	doctor 24 ./copy
	expect_line out '^file .*special rights'
}

test_a_sanitizers_runtime() {
	cc -fsanitize=address -x c - -o app <<<'int main(void) { return 0; }'
	doctor 0 ./app
	expect_line out '^runtime +libasan.so.[0-9]+, which is preloaded before'
}

test_what_env_and_sudo_start() {
	doctor 0 env A=b "$BUILD/tests/programs/calls"
	expect_line out '^starts .*/calls$'
	doctor 24 env -u HOME -i "$BUILD/tests/programs/calls"
	expect_line out '^result .*its environment would be replaced'
	expect_line out '^starts .*/calls$'
}

test_what_cannot_be_looked_at_is_an_error() {
	refused 'there is no such program in PATH$' no-such-program
	refused 'there is no such program$' ./nothing
	refused 'it is no program' /etc/passwd
	refused 'name a program'
	refused 'unknown option' --nothing
	refused 'belongs to' --json x true
}

test_help_names_what_there_is() {
	expect_status 0 "$CONNLEAK" doctor --help >out
	expect_line out '^Usage: connleak doctor'
	expect_status 0 "$CONNLEAK" help >all
	expect_line all 'connleak doctor PROGRAM'
}
