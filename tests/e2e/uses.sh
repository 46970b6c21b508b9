# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What calls on a connection come to, as libpq tells; and what is wrong to do
# with one.

# shellcheck source=tests/parts.sh
. "$ROOT/tests/parts.sh"

# A line per way of tests/programs/states: the way, and what slots prints then.
ways() {
	cat <<-END
		never            unknown               -      -
		look             unknown               -      -
		idle             idle                  -      main
		begun            open                  -      main
		failed           failed                22012  main
		rolled_back      idle                  22012  main
		serialization    idle                  40001  main
		timeout          idle                  57014  main
		duplicate        idle                  23505  main
		echo             idle                  40001  main
		notice           idle                  -      main
		sent             active                -      main
		half             active                -      main
		drained          idle                  -      main
		sent_error       idle                  22012  main
		sent_begin       open                  -      main
		sent_listen      idle+listens          -      main
		flush            active                -      main
		single_row       active                -      main
		copy_in          active+copies         -      main
		put_data         active+copies         -      main
		put_end          active                -      main
		put_all          idle                  -      main
		put_lines        active                -      main
		copy_out         active+copies         -      main
		get_one          active+copies         -      main
		get_end          active                -      main
		get_all          idle                  -      main
		listen           idle+listens          -      main
		listen_open      open+listens          -      main
		unlisten         idle                  -      main
		unlisten_one     idle+listens          -      main
		discard          idle                  -      main
		pipeline         active                -      main
		pipeline_read    idle                  22012  main
		large_object     idle                  42704  main
		large_objects    open                  -      main
		encoding         idle                  -      main
		prepare          idle                  -      main
		consume          idle                  -      main
		terminated       unknown               57P01  main
		terminated_sent  unknown               57P01  main
		terminated_twice unknown               57P01  main
		cut              unknown               08006  main
		cut_send         unknown               08006  main
		reset            unknown               -      main
		in_thread        open                  -      other
	END
}

check_states() { # PROGRAM
	local names
	[ -e expected ] || ways | tr -s ' ' >expected
	names=$(cut -d' ' -f1 expected)
	# shellcheck disable=SC2086
	leak_run --fail-on none -- "$1" $names
	"$BUILD/tests/slots/slots" run/*.rec | paste -d' ' <(echo "$names") - \
		>actual
	diff expected actual || fail "other states than expected"
}

test_what_a_connection_is_in_the_middle_of_is_known() {
	check_states "$BUILD/tests/programs/states"
}

# It finds its libpq by itself: its calls come by in another way.  What such a
# libpq calls in itself does not: so nothing is known of functions without a row,
# nor of an error that no result is returned with.
test_so_it_is_of_a_library_with_a_libpq_of_its_own() {
	# shellcheck disable=SC2046
	cc -D_GNU_SOURCE -g -O1 -I"$ROOT" $(pkg-config --cflags libpq) \
		-shared -fPIC -Dmain=all_ways -o libstates.so \
		"$ROOT/tests/programs/states.c" -lpq
	cc -D_GNU_SOURCE -x c -o host - -ldl <<-END
		#include <dlfcn.h>
		int main(int argc, char **argv)
		{
			void *library = dlopen("./libstates.so", RTLD_NOW |
					       RTLD_LOCAL | RTLD_DEEPBIND);
			int (*all_ways)(int, char **) =
				dlsym(library, "all_ways");
			return all_ways(argc, argv);
		}
	END
	ways | tr -s ' ' | sed -E -e 's/^(large_object|encoding) .*/\1 unknown - -/' \
		-e '/^terminated(_twice)? /s/57P01/08006/' >expected
	check_states ./host
}

test_the_report_says_so_of_what_is_left() {
	leak_run --fail-on none -- "$BUILD/tests/programs/states" failed listen
	json report.json '[.findings[].handles[] |
		[.transaction, .last_error, .in_query]]' \
		'[["failed","22012",false],["idle",null,false]]'
}

# Kind, count and function of each finding, and where it was misused.
wrongs() { # WAY [[KIND,COUNT,FUNCTION,[[FUNCTION,COUNT,FUNCTION]...]]...]
	leak_run --fail-on none -- "$BUILD/tests/programs/wrongs" "$1" \
		>out 2>&1 || :
	json report.json '.findings | map([.kind, .count, .site.function] + [
		.misused_at | map([.function, .count, .site.function])])' "$2"
}

