# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Who else rides along in a program: allocators, wrappers, sanitizers.  They
# work as without connleak, whoever of the two comes first.

# shellcheck source=tests/parts.sh
. "$ROOT/tests/parts.sh"

# Each adds to `neighbours`, which is a value of LD_PRELOAD.
neighbours=
neighbour() { # LIBRARY PACKAGE
	local path
	path=$(cc -print-file-name="$1")
	needs "$path" "$2"
	neighbours=${neighbours:+$neighbours }$path
}

# A program with libpq, one that loads two late, and a real one.
check_beside() {
	beside "$neighbours" 1 1 0 "$BUILD/tests/programs/calls" connectdb
	beside "$neighbours" 1 0 0 "$BUILD/tests/programs/calls" connectdb leak
	make_host -O1
	make_second_libpq libpq-abcd1234.so.5.15
	make_plugin a -DBY_NAME='"libpq.so.5"'
	make_plugin b libpq-abcd1234.so.5.15
	beside "$neighbours" 4 2 0 ./host load:a:./a.so load:b:./b.so:lazy \
		do:a:open do:b:open thread:a:refused do:a:close thread:b:open \
		do:b:close unload:a
	beside "$neighbours" 1 1 0 "$(newest_psql)" -Xtc 'select 1'
}

newest_psql() {
	printf '%s\n' /usr/lib/postgresql/*/bin/psql | sort -V | tail -n 1
}

test_jemalloc() {
	neighbour libjemalloc.so.2 libjemalloc2
	check_beside
	beside "$neighbours" 302 300 0 "$BUILD/tests/programs/hard" fork
}

test_tcmalloc() {
	neighbour libtcmalloc.so.4 libgoogle-perftools4
	check_beside
}

test_tcmalloc_minimal() {
	neighbour libtcmalloc_minimal.so.4 libtcmalloc-minimal4
	check_beside
}

test_libeatmydata() {
	neighbour libeatmydata.so libeatmydata1
	check_beside
}

test_two_neighbours_at_once() {
	neighbour libeatmydata.so libeatmydata1
	neighbour libjemalloc.so.2 libjemalloc2
	check_beside
}

# Sanitizers.  What they report has numbers in it that no two runs share; its
# first line says what is wrong.
verdict_of() { # FILE
	sed -nE 's/.*(ERROR|WARNING): (.*Sanitizer: [a-z -]*).*/\2/p' "$1" |
		head -n 1
}

# The bare program's status and words, with what the sanitizer says of it.
bare() { # STATUS VERDICT COMMAND [ARG]...
	expect_status "$1" "${@:3}" >without 2>err
	[ -z "$2" ] || expect_line err "$2"
	verdict_of err >verdict
}

watched() { # STATUS CONNECTS COMMAND [ARG]...
	local status=0
	"${@:3}" >with 2>err || status=$?
	[ "$status" = "$1" ] || fail "status $status, not $1, of: ${*:3}
$(cat err report.txt)"
	cmp without with
	expect_equal "$(verdict_of err)" "$(cat verdict)" "the verdict"
	counts "$2" "$2"
}

# Both come to the same end, and so does the sanitizer.
sanitized() { # STATUS VERDICT CONNECTS COMMAND [ARG]...
	bare "$1" "$2" "${@:4}"
	watched "$1" "$3" leak_run --fail-on none "${@:4}"
}

# COMPILER as parts.sh means it.
make_sanitized() { # SANITIZER [OPTION]...
	local why
	compile -o sanitized "$ROOT/tests/parts/sanitized.c" -lpq -lpthread \
		-fsanitize="$1" "${@:2}"
	if ! ./sanitized clean >out 2>err; then
		why=$(grep -m 1 . err) || true
		skip "what is built with -fsanitize=$1 cannot run here: $why"
	fi
}

