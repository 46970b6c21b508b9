# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What real programs and languages keep is not called lost, and a program that
# ends normally never turns the exit status: what gates by default has to be
# worth it.  PostgreSQL's own programs are in proofs.sh.
unset CONNLEAK_FAIL_ON CONNLEAK_NO_SCAN
export CONNLEAK_SCAN_TIME=30s

has() { # COMMAND [ARG]...: with all that it needs
	"$@" >/dev/null 2>&1 || skip "missing: $* (make setup-clients)"
}

# Ends with 0, whatever was found: nothing of it gates.
passes() { # COMMAND [ARG]...
	expect_status 0 leak_run "$@" >out 2>err
	rm -rf run
}

test_ogrinfo_gates_nothing() {
	has ogrinfo --version
	passes ogrinfo -ro PG: -sql 'SELECT 6 * 7 AS answer'
}

test_psycopg2_gates_nothing() {
	local way
	has /usr/bin/python3 -c 'import psycopg2'
	for way in clean forget; do
		passes /usr/bin/python3 "$ROOT/tests/clients/py_psycopg2.py" $way
	done
}

test_dbd_pg_gates_nothing() {
	local way
	has perl -MDBD::Pg -e 1
	for way in clean forget; do
		passes perl "$ROOT/tests/clients/dbd_pg.pl" $way
	done
}

test_php_gates_nothing() {
	local way
	has php -r 'exit(function_exists("pg_connect") ? 0 : 1);'
	for way in clean forget; do
		passes php "$ROOT/tests/clients/pg.php" pg_connect $way
	done
}

# What is out at the end of a script is held, or may be.
keeps() { # COMMAND [ARG]...
	local outcome answers
	rm -rf record
	mkdir record
	CONNLEAK_DIR=$PWD/record LD_PRELOAD=$BUILD/libconnleak.so \
		expect_status 0 "$@" >out 2>err
	read -r _ outcome answers _ < <("$BUILD/tests/held/answers" record)
	tell "$(printf '%.60s' "${*//$'\n'/; }"): $outcome $answers"
	[ "$outcome" = complete ] || fail "the search is $outcome: $*"
	[[ $answers =~ ^((held|maybe),?)+$ ]] || fail "$answers, though kept: $*"
}

test_what_python_keeps() {
	has /usr/bin/python3 -c 'import psycopg2'
	keeps /usr/bin/python3 -c 'import os, psycopg2
conn = psycopg2.connect("")
os._exit(0)'
	keeps /usr/bin/python3 -c 'import psycopg2, ctypes
conn = psycopg2.connect("")
ctypes.pythonapi.Py_IncRef(ctypes.py_object(conn))'
	keeps /usr/bin/python3 -c 'import os, psycopg2
def kept():
    conn = psycopg2.connect("")
    os._exit(0)
kept()'
	keeps /usr/bin/python3 "$ROOT/tests/clients/py_psycopg2.py" leak
}

# Numbers, as C functions are called with: digits of 30 bits in memory.
python_number() { # HOW
	keeps /usr/bin/python3 -c 'import ctypes
pq = ctypes.CDLL("libpq.so.5")
pq.PQconnectdb.restype = ctypes.c_void_p
handle = pq.PQconnectdb(b"")
'"$1"
}

test_what_python_keeps_as_a_number() {
	has /usr/bin/python3 -c 'import ctypes'
	python_number ''
	python_number 'kept = {"a": [(handle, 1)]}; del handle'
	python_number 'kept = ctypes.c_void_p(handle); del handle'
	python_number 'kept = lambda: handle'
	python_number 'import array; kept = array.array("Q", [handle]); del handle'
	python_number 'kept = (1, handle); del handle; import os; os._exit(0)'
}

test_what_perl_keeps() {
	has perl -MDBD::Pg -e 1
	keeps perl "$ROOT/tests/clients/dbd_pg.pl" leak
	keeps perl -MDBI -MPOSIX -e \
		'my %h = (c => [DBI->connect("dbi:Pg:")]); POSIX::_exit(0)'
}

# Its own pgsql finishes what is left, at every end that can be looked at.
test_what_php_keeps() {
	has php -r 'exit(class_exists("FFI") ? 0 : 1);'
	# shellcheck disable=SC2016 # PHP has such names too
	keeps php -r '$pq = FFI::cdef("void *PQconnectdb(const char *);",
			"libpq.so.5");
		$kept = ["conn" => $pq->PQconnectdb("")];'
}

# Who else looks into the memory of the process.
test_valgrind_is_not_searched() {
	has valgrind --version
	expect_status 7 leak_run --fail-on none valgrind -q \
		"$BUILD/tests/held/c" global lose exit >out 2>err
	[[ $("$BUILD/tests/held/answers" run) == *" failed none "* ]] ||
		fail "not so: $("$BUILD/tests/held/answers" run)"
}

test_a_sanitized_program_loses_nothing_that_it_keeps() {
	local sanitizer why
	# shellcheck source=tests/parts.sh
	. "$ROOT/tests/parts.sh"
	for sanitizer in address thread; do
		compile -I"$ROOT" -fsanitize=$sanitizer -o places \
			"$ROOT"/tests/held/{held,ends}.c -lpq -lpthread
		ASAN_OPTIONS=detect_leaks=0 ./places global keep >out 2>err ||
			[ $? = 7 ] || {
			why=$(grep -m 1 . err) || true
			skip "-fsanitize=$sanitizer cannot run here: $why"
		}
		ASAN_OPTIONS=detect_leaks=0 expect_status 7 leak_run \
			--fail-on none ./places global keep exit >out 2>err
		[[ $("$BUILD/tests/held/answers" run) != *lost* ]] ||
			fail "lost: $("$BUILD/tests/held/answers" run)"
		rm -rf run
	done
}

test_under_gdb() {
	has gdb --version
	# shellcheck disable=SC2016 # gdb has such names too
	expect_status 0 leak_run --fail-on none gdb -q -batch -nx \
		-ex 'set startup-with-shell off' -ex run -ex 'print $_exitcode' \
		--args "$BUILD/tests/held/c" other_stack keep exit >out 2>err
	expect_line out '= 7$'
	[[ $("$BUILD/tests/held/answers" run) != *lost* ]] ||
		fail "lost: $("$BUILD/tests/held/answers" run)"
}

# Nothing can be found out; nothing is lost.  Root's server is not root's.
test_without_proc() {
	local apart=(unshare -rm)
	[ "$(id -u)" != 0 ] || apart=(unshare -m)
	mkdir record
	"${apart[@]}" mount -t tmpfs none /proc 2>err ||
		skip "no namespace of ours: $(cat err)"
	# shellcheck disable=SC2016 # the inner shell is to say it
	CONNLEAK_DIR=$PWD/record expect_status 7 "${apart[@]}" sh -c '
		mount -t tmpfs none /proc
		LD_PRELOAD=$1 exec "$2" global lose exit' \
		sh "$BUILD/libconnleak.so" "$BUILD/tests/held/c"
	[[ $("$BUILD/tests/held/answers" record) != *lost* ]] ||
		fail "lost: $("$BUILD/tests/held/answers" record)"
}
