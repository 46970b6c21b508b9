# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Which class a handle has, and what that does to the exit status: growing,
# by-design, what is suppressed, and what is said of a search.
unset CONNLEAK_FAIL_ON CONNLEAK_NO_SCAN
export CONNLEAK_SCAN_TIME=30s # what is found is the point, not how fast

uses() { # STEP...: runs the program, whatever is found
	leak_run --fail-on none "${program:-$BUILD/tests/programs/uses}" "$@" \
		>out 2>err
}

classes() { # "CLASS:COUNT ..."
	json report.json '[.findings[] | "\(.class):\(.count)"] | sort |
		join(" ")' "$1"
}

not_growing() {
	json report.json '[.findings[] | select(.class == "growing")]' '[]'
}

test_a_loop_that_forgets_one_connection_after_the_other_is_growing() {
	# The oldest two are used, and not since the third was acquired.
	uses connect exec connect exec connect
	classes growing:3
	expect_status 23 "$CONNLEAK" report --quiet run
}

test_every_way_to_use_a_connection_is_one() {
	local way
	for way in exec params prepared sent copy fn listen; do
		uses connect "$way" connect "$way" connect
		classes growing:3
	done
}

test_to_ask_a_connection_is_not_to_use_it() {
	uses connect ask connect ask connect ask
	not_growing
}

test_what_is_used_when_all_are_there_is_not_growing() {
	uses connect connect connect exec
	not_growing
}

test_one_that_is_left_is_not_growing() {
	uses connect exec connect connect
	not_growing
}

test_what_was_left_is_no_longer_when_it_is_used_again() {
	uses connect exec connect exec connect first
	not_growing
}

test_what_grows_does_so_after_a_kill_too() {
	expect_status 137 uses connect exec connect exec connect kill
	classes growing:3
}

asleep() {
	psql -Atc "select count(pg_terminate_backend(pid))
		from pg_stat_activity where wait_event = 'PgSleep'"
}

# shellcheck disable=SC2317 # called by wait_until
nobody_sleeps() { [ "$(asleep)" = 0 ]; }

# A server's process that sleeps does not notice that nobody waits for it.
wake_server() {
	wait_until nobody_sleeps
}

test_a_query_under_way_is_a_use() {
	expect_status 137 uses connect exec connect exec threads connect kill
	wake_server
	classes undecided:3
}

test_a_query_that_was_left_by_longjmp_is_over_at_the_next_call() {
	expect_status 137 uses connect exec connect exec connect jump kill
	classes undecided:3
	expect_status 137 uses connect connect jump exec connect kill
	classes growing:3
}

test_a_child_uses_its_own_connections() {
	uses fork connect exec connect exec connect
	classes growing:3
}

# A parent's connections in the hands of a child are the parent's.
test_a_child_that_uses_its_parents_connections_is_harmless() {
	uses connect exec connect exec connect fork exec exec
	classes growing:3
	json report.json '.findings[0].handles | map(.pid) | unique | length' 1
}

build_uses() { # FILE [OPTION]...
	# shellcheck disable=SC2046
	"${COMPILER:-cc}" -D_GNU_SOURCE -g -O1 -I"$ROOT" \
		$(pkg-config --cflags libpq) -o "$1" \
		"$ROOT/tests/programs/uses.c" "${@:2}"
}

test_a_libpq_that_is_found_by_name_is_used_alike() {
	local program=./uses
	build_uses uses '-DBY_NAME="libpq.so.5"' -ldl -lpthread
	uses connect exec connect sent connect
	classes growing:3
}

test_a_library_that_looks_at_its_own_libpq_first_uses_it_alike() {
	local program=./host
	build_uses libuses.so -shared -fPIC -Dmain=run -lpq
	cc -D_GNU_SOURCE -x c -o host - -ldl <<-END
		#include <dlfcn.h>
		int main(int argc, char **argv)
		{
			void *library = dlopen("./libuses.so", RTLD_NOW |
					       RTLD_LOCAL | RTLD_DEEPBIND);
			int (*run)(int, char **) = dlsym(library, "run");
			return run(argc, argv);
		}
	END
	uses connect exec connect sent connect
	classes growing:3
}

test_what_the_program_keeps_by_design_never_gates() {
	leak_run --strict "$BUILD/tests/programs/uses" connect exec design
	classes by-design:1
	json report.json '[.status, .findings[0].gates]' '["clean",false]'
	expect_line report.txt '^connleak: clean: 1 connection seen, .*; 1 kept by design;$'
}

