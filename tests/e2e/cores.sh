# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# After a crash: what a core says, alone and beside the records.  Most cores
# are gdb's here, which goes by the same coredump_filter as the kernel:
# machines differ in where the kernel's own go.

crashes() { echo "$BUILD/tests/programs/crashes"; }

# The one that the environment leads to; gdb can pass no empty argument.
server=connect_timeout=9

# What is mapped shared and has a file, as a record has, is bit 3.  It is so
# from here on, and for all that is started.
keep_records_in_cores() { echo 0x3b >/proc/self/coredump_filter; }
leave_records_out() { echo 0x33 >/proc/self/coredump_filter; }

# Small stacks and one heap: gdb writes all that is mapped, used or not.
make_cores_small() {
	ulimit -s 256
	export MALLOC_ARENA_MAX=1
}

# Runs a program until gdb stops it, and leaves it in ./core.
debug() { # [-ex GDB_COMMAND]... --args PROGRAM [ARG]...
	local before=()
	while [ "$1" != --args ]; do
		before+=("$1")
		shift
	done
	make_cores_small
	rm -f core
	gdb -nx -batch -ex 'set startup-with-shell off' "${before[@]}" \
		-ex 'generate-core-file core' "$@" >gdb.out 2>&1 </dev/null
	[ -s core ] || fail "gdb left no core: $(cat gdb.out)"
}

# The same of a watched program, whose record goes to ./run.
debug_watched() { # [-ex GDB_COMMAND]... --args PROGRAM [ARG]...
	mkdir -p run
	debug -ex "set environment LD_PRELOAD $BUILD/libconnleak.so" \
		-ex "set environment CONNLEAK_DIR $PWD/run" "$@"
}

report() { # PATH...
	"$CONNLEAK" report --json report.json --text report.txt "$@"
}

# How the program ended, and whether it is known in which thread.
died() { # END_AND_THREAD
	json report.json '[.processes[] | select(.exe | endswith("/crashes")) |
		[.end, .died_in != null]]' "[$1]"
}

# How many handles are of the thread that died, and how many of others.
held() { # COUNTS
	json report.json '[.findings[].handles[].thread_died] |
		[map(select(. == true)), map(select(. == false))] |
		map(length)' "$1"
}

test_a_core_alone_tells_who_died_and_what_that_thread_held() {
	keep_records_in_cores
	debug_watched -ex run --args "$(crashes)" "$server" 2 1 3
	rm -r run
	expect_status 23 report core
	json report.json '.findings | map([.kind, .count, .site.function])' \
		'[["leaked-connection",6,"hold"]]'
	died '["signal 11",true]'
	held '[3,3]'
	expect_line report.txt \
		'^    process  [0-9]+ crashes \(signal 11, in thread [0-9]+\)$'
	expect_line report.txt '^    thread   3 of these by the one that died$'
}

# Where it goes into the current folder.
test_the_kernels_own_core_is_read_too() {
	[[ $(</proc/sys/kernel/core_pattern) =~ ^[^\|/]+$ ]] || return 0
	keep_records_in_cores
	make_cores_small
	ulimit -c unlimited
	expect_status 139 leak_run "$(crashes)" "$server" 1 2 2>err
	died '["signal 11",false]'
	expect_status 23 report run core*
	died '["signal 11",true]'
	json report.json '[.processes | length, .[0].end]' '[1,"signal 11"]'
	rm -r run
	expect_status 23 report core*
	died '["signal 11",true]'
	held '[2,1]'
}

test_a_core_and_the_folder_of_its_record_are_one_process() {
	local paths
	keep_records_in_cores
	debug_watched -ex run --args "$(crashes)" "$server" 1 2
	for paths in "run core" "core run" "core run/*.rec" "core core"; do
		# shellcheck disable=SC2086
		expect_status 23 report $paths
		json report.json '[.totals.connects, (.processes | length)]' \
			'[3,1]'
		died '["signal 11",true]'
		held '[2,1]'
	done
}

# gdb reaps the program and not the launcher, whose log knows the program.
test_a_core_tells_the_end_that_the_launcher_did_not_see() {
	local processes
	keep_records_in_cores
	make_cores_small
	expect_status 23 leak_run gdb -nx -batch -ex run -ex \
		'generate-core-file core' --args "$(crashes)" "$server" 1 2 >out 2>err
	died '["unknown",false]'
	processes=$(jq '.processes | length' report.json)
	expect_status 23 report run core
	died '["signal 11",true]'
	json report.json '.processes | length' "$processes"
	rm run/*.rec
	expect_status 23 report run core
	died '["signal 11",true]'
	json report.json '.processes | length' "$processes"
}

test_a_core_without_the_record_goes_with_its_file() {
	leave_records_out
	debug_watched -ex run --args "$(crashes)" "$server" 1 2
	expect_status 23 report core
	held '[2,1]'
	mv run moved
	expect_status 23 report moved core
	held '[2,1]'
	json report.json '.totals.connects' 3
}

test_a_core_whose_record_is_nowhere_says_how_to_keep_it() {
	leave_records_out
	debug_watched -ex run --args "$(crashes)" "$server" 1
	rm -r run
	expect_status 125 report core 2>err
	expect_equal "$(wc -l <err)" 2 "lines of the error"
	expect_line err '^connleak: core: the record of process [0-9]+ is not in'
	expect_line err 'echo 0x3b >/proc/\$\$/coredump_filter'
	[ ! -e report.json ]
}

# What has no name any more is no file for the kernel.
test_a_record_that_was_removed_before_the_crash_is_in_every_core() {
	leave_records_out
	debug_watched -ex run -ex 'shell rm -r run' \
		--args "$(crashes)" "$server" 1 2
	expect_status 23 report core
	held '[2,1]'
}

test_a_record_that_has_grown_is_whole_in_a_core() {
	keep_records_in_cores
	debug_watched -ex run --args "$(crashes)" host=/nowhere 400 200
	rm -r run
	expect_status 23 report core
	json report.json '[.totals.connects, .findings[0].count]' '[600,600]'
	expect_line report.txt '^    thread   200 of these by the one that died$'
}

test_a_core_of_a_process_that_was_not_watched_says_so() {
	keep_records_in_cores
	debug -ex run --args "$(crashes)" "$server" 1
	expect_status 125 report core 2>err
	expect_equal "$(wc -l <err)" 1 "lines of the error"
	expect_line err 'core: process [0-9]+ had no record: it was not watched'
}

test_a_child_is_not_taken_for_the_parent_whose_record_it_maps() {
	keep_records_in_cores
	debug_watched -ex 'set follow-fork-mode child' -ex run \
		--args "$(crashes)" "$server" fork
	expect_status 125 report core 2>err
	expect_line err 'had no record of its own, only that of process [0-9]+: '
}

# A breakpoint is no death, though its signal may be one.
test_a_process_that_was_stopped_is_running_in_its_core() {
	keep_records_in_cores
	debug_watched -ex 'break crash' -ex run --args "$(crashes)" "$server" 2
	expect_status 23 report run core
	died '["unknown",false]' # gdb has killed it since
	rm -r run
	expect_status 23 report core
	died '["running",false]'
	json report.json '.findings[0].handles[0].thread_died' null
}

test_a_program_and_half_a_core_are_refused() {
	keep_records_in_cores
	debug_watched -ex run --args "$(crashes)" "$server" 1
	rm -r run
	expect_status 125 report "$(crashes)" 2>err
	expect_line err 'crashes: it is a program or a library, not a core$'
	truncate -s 4096 core
	expect_status 125 report core 2>err
	expect_line err '^connleak: core: it is truncated$'
}
