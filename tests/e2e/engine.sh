# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The engine of pool rules: which calls it sees, of whatever kind of function,
# and that nobody notices.  What it tells is written down in place of being
# kept (tests/parts/told_leases.c), so handles here are just numbers.

# shellcheck source=tests/judge.sh
. "$ROOT/tests/judge.sh"

PARTS=$ROOT/tests/parts

compile() { # [OPTION]...
	"${CC:-cc}" -D_GNU_SOURCE -g "$@"
}

# A shim that tells.
make_teller() {
	local objects=("$BUILD"/preload/*.o "$BUILD"/preload/scan/*.o
		"$BUILD"/record/{writer,escape,signals,rules,rule_names}.o)
	cc -std=c11 -D_GNU_SOURCE -g -O2 -fPIC -fvisibility=hidden \
		-ftls-model=initial-exec -shared -I"$ROOT" \
		-Wl,--allow-multiple-definition -Wl,-z,now -Wl,-z,nodelete \
		-o teller.so "$PARTS/told_leases.c" "${objects[@]}"
}

# Leaves what was told in ./told, and the record in ./records.
tell_run() { # RULES PROGRAM [ARG]...
	local rules=$1
	shift
	[ -e teller.so ] || make_teller
	rm -rf told records
	mkdir records
	: >told
	TOLD=$PWD/told CONNLEAK_DIR=$PWD/records CONNLEAK_HOOK=$rules \
		LD_PRELOAD=$PWD/teller.so "$@"
}

expect_told() { # LINE...
	printf '%s\n' "$@" | cmp - told || fail "told was:
$(cat told)"
}

# --- a pool in static functions ------------------------------------------------

home_rules='acquire pool_take handle=return:int pool=arg1
release pool_drop handle=arg1:int pool=arg2'

check_home_pool() { # PROGRAM [ARG]...
	"$@" >without
	tell_run "$home_rules" "$@" >with
	expect_same without with
	expect_told 'try pool_take' 'acquired pool_take 11 of 5' \
		'try pool_take' 'acquired pool_take 12 of 5' \
		'try pool_take' 'nothing pool_take' \
		'releasing pool_drop 11 of 5' \
		'try pool_take' 'exception pool_take' \
		'try pool_take' 'acquired pool_take 11 of 5' \
		'releasing pool_drop 12 of 5'
}

check_home_build() { # [OPTION]...
	compile -o home "$PARTS/home_pool.c" "$@"
	check_home_pool ./home
}

test_a_static_pool() { check_home_build -O0; }
test_an_optimized_static_pool() { check_home_build -O2; }
test_a_much_optimized_static_pool() { check_home_build -O3; }
test_a_small_static_pool() { check_home_build -Os; }

test_a_static_pool_with_landing_places() {
	check_home_build -O2 -fcf-protection=full
}

test_a_static_pool_at_a_fixed_address() {
	check_home_build -O2 -fno-pie -no-pie
}

test_a_static_pool_that_is_profiled() { check_home_build -O2 -pg; }

test_a_static_pool_of_clang() {
	needs clang
	CC=clang check_home_build -O0
	CC=clang check_home_build -O2
}

# --- every function of a library ------------------------------------------------

# A preload with a stub around each function that a library exports.
make_patch_all() { # LIBRARY
	local objects=(patch patch_x86_64 decoder_x86_64 stubs_x86_64
		stubs_table_x86_64 vectors_x86_64 vectors_size_x86_64 readable
		threads scan/proc linked elf lock guard scope)
	nm -D --defined-only "$1" |
		awk '$2 == "T" { print "{ .name = \"" $3 "\" }," }' >names.h
	objects=("${objects[@]/#/$BUILD/preload/}")
	compile -O2 -shared -fPIC -I"$ROOT" -I. -DLIBRARY="\"$1\"" \
		-o all.so "$PARTS/patch_all.c" "${objects[@]/%/.o}"
}

library_of() { # NAME
	realpath "$(cc -print-file-name="lib$1.so")"
}

with_all() { # COMMAND [ARG]...
	rm -f patched
	PATCHED=$PWD/patched LD_PRELOAD=$PWD/all.so "$@"
	[ -e patched ] || fail "nothing was patched in: $*"
}

make_work() {
	cat >work.sql <<-'END'
		CREATE TEMP TABLE t AS
			SELECT i, repeat(i::text, 50) AS s, i / 7.0 AS f
			FROM generate_series(1, 2000) i;
		SELECT * FROM t WHERE i % 20 = 0 ORDER BY i;
		\copy t to 'rows'
		\copy t from 'rows'
		SELECT count(*), sum(f), max(s) FROM t;
		\set FETCH_COUNT 100
		SELECT i FROM t ORDER BY i;
		SELECT nothing;
		DO $$ BEGIN RAISE NOTICE 'heard'; END $$;
		SELECT 1 AS one, 'two' AS two \gdesc
		SELECT 'SELECT ' || i FROM generate_series(1, 5) i \gexec
		\d pg_class
		\encoding LATIN1
		\encoding
		\password
		\c
		SELECT 'again';
	END
}

test_psql_with_every_function_of_libpq_patched() {
	local psql
	make_patch_all "$(library_of pq)"
	make_work
	psql=$(server_program psql)
	"$psql" -X -a -f work.sql >without 2>&1
	with_all "$psql" -X -a -f work.sql >with 2>&1
	expect_same without with
	[ "$(wc -l <with)" -gt 2000 ] || fail "psql said too little"
}

test_pg_dump_with_every_function_of_libpq_patched() {
	local dump
	make_patch_all "$(library_of pq)"
	dump=$(server_program pg_dump)
	use_own_database
	make_work
	sed 's/TEMP TABLE/TABLE/' work.sql | "$(server_program psql)" -X >out 2>&1
	"$dump" >without
	with_all "$dump" >with
	sed -i '/restrict/d' without with # it has a random word in it
	expect_same without with
	[ "$(wc -l <with)" -gt 2000 ] || fail "pg_dump said too little"
}

make_zdb_work() {
	needs libzdb-dev
	# shellcheck disable=SC2046
	compile -O2 -o zdb_work "$PARTS/zdb_work.c" \
		$(pkg-config --cflags --libs zdb)
}

test_a_program_with_every_function_of_libzdb_patched() {
	make_zdb_work
	make_patch_all "$(library_of zdb)"
	[ "$(wc -l <names.h)" -ge 248 ] || fail "libzdb has few functions"
	./zdb_work >without
	with_all ./zdb_work >with
	expect_same without with
	expect_line with '^caught: '
	[ "$(wc -l <with)" -gt 20 ] || fail "it said too little"
}
