# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# A libpq that is linked into the program, with --static-libpq: it is patched,
# and nobody notices but the report.

# shellcheck source=tests/judge.sh
. "$ROOT/tests/judge.sh"

export CONNLEAK_STATIC_LIBPQ=1

compile() { # [OPTION]...
	# shellcheck disable=SC2046
	cc -std=c11 -D_GNU_SOURCE -g $(pkg-config --cflags libpq) "$@"
}

# What Debian links its own libpq to.
static_libpq() { # sets `libpq`
	local folder
	needs postgresql-server-dev-15
	folder=$(printf '%s\n' /usr/lib/postgresql/*/lib/libpgcommon_shlib.a |
		sort -V | tail -n 1)
	libpq=(-L"${folder%/*}" -l:libpq.a -l:libpgcommon_shlib.a
		-l:libpgport_shlib.a -lssl -lcrypto -l:libgssapi_krb5.so.2
		-l:libldap-2.5.so.0 -lm -lpthread)
}

link_static() { # FILE SOURCE [OPTION]...
	local libpq
	static_libpq
	compile -o "$1" "$2" "${@:3}" "${libpq[@]}"
	! ldd "$1" | grep libpq || fail "$1 is linked to a libpq.so"
}

# A script, so that one run has them all.
make_ways() { # MODE WAY...
	printf '#!/bin/sh -e\n' >ways
	printf "./calls %s $1\n" "${@:2}" >>ways
	chmod +x ways
}

# Many findings, all of them true.
check_verdict() { # LEFT
	expect_status $(($1 ? 23 : 0)) "$CONNLEAK" report --quiet run
	json report.json '[.findings[] | .kind] | unique | join(" ")' \
		"$([ "$1" = 0 ] || echo leaked-connection)"
}

# Every way of using libpq, as counts.sh has it for a library.
test_every_way_of_using_it() {
	use_own_database
	link_static calls "$ROOT/tests/programs/calls.c" -O2
	make_ways finish connectdb connectdb_params setdb_login connect_start \
		connect_start_params reset reset_start ping refused \
		refused_async unknown_option abandoned cancel notice jump_out
	PINGS=2 check_run 0 ./ways
	json report.json '.totals | [.connects, .failed_connects, .resets]' \
		'[16,4,2]'
	json report.json .incomplete '[]'
}

check_some_ways() { # [OPTION]...
	use_own_database
	link_static calls "$ROOT/tests/programs/calls.c" "$@"
	make_ways leak connectdb setdb_login connect_start reset_start notice
	check_run 5 ./ways
	json report.json .incomplete '[]'
}

test_handles_that_are_left() { check_some_ways -O2; }

test_a_program_at_a_fixed_address() { check_some_ways -O0 -fno-pie -no-pie; }

test_a_program_that_exports_it() { check_some_ways -O2 -rdynamic; }

test_code_that_is_marked_for_indirect_branches() {
	check_some_ways -O3 -fcf-protection=full
}

# In the words of tests/parts/plugin.c; with a libpq like version 17's, which
# says what of it is called.
make_told() { # FILE [OPTION]...
	cat >main.c <<-END
		void act(const char *what);
		int main(int argc, char **argv)
		{
			for (int i = 1; i < argc; i++)
				act(argv[i]);
			return 0;
		}
	END
	compile -o "$1" -DNAME='"app"' -DLATER main.c \
		"$ROOT/tests/parts/plugin.c" -DCOPY='"one"' "${@:2}" -lpthread
}

told_libpq=$ROOT/tests/parts/libpq.c

sums() { jq -c '.totals | [.connects, .finishes, .resets, .open_at_end]' report.json; }

# Counts, and says, what it does when the same libpq is a library.
check_told() { # [OPTION]...
	local expected
	compile -shared -fPIC -O2 -DCOPY='"one"' -o libtold.so "$told_libpq"
	make_told dynamic -O2 -L. -ltold -Wl,-rpath,"$PWD"
	make_told static -O2 "$told_libpq" "$@"
	./static every open every close open >without
	expect_line without '^one: PQcancelFinish'
	leak_run --fail-on none ./dynamic every open every close open >with
	cmp without with
	expected=$(sums)
	leak_run --fail-on none ./static every open every close open >with
	cmp without with
	expect_equal "$(sums)" "$expected" totals
	json report.json .totals.open_at_end 1
}

test_every_function_of_a_newer_libpq() { check_told; }

test_functions_that_begin_with_a_landing_place() {
	check_told -fcf-protection=full
	objdump -d --no-show-raw-insn static | grep -A1 '<PQfinish>:' |
		grep -q endbr64
}

test_functions_that_begin_with_a_call_of_a_profiler() {
	check_told -pg -mfentry
	objdump -d static | grep -A1 '<PQfinish>:' | grep -q 'call.*__fentry__'
}

test_what_the_linker_left_out_is_not_asked() {
	check_told -ffunction-sections -Wl,--gc-sections
	! nm static | grep PQuser || fail "PQuser is still there"
}

# Nobody but the program can call the libpq inside it.
test_a_plugin_with_a_library_of_its_own() {
	local parts=$ROOT/tests/parts
	cat >main.c <<-END
		#include <dlfcn.h>
		int act(const char *what);
		int main(void)
		{
			void *plugin = dlopen("./plugin.so", RTLD_NOW);
			int (*its)(const char *) =
				(int (*)(const char *))dlsym(plugin, "act");
			for (int i = 0; i < 3; i++)
				act("open") && its("open");
			return !act("close") || !its("close") || !act("close");
		}
	END
	compile -shared -fPIC -O2 -DCOPY='"two"' -o libtold.so "$told_libpq"
	compile -shared -fPIC -DNAME='"plugin"' -DLATER -o plugin.so \
		"$parts/plugin.c" -L. -ltold -Wl,-rpath,"$PWD"
	compile -O2 -DNAME='"app"' -DLATER -DCOPY='"one"' -o app main.c \
		"$parts/plugin.c" "$told_libpq"
	./app >without
	expect_line without '^two: PQfinish'
	leak_run --fail-on none ./app >with
	cmp without with
	json report.json '.totals | [.connects, .finishes]' '[6,3]'
	json report.json '[.findings[] | "\(.site.module | split("/") |
		last):\(.count)"] | sort | join(" ")' "app:1 plugin.so:2"
}

# The same program with a library says what is right.
sites() {
	sums
	jq -c '.findings | sort_by(.site.line) | .[] | [.kind, .class, .count,
		.fingerprint, .site.function, .site.line, [.stack[].function]
		]' report.json
}

check_sample() { # NAME
	local expected
	mkdir shared static
	compile -o shared/app "$ROOT/samples/$1.c" -lpq -lpthread
	link_static static/app "$ROOT/samples/$1.c"
	expect_status 23 leak_run shared/app >without
	expected=$(sites)
	expect_status 23 leak_run static/app >with
	cmp without with
	expect_equal "$(sites)" "$expected" report
}

test_a_leak_is_named_as_that_of_a_library() { check_sample leak_in_error_path; }

test_threads() { check_sample leak_in_threads; }

test_the_leaks_line() {
	cat >leak.c <<-END
		#include <libpq-fe.h>
		static void forget(void) { PQconnectdb(""); }
		int main(void) { for (int i = 0; i < 2; i++) forget(); }
	END
	link_static leak leak.c
	expect_status 23 leak_run ./leak
	json report.json '.findings[0] | [.count, .site.function, .site.line]' \
		'[2,"forget",2]'
}

# It passes libpq, the hook and the stub; the handle is still good.
test_an_exception_out_of_a_callback() {
	local libpq
	static_libpq
	cat >throw.cc <<-END
		#include <cstdio>
		#include <libpq-fe.h>
		static void heard(void *, const char *) { throw 42; }
		int main()
		{
			PGconn *conn = PQconnectdb(
				"options='-c client_min_messages=debug5'");
			PQsetNoticeProcessor(conn, heard, nullptr);
			try {
				PQreset(conn);
				std::puts("nothing was heard");
			} catch (int number) {
				std::printf("caught %d\n", number);
			}
			PQfinish(conn);
			PQfinish(PQconnectdb(""));
		}
	END
	# shellcheck disable=SC2046
	c++ -O2 -g $(pkg-config --cflags libpq) -o throw throw.cc "${libpq[@]}"
	./throw >without
	expect_equal "$(cat without)" "caught 42"
	expect_status 0 leak_run ./throw >with
	cmp without with
	json report.json '.totals | [.connects, .finishes]' '[2,2]'
}

# --- where it cannot be watched ----------------------------------------------

# The text of the reason, of which there is one.
incomplete() { # ERE
	jq -r '.incomplete[] | "\(.reason): \(.text)"' report.json >reasons
	expect_line reasons "$1"
}

make_clean() { # [OPTION]...
	link_static clean "$ROOT/samples/clean.c" "$@"
}

test_without_the_option_it_is_not_clean() {
	unset CONNLEAK_STATIC_LIBPQ
	make_clean
	./clean >without
	expect_status 24 leak_run ./clean >with
	cmp without with
	incomplete '^blind: .*clean.* libpq that is linked .* --static-libpq$'
	expect_status 0 leak_run --static-libpq ./clean >with
	cmp without with
}

test_a_stripped_program_is_not_clean() {
	make_clean -s
	./clean >without
	expect_status 24 leak_run ./clean >with
	cmp without with
	incomplete '^blind: .*clean.* libpq that is linked .* dynamically$'
}

test_a_stripped_program_that_exports_it_is_watched() {
	make_clean -s -rdynamic
	./clean >without
	expect_status 0 leak_run ./clean >with
	cmp without with
}

test_a_program_without_one_is_as_before() {
	leak_run "$BUILD/samples/clean" >with
	! grep '^static' run/run.log || fail "it says that there is one"
	json report.json '.totals.connects > 0' true
	expect_status 24 leak_run true
	json report.json '.incomplete | map(.reason) | join(" ")' no-libpq
}

# A file of its name that is none comes first.
test_a_machine_without_a_decoder() {
	mkdir none
	echo none >none/libZydis.so.4.0
	make_clean
	./clean >without
	LD_LIBRARY_PATH=none expect_status 24 leak_run ./clean >with
	cmp without with
	incomplete '^blind: .*clean.* hooked: PQ[A-Za-z]+: libZydis is not installed$'
}

# As systemd's MemoryDenyWriteExecute: no page may become executable.
test_a_system_that_lets_no_code_be_changed() {
	compile -o deny "$ROOT/tests/parts/deny_exec.c"
	make_clean
	./deny ./clean >without
	expect_status 24 leak_run ./deny ./clean >with
	cmp without with
	incomplete '^blind: .*clean.*: the system lets no memory be made executable$'
}

# Its calls may be part of their callers by now, which no patch reaches.
test_a_libpq_that_was_optimized_with_the_program() {
	make_told told -O2 -fvisibility=hidden "$told_libpq"
	./told open close >without
	expect_status 24 leak_run ./told open close >with
	cmp without with
	incomplete '^blind: .*told.* hooked: PQ[A-Za-z]+: it is local, and may'
}

# One of them is written so that it cannot be moved.
test_all_or_nothing() {
	cat >own.c <<-END
		#include <libpq-fe.h>
		__attribute__((naked)) PGconn *PQconnectdb(const char *info)
		{ __asm__("1: dec %rdi; jnz 1b; xor %eax, %eax; ret"); }
		void PQfinish(PGconn *conn) { (void)conn; }
		ConnStatusType PQstatus(const PGconn *conn)
		{ return conn ? CONNECTION_OK : CONNECTION_BAD; }
		int main(void)
		{
			PGconn *conn = PQconnectdb((char *)5);
			int status = PQstatus(conn);
			PQfinish(conn);
			return status != CONNECTION_BAD;
		}
	END
	compile -O1 -o own own.c
	expect_status 24 leak_run ./own
	incomplete '^blind: .*own.*: PQconnectdb: it jumps back to its beginning$'
}