check_address() { # [OPTION]...
	make_sanitized address "$@"
	sanitized 0 '' 1 ./sanitized clean
	sanitized 1 heap-buffer-overflow 1 ./sanitized overflow
	sanitized 0 '' 4 ./sanitized children "$BUILD/tests/programs/calls"
	./sanitized leak 2>err >out || true
	if grep -q 'detected memory leaks' err; then
		sanitized 1 'detected memory leaks' 1 ./sanitized leak
	else
		skip "LeakSanitizer cannot run here: $(grep -m 1 . err)"
	fi
}

check_thread() {
	make_sanitized thread
	sanitized 0 '' 1 ./sanitized clean
	sanitized 66 'data race' 1 ./sanitized race
	sanitized 0 '' 4 ./sanitized children "$BUILD/tests/programs/calls"
}

# Where clang is, and has its sanitizers.
use_clang() {
	COMPILER=clang
	[ -n "$(type -P clang)" ] || skip "clang is missing: make setup-clients"
	needs "$(clang -print-file-name=libclang_rt.asan-x86_64.so)" \
		libclang-rt-dev
}

test_gcc_asan() { check_address; }
test_gcc_asan_linked_statically() { check_address -static-libasan; }
test_gcc_tsan() { check_thread; }

test_clang_asan() {
	use_clang
	check_address
}

test_clang_asan_as_a_library() {
	local runtime
	use_clang
	runtime=$(clang -print-file-name=libclang_rt.asan-x86_64.so)
	check_address -shared-libasan -Wl,-rpath,"${runtime%/*}"
}

test_clang_tsan() {
	use_clang
	check_thread
}

test_gcc_ubsan() {
	make_sanitized undefined
	sanitized 0 '' 1 ./sanitized clean
}

# Connections that leak are memory that leaks: both say so.
test_what_both_find() {
	compile -o calls "$ROOT/tests/programs/calls.c" -lpq -fsanitize=address
	./calls connectdb leak >out 2>err || true
	grep -q 'detected memory leaks' err ||
		skip "LeakSanitizer cannot run here: $(grep -m 1 . err)"
	bare 1 'detected memory leaks' ./calls connectdb leak
	expect_status 1 leak_run ./calls connectdb leak >with 2>err
	expect_equal "$(verdict_of err)" "$(cat verdict)" "the verdict"
	json report.json '.totals | [.connects, .finishes]' '[1,0]'
	json report.json '.findings[0].kind' leaked-connection
	json report.json '.findings[0].site.function' connectdb
}

# Preloaded, for a program that was not built with it.
test_lsan_as_a_preload() {
	local lsan
	neighbour liblsan.so.0 liblsan0
	lsan=$neighbours
	compile -o sanitized "$ROOT/tests/parts/sanitized.c" -lpq -lpthread
	LD_PRELOAD=$lsan ./sanitized leak >out 2>err || true
	grep -q 'detected memory leaks' err ||
		skip "LeakSanitizer cannot run here: $(grep -m 1 . err)"
	LD_PRELOAD=$lsan bare 0 '' ./sanitized clean
	LD_PRELOAD=$lsan watched 0 1 leak_run --fail-on none ./sanitized clean
	watched 0 1 run_ahead_of "$lsan" ./sanitized clean
	LD_PRELOAD=$lsan bare 23 'detected memory leaks' ./sanitized leak
	LD_PRELOAD=$lsan watched 23 1 leak_run --fail-on none ./sanitized leak
	watched 23 1 run_ahead_of "$lsan" ./sanitized leak
}

# Its stacks are with our frames, and its lines with the process.
valgrind_of() { # PROGRAM
	timeout 60 valgrind -q --leak-check=full --error-exitcode=7 "$1" 2>&1 |
		sed -E '/^==[0-9]+==    /d; s/==[0-9]+==/==/; s/in loss.*//'
}

test_valgrind() {
	needs /usr/bin/valgrind valgrind
	export -f valgrind_of
	as_without 0 bash -c "valgrind_of '$BUILD/samples/leak_in_loop'"
	expect_line without 'definitely lost'
	counts 20 15
}