test_what_is_kept_by_design_is_not_left_behind() {
	uses connect exec design connect exec connect
	not_growing
}

# Linked at a fixed address, the linker would settle that it is not there.
test_connleak_h_works_in_every_kind_of_program() {
	local kind program=./uses
	for kind in "-fPIE -pie" "-fno-pie -no-pie" "-O2 -fno-pie -no-pie"; do
		# shellcheck disable=SC2086
		build_uses uses $kind -lpq -lpthread
		./uses connect exec design finish
		uses connect exec design
		classes by-design:1
	done
	echo 'int main() { connleak_by_design(nullptr); }' >design.cc
	c++ -Wall -Wextra -Werror -fno-pie -no-pie -include \
		"$ROOT/preload/connleak.h" -o design design.cc
	./design
}

suppressing() { # LINE...: leaves the file ./known
	printf '%s\n' "$@" >known
	leak_run --suppress known "$BUILD/tests/programs/uses" \
		connect exec connect exec connect
}

test_what_is_suppressed_is_by_design() {
	local line
	for line in leak:connect_one 'leak:^main$' leak:uses.c 'leak:*/uses$'; do
		suppressing '# known' '' "$line"
		classes by-design:3
		json report.json .status clean
	done
	expect_line report.txt '; 3 suppressed;$'
	json report.json .coverage.notes '[]'
}

test_what_is_not_suppressed_gates() {
	expect_status 23 suppressing leak:connect_two '  leak:^ma$  '
	classes growing:3
	expect_line report.txt 'known:1: leak:connect_two matched nothing'
}

# Where nothing leaks, too: what a misspelt one lets through comes later.
test_a_suppression_that_matches_nothing_is_told() {
	echo leak:connect_one >known
	expect_status 0 leak_run --suppress known "$BUILD/samples/clean" >out
	json report.json .status clean
	expect_line report.txt '^    known:1: leak:connect_one matched nothing$'
}

test_a_line_that_is_no_suppression_is_refused() {
	printf 'leak:a\n\nrace:b\n' >known
	expect_status 125 leak_run --suppress known true 2>err
	expect_line err "^connleak: known:3: 'race:b' is no suppression; write leak:PATTERN$"
	expect_status 125 leak_run --suppress none true 2>err
	expect_line err '^connleak: cannot read none: No such file'
}

test_suppressions_serve_a_report_too() {
	uses connect exec connect exec connect
	echo leak:connect_one >known
	"$CONNLEAK" report --strict --suppress known --json report.json --quiet run
	classes by-design:3
	CONNLEAK_SUPPRESS=known "$CONNLEAK" report --quiet run
}

test_the_bound_of_the_search_is_handed_to_the_program() {
	unset CONNLEAK_SCAN_TIME
	leak_run --allow no-libpq --no-scan --scan-time 3s env >out
	expect_line out '^CONNLEAK_SCAN_TIME=3s$'
	expect_line out '^CONNLEAK_NO_SCAN=1$'
	leak_run --allow no-libpq env >out
	expect_line out '^CONNLEAK_SCAN_TIME=200ms$'
	expect_line out '^CONNLEAK_NO_SCAN=0$'
}

test_what_is_held_is_told_by_name_and_gates_only_if_strict() {
	leak_run "$BUILD/tests/programs/uses" connect connect connect
	classes held:3
	json report.json '.status' clean
	json report.json '[.findings[0].handles[].held_by] | unique | join(" ")' \
		'global connections (uses)'
	expect_line report.txt '^    held by  global connections \(uses\)$'
	expect_line report.txt '^connleak: nothing gates: 3 of 3 connections'
	expect_status 23 "$CONNLEAK" report --strict --quiet run
}

test_the_only_connection_of_its_line_is_by_design() {
	leak_run --strict "$BUILD/tests/programs/uses" connect exec
	classes by-design:1
	json report.json '.findings[0].handles[0].held_by' \
		'global connections (uses)'
	json report.json .status clean
}

test_a_search_that_was_cut_short_or_off_says_so() {
	leak_run --scan-time 0ms "$BUILD/tests/programs/uses" connect connect
	classes undecided:2
	json report.json '.coverage.notes[0].why | test("cut short.*--scan-time")' true
	leak_run --no-scan "$BUILD/tests/programs/uses" connect connect
	classes undecided:2
	json report.json '.coverage.notes[0].why | test("because of --no-scan")' true
	expect_line report.txt 'because of --no-scan'
}