test_a_connection_that_is_finished_twice() {
	# Whatever that does to the program: it is told before.
	wrongs twice \
		'[["double-finish",1,"acquire_one",[["PQfinish",1,"finish_again"]]]]'
	expect_line report.txt '^    [> ] finish_again +.*tests/programs/wrongs.c:'
	json report.json '.totals | [.connects, .finishes]' '[1,1]'
	expect_status 23 "$CONNLEAK" report --quiet run
}

test_one_that_never_was_is_a_connection_too() {
	wrongs async_twice \
		'[["double-finish",1,"async_twice",[["PQfinish",1,"finish_again"]]]]'
}

test_an_address_that_is_another_connections_by_now() {
	wrongs reused '[]'
	wrongs reset_once '[]'
}

test_a_child_that_is_given_an_address_of_its_parents() {
	wrongs child_reuses '[]'
}

# The same with a pool that rules tell of.
RULES='acquire pool_take@main handle=return;release pool_drop@main handle=arg1'

ruled() { # WAY [[KIND,COUNT,[[FUNCTION,COUNT,FUNCTION]...]]...]
	leak_run --fail-on none --hook "${RULES%;*}" --hook "${RULES#*;}" -- \
		"$BUILD/tests/programs/wrongs" "$1" ruled
	check_misuses "$2"
}

told() { # WAY [[KIND,COUNT,[[FUNCTION,COUNT,FUNCTION]...]]...]
	leak_run --fail-on none -- "$BUILD/tests/programs/wrongs" "$1"
	check_misuses "$2"
}

check_misuses() { # [...]
	json report.json '.findings | sort_by(.kind) | map([.kind, .count,
		(.misused_at | map([.function, .count, .site.function]))])' "$1"
	json report.json '[.pools[].acquires] | add > 0' true
}

WHILE_LEASED='["finished-while-leased",1,[["PQfinish",1,"finish_again"]]]'

test_a_connection_that_is_finished_while_it_is_leased() {
	local way
	for way in told ruled; do
		"$way" finish_leased "[$WHILE_LEASED,[\"leaked-lease\",1,[]]]"
		json report.json '[.findings[].site.function] | unique' \
			'["take_one"]'
		expect_status 23 "$CONNLEAK" report --quiet run
	done
}

test_a_pool_that_finishes_what_it_was_given_back() {
	local way
	for way in told ruled; do
		"$way" finish_returned '[]'
		"$way" finish_broken '[]'
	done
}

test_a_connection_that_is_used_after_its_release() {
	ruled use_returned \
		'[["use-after-release",3,[["PQexec",3,"use_again"]]]]'
	expect_line report.txt '^    [> ] use_again +.*tests/programs/wrongs.c:'
	expect_status 23 "$CONNLEAK" report --quiet run
}

test_a_connection_that_has_a_lease_again_or_is_the_pools() {
	local way
	for way in use_retaken use_by_keeper use_lent; do
		ruled "$way" '[]'
		told "$way" '[]'
	done
}

# Nobody knows when a release is over that the program tells of itself.
test_what_follows_a_release_that_was_told_may_be_part_of_it() {
	told use_returned '[]'
}

# Of a thousand calls, by a count that no clock and no neighbour changes.
instructions() { # FUNCTION [LIBRARY]
	LD_PRELOAD=${2-} valgrind --tool=callgrind \
		--callgrind-out-file=/dev/null --toggle-collect="$1" \
		./calls 2>&1 |
		sed -n 's/.*Collected : //p'
}

more_instructions() { # FUNCTION
	echo $((($(instructions "$1" "$BUILD/libconnleak.so") -
		$(instructions "$1")) / 1000))
}

test_a_use_costs_few_instructions() {
	needs /usr/bin/valgrind valgrind
	mkdir records
	export CONNLEAK_DIR=$PWD/records
	compile -o calls -x c - -lpq <<-'END'
		#include <libpq-fe.h>
		PGconn *conn;
		__attribute__((noinline)) void get_results(void)
		{
			for (int i = 0; i < 1000; i++)
				PQclear(PQgetResult(conn));
		}
		__attribute__((noinline)) void run_queries(void)
		{
			for (int i = 0; i < 1000; i++)
				PQclear(PQexec(conn, "select 1"));
		}
		int main(void)
		{
			conn = PQconnectdb("");
			get_results();
			run_queries();
			PQfinish(conn);
		}
	END
	local get exec
	get=$(more_instructions get_results)
	exec=$(more_instructions run_queries)
	tell "PQgetResult: $get instructions more; PQexec: $exec"
	((get > 100 && get < 600 && exec > get && exec < 1300)) ||
		fail "PQgetResult: $get instructions more; PQexec: $exec"
}
