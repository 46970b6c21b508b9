# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# However a process ends, its record is there and right: what it acquired and
# did not release, but for the one step that each thread had begun.
#
# A program works in four threads and keeps a journal of its own; tests/audit
# reads its record while it works, and compares both when it has ended.

program=$BUILD/tests/programs/endings

# Without the launcher: nobody but the shim sees how it ends.  The report has
# all handles that the audit found, and the END, if that can be known.
keeps_all() { # RUNS ENDING END COMMAND [ARG]...
	local runs=$1 ending=$2 end=$3 figures out
	shift 3
	mkdir -p records
	figures=$("$BUILD/tests/audit/audit" "$BUILD/libconnleak.so" \
		"$PWD/records" "$runs" "$ending" "$@") ||
		fail "audit: $figures"
	tell "$figures"
	out=$(sed -E 's/.*in the end: ([0-9]+) out.*/\1/' <<<"$figures")
	expect_status 0 "$CONNLEAK" report --fail-on none --quiet \
		--json report.json records
	json report.json '[.processes[].end] | unique | join(" ")' "$end"
	json report.json '[.findings[].count] | add' "$out"
	json report.json .totals.lost 0
}

marked() { keeps_all 4 "exit 7" "exit 7" "$program" "$1"; }
unseen() { keeps_all 4 "$2" unknown "$program" "$1"; }

test_return_from_main_is_marked_and_loses_nothing() { marked return; }
test_exit_is_marked_and_loses_nothing() { marked exit; }
test_exit_from_a_thread_is_marked_and_loses_nothing() { marked exit_in_thread; }
test_exit_by_two_threads_is_marked_and_loses_nothing() { marked exit_twice; }
test_exit_in_an_exit_handler_counts() { marked exit_in_handler; }
test__exit_is_marked_and_loses_nothing() { marked _exit; }
test__Exit_is_marked_and_loses_nothing() { marked _Exit; }
test__exit_in_an_exit_handler_counts() { marked _exit_in_handler; }
test_quick_exit_is_marked_and_loses_nothing() { marked quick_exit; }
test_a_handler_of_sigsegv_that_exits_is_marked_and_loses_nothing() {
	marked segv_exit
}
test_the_end_of_the_last_thread_is_marked_and_loses_nothing() {
	keeps_all 4 "exit 0" "exit 0" "$program" last_thread
}

test__exit_in_a_signal_handler_hangs_never_and_is_marked() {
	keeps_all 40 "exit 7" "exit 7" "$program" _exit_in_signal
}

test_abort_loses_nothing() { unseen abort "signal 6"; }
test_sigsegv_loses_nothing() { unseen segv "signal 11"; }
test_a_handler_that_raises_sigsegv_again_loses_nothing() {
	unseen segv_again "signal 11"
}
test_a_raw_system_call_loses_nothing() { unseen raw_exit "exit 7"; }
test_an_exec_loses_nothing() { unseen exec "exit 7"; }

test_300_kills_at_random_moments_lose_nothing() {
	keeps_all 300 "kill 12" unknown "$program" work
}

test_no_torn_slot_is_accepted_while_the_program_works() {
	keeps_all 4 "kill 1000" unknown "$program" work
}

# The folder of a control group that may have 64 MiB and no more, if one can be
# made here: of cgroup v1 below our own or at the top, or of v2.
make_memory_cgroup() {
	local own base limit
	own=$(awk -F: '$2 == "memory" { print $3 }' /proc/self/cgroup)
	for base in "/sys/fs/cgroup/memory$own" /sys/fs/cgroup/memory \
		/sys/fs/cgroup; do
		cgroup=$base/connleak-test-$$
		mkdir "$cgroup" || continue
		for limit in memory.limit_in_bytes memory.max; do
			[ -e "$cgroup/$limit" ] || continue
			echo 67108864 >"$cgroup/$limit" || continue
			echo 0 >"$cgroup/memory.swap.max" || true
			(echo "$BASHPID" >"$cgroup/cgroup.procs") && return
		done
		rmdir "$cgroup"
	done 2>/dev/null
	return 1
}

kills_for_memory() {
	cat "$cgroup/memory.oom_control" "$cgroup/memory.events" 2>/dev/null |
		awk '$1 == "oom_kill" { print $2 }'
}

