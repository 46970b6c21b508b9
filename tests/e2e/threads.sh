# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Threads: handles that wander between them, threads that are cancelled or jump
# out of libpq, and stacks that are hardly big enough.

# shellcheck source=tests/parts.sh
. "$ROOT/tests/parts.sh"

threads() { # WAY...
	as_without 0 "${program:-$BUILD/tests/programs/threads}" "$@"
	expect_line without '^0 bad'
}

check_handover() {
	threads handover
	json report.json '.totals | [.connects, .failed_connects, .finishes,
		.open_at_end, .lost]' '[10000,9950,9997,3,0]'
	json report.json '[.findings[].count] | add' 3
	json report.json '[.sites[].acquired, -.sites[].released] | add' 3
}

test_200_threads_finish_what_others_connected() { check_handover; }

# Behind the shim, PQfinish takes its time to return when all is given back; and
# what one thread gives back is what the next one gets.
test_an_address_that_is_in_other_hands_before_its_release_returns() {
	compile -shared -fPIC -o slow.so -x c - <<-'END'
		#include <dlfcn.h>
		#include <libpq-fe.h>
		#include <unistd.h>
		void PQfinish(PGconn *conn)
		{
			static void (*next)(PGconn *);
			if (!next)
				*(void **)&next = dlsym(RTLD_NEXT, "PQfinish");
			next(conn);
			usleep(100);
		}
	END
	export GLIBC_TUNABLES=glibc.malloc.arena_max=1:glibc.malloc.tcache_count=0
	run_ahead_of "$PWD/slow.so" "$BUILD/tests/programs/threads" handover >out
	expect_line out '^0 bad'
	counts 10000 9997
	json report.json '.findings | map(.count) | add' 3
}

test_200_threads_under_tsan() {
	local status=0
	program=./threads
	compile -fsanitize=thread -o threads "$ROOT/tests/programs/threads.c" -lpq
	./threads none 2>err || status=$?
	[ $status = 2 ] ||
		skip "ThreadSanitizer cannot run here: $(grep -m 1 . err)"
	check_handover
}

test_a_thread_that_is_cancelled_in_a_connect() {
	threads cancel deferred
	counts 303 303
}

test_a_thread_that_is_cancelled_asynchronously() {
	threads cancel async
	counts 3 3
}

test_100_jumps_out_of_a_notice_processor() {
	threads jumps
	counts 100 100
	json report.json '.totals.failed_connects' 50
}

test_the_smallest_stack_there_is() {
	threads smallest
	counts 4 4
}

# How many bytes more are used of a stack: "WAY BYTES".
stack_added() {
	"$BUILD/tests/programs/stack" >without
	leak_run --allow lost --fail-on none "$BUILD/tests/programs/stack" >with
	expect_equal "$(wc -l <with)" 10 "ways"
	paste without with | awk '$1 == $3 { print $1, $4 - $2 }'
}

# Of these bytes, the variables of each thread are 1.9 KiB.  The finish of what
# a child has inherited takes a stack, as a connect does, and needs less of
# libpq.
test_little_stack_is_needed_beside_libpqs() {
	local most inherited
	stack_added >added
	most=$(awk '$1 != "inherited" && $2 > most { most = $2 } END { print most }' \
		added)
	inherited=$(sed -n 's/^inherited //p' added)
	tell "the shim adds at most $most bytes to what is used of a stack," \
		"$(sed -n 's/^connected //p' without) without it, to connect;" \
		"$(sed -n 's/^handler //p' added) on a handler's own stack," \
		"$inherited to finish what was inherited"
	[ "$most" -gt 0 ]
	[ "$most" -le 2560 ] || fail "$(cat added)"
	[ "$inherited" -le 4864 ] || fail "$(cat added)"
}

test_a_handler_on_a_stack_of_its_own() {
	threads handler
	counts 3 2
	json report.json '[.findings[0].stack[].function] |
		[index("handle"), index("main")] | all' true
}