# shellcheck disable=SC2016 # is for the shell that becomes the program
test_a_kill_for_want_of_memory_loses_nothing() {
	if make_memory_cgroup; then
		trap 'wait_until rmdir "$cgroup"' EXIT
		keeps_all 3 "signal 9" unknown bash -c \
			'echo $$ >"$0/cgroup.procs"; exec "$@"' \
			"$cgroup" "$program" oom
		[ "$(kills_for_memory)" -ge 3 ] || fail "nobody was killed"
		tell "by the kernel, in a control group of 64 MiB"
	else
		keeps_all 3 "signal 9" unknown bash -c \
			'ulimit -v 600000; exec "$@"' bash "$program" oom
		tell "by itself, out of address space: no control group for" \
			"memory can be made here"
	fi
}

test_the_launcher_tells_each_ending_that_it_saw() {
	local way end status
	while read -r way end; do
		status=${end#exit }
		[ "$status" != "$end" ] || status=$((128 + ${end#signal }))
		expect_status "$status" leak_run --fail-on none --quiet \
			"$program" "$way"
		json report.json '.processes | last.end' "$end"
	done <<-END
		return exit 7
		last_thread exit 0
		_exit exit 7
		quick_exit exit 7
		raw_exit exit 7
		exec exit 7
		abort signal 6
		segv signal 11
		segv_again signal 11
		quick_crash signal 11
	END
}

# shellcheck disable=SC2016 # is for the shell that is watched
test_an_end_that_the_parent_reaped_is_as_marked() {
	expect_status 0 leak_run --fail-on none --quiet bash -c '
		for way in return last_thread _exit quick_exit segv_exit; do
			"$0" $way
		done
		"$0" raw_exit; "$0" exec; "$0" abort; true' "$program" 2>err
	json report.json '[.processes[] | select(.exe | endswith("endings")) |
		.end] | join(", ")' \
		'exit 7, exit 0, exit 7, exit 7, exit 7, unknown, exec, unknown'
	# An end is a moment: what was out until then has an age.
	json report.json '(reduce .processes[] as $p ({}; .[$p.pid | tostring] |=
			(. // false) or $p.end != "unknown")) as $ended |
		[.findings[].handles[] |
			(.age_s != null) == $ended[.pid | tostring]] | all' true
}

# shellcheck disable=SC2016 # is for the shell that is watched
test_a_child_marks_its_own_end_and_never_its_parents() {
	expect_status 0 leak_run --fail-on none bash -c \
		'"$0" children 3; true' "$BUILD/tests/programs/ends" 2>err
	json report.json '[.processes[] | select(.exe | endswith("ends")) |
		.end] | join(", ")' 'unknown, exit 3, exit 4'
}

test_without_a_log_an_exec_is_known_by_the_next_record() {
	mkdir records
	LD_PRELOAD=$BUILD/libconnleak.so CONNLEAK_DIR=$PWD/records \
		"$BUILD/tests/programs/ends" execs
	expect_status 0 "$CONNLEAK" report --fail-on none --json report.json \
		records >report.txt
	json report.json '[.processes[].end] | sort | join(", ")' 'exec, exit 0'
}

test_a_process_without_a_record_leaves_none_at_its_end() {
	mkdir records
	LD_PRELOAD=$BUILD/libconnleak.so CONNLEAK_DIR=$PWD/records \
		expect_status 3 bash -c '(exit 2); exit 3'
	expect_equal "$(ls -A records)" "" "what is in the folder"
}

# A library that sees the C library before the shim, and a name that is found.
make_plugin() {
	# shellcheck disable=SC2046 # are several
	cc -x c - $(pkg-config --cflags libpq) -shared -fPIC -o plugin.so \
		-lpq <<-END
		#include <dlfcn.h>
		#include <libpq-fe.h>
		#include <unistd.h>
		void leave(int is_found);
		void leave(int is_found)
		{
			PQconnectStart("port=abc");
			if (is_found)
				((void (*)(int))dlsym(RTLD_DEFAULT, "_exit"))(7);
			_exit(7);
		}
	END
	cc -x c - -o app <<-END
		#include <dlfcn.h>
		int main(int argc, char **argv)
		{
			static const int flags[] = { RTLD_NOW | RTLD_DEEPBIND,
				RTLD_LAZY | RTLD_DEEPBIND, RTLD_NOW };
			int way = argv[argc - 1][0] - '0';
			void *plugin = dlopen("./plugin.so", flags[way]);
			((void (*)(int))dlsym(plugin, "leave"))(way == 2);
		}
	END
}

test__exit_is_marked_whoever_calls_it() {
	local way
	mkdir records
	make_plugin
	for way in 0 1 2; do
		LD_PRELOAD=$BUILD/libconnleak.so CONNLEAK_DIR=$PWD/records \
			expect_status 7 ./app $way
	done
	expect_status 0 "$CONNLEAK" report --fail-on none --quiet \
		--json report.json records
	json report.json '[.processes[].end] | join(", ")' \
		'exit 7, exit 7, exit 7'
}
