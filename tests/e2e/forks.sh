# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Processes made in every way, and what becomes of the connections they have.

# Runs a way of tests/programs/forks; every child is to end well.
forks() { # STATUS WAY [ARG]...
	local status=$1
	shift
	FORKS=$BUILD/tests/programs/forks expect_status "$status" leak_run -- \
		"$BUILD/tests/programs/forks" "$@" >out
	! grep -v '^0 bad$' out | grep bad || fail "children of $1: $(cat out)"
}

# connects, finishes, open_at_end, lost
expect_totals() { # [NUMBER,...]
	json report.json '.totals | [.connects, .finishes, .open_at_end, .lost]' \
		"$1"
}

# Kind, count and function of each finding, and where it was misused.
expect_findings() { # [[KIND,COUNT,FUNCTION,[[FUNCTION,COUNT,FUNCTION]...]]...]
	json report.json '.findings | map([.kind, .count, .site.function] + [
		.misused_at | map([.function, .count, .site.function])])' "$1"
}

LEAK='["leaked-connection",1,"connect_now",[]]'

test_a_child_that_finishes_an_inherited_connection() {
	local line
	forks 23 prefork
	expect_equal "$(cat out)" gone "the parent's session"
	expect_totals '[1,1,0,0]'
	expect_findings \
		'[["forked-finish",3,"connect_now",[["PQfinish",3,"serve"]]]]'
	json report.json '.findings[0] | [.class, .gates]' '[null,true]'
	# Whose session it was the parent's record still knows.
	json report.json '.findings[0].handles | map(.backend_pid > 0) | unique' \
		'[true]'
	json report.json '[.processes[0].pid] - [.findings[0].handles[].pid] |
		length' 1
	for line in connect_now serve; do
		expect_line report.txt "^    [> ] $line +.*tests/programs/forks.c:"
	done
	expect_line report.txt '^    then PQfinish:$'
}

test_the_parents_handle_is_still_the_parents() {
	forks 23 prefork leaks
	expect_totals '[1,0,1,0]'
	expect_findings "$(printf '[%s,%s]' \
		'["forked-finish",3,"connect_now",[["PQfinish",3,"serve"]]]' \
		"$LEAK")"
}

test_it_gates_as_a_kind_of_its_own() {
	expect_status 0 leak_run --fail-on leaked-connection -- \
		"$BUILD/tests/programs/forks" prefork >out
	expect_line report.txt '^    forked-finish \(does not gate\)$'
}

test_a_child_that_only_inherits_leaks_nothing() {
	forks 0 keeps
	expect_equal "$(cat out)" alive
	expect_totals '[1,1,0,0]'
	json report.json .status clean
}

test_a_reset_ends_the_parents_session_and_begins_the_childs() {
	forks 23 reset
	expect_equal "$(cat out)" gone
	expect_totals '[2,2,0,0]'
	expect_findings \
		'[["forked-finish",1,"connect_now",[["PQreset",1,"reset"]]]]'
	json report.json '.sites | map([.site.function, .acquired]) | sort' \
		'[["connect_now",1],["reset",1]]'
	forks 23 reset_start
	expect_totals '[2,2,0,0]'
	json report.json '.findings[0].misused_at[0].function' PQresetStart
}

test_what_a_child_has_reset_it_may_leak() {
	forks 23 reset leaks
	expect_totals '[2,1,1,0]'
	json report.json '.findings | map(.kind + ": " + .message) | sort[]' \
		'forked-finish: 1 connection finished by a child that inherited it; acquired by PQconnectdb
leaked-connection: 1 connection never finished; acquired by PQreset'
}

test_a_grandchild_inherits_from_both() {
	forks 23 grandchild
	expect_totals '[2,2,0,0]'
	json report.json '.findings | map([.kind, .count])' \
		'[["forked-finish",1],["forked-finish",1]]'
	json report.json '[.findings[].site.line] | unique | length' 1
	json report.json '[.findings[].stack[1].line] | unique | length' 2
}

test_what_ends_no_session_is_no_finding() {
	forks 0 harmless
	expect_equal "$(cat out)" alive
	json report.json .status clean
	expect_totals '[2,2,0,0]'
}

test_the_address_of_an_inherited_handle_may_come_back() {
	forks 23 again
	expect_totals '[102,101,1,0]'
	expect_findings "$(printf '[%s,%s]' \
		'["unfinished-failed-connect",1,"again",[]]' \
		'["forked-finish",1,"connect_now",[["PQfinish",1,"again"]]]')"
}

connects_said() { sed -n 's/ connects$//p' out; }

test_a_fork_in_a_thread_while_others_connect() {
	forks 23 threads
	json report.json '.totals | [.connects, .finishes, .lost]' \
		"[$(connects_said),$(connects_said),0]"
	expect_findings \
		'[["forked-finish",30,"connect_now",[["PQfinish",30,"serve"]]]]'
}

# One that has copied the shim in the midst of its work keeps nothing, and is
# counted.
test_a_raw_clone_while_others_connect() {
	forks 23 clones
	json report.json '.totals | [.connects, .finishes]' \
		"[$(connects_said),$(connects_said)]"
	json report.json '.totals.lost + ([.findings[].count] | add)' 100
	json report.json '[.incomplete[].reason] | unique - ["lost"]' '[]'
	json report.json '[.findings[].kind] | unique' '["forked-finish"]'
}

test_a_raw_clone_is_a_child_like_others() {
	forks 23 clone_once
	expect_totals '[2,1,1,0]'
	json report.json '.findings | map(.kind) | sort' \
		'["forked-finish","leaked-connection"]'
	json report.json '.processes | length' 2
}

# The child is another program, and leaks one; the parent leaks nothing.
test_what_a_child_executes_has_its_own_record() {
	local way
	for way in vfork_exec clone_vm spawns; do
		forks 23 $way
		expect_line out '^alive$'
		expect_totals '[2,1,1,0]'
		expect_findings "[$LEAK]"
		json report.json '.processes | length' 2
		json report.json '[.processes[0].pid] -
			[.findings[0].handles[].pid] | length' 1
	done
}

test_shells_by_system_and_popen() {
	forks 23 shells
	expect_line out '^alive$'
	expect_totals '[3,1,2,0]'
	expect_findings '[["leaked-connection",2,"connect_now",[]]]'
	json report.json '[.processes[].exe | split("/") | last | select(
		. == "forks")] | length' 3
}

test_a_child_of_vfork_that_finishes_does_so_for_both() {
	forks 0 vfork_finish
	expect_totals '[1,1,0,0]'
	json report.json '.processes | length' 1
}

test_two_images_of_one_process_are_two_records() {
	forks 23 execs
	expect_totals '[2,0,2,0]'
	json report.json '.findings | map([.kind, .count])' \
		'[["leaked-connection",1],["leaked-connection",1]]'
	json report.json '.processes | map(.end)' '["exec","exit 0"]'
	json report.json '[.processes[].pid] | unique | length' 1
	json report.json '[.findings[].handles[].pid] | unique | length' 1
}

# Linux takes NULL for an empty environment.
test_a_program_without_any_environment() {
	local way
	for way in no_environment spawn_without_environment; do
		forks 0 $way /bin/true
		expect_totals '[1,1,0,0]'
		json report.json '.coverage.notes | map(.why |
			test("environment was replaced"))' '[true]'
		# One that uses libpq is blind, never clean.
		forks 24 $way "$BUILD/tests/programs/many"
		json report.json '.incomplete | map(.reason)' '["blind"]'
	done
}

test_a_daemon_may_finish_what_it_was_started_with() {
	forks 0 daemon
	expect_totals '[2,2,0,0]'
	json report.json '.sites | map([.acquired, .released, .open])' \
		'[[1,1,0],[1,1,0]]'
	json report.json '.processes | map(.end)' '["exit 0","exit 0"]'
	forks 0 twice
	expect_totals '[1,1,0,0]'
}

test_a_daemon_that_does_not_leaves_it_to_its_starter() {
	forks 23 daemon leaks
	expect_totals '[2,1,1,0]'
	expect_findings "[$LEAK]"
	json report.json '.processes[0].pid == .findings[0].handles[0].pid' true
}

test_a_record_grows_again_when_there_is_a_descriptor() {
	forks 23 no_descriptor
	expect_totals '[200,0,200,36]'
	json report.json '[.findings[].count] | sort' '[64,100]'
}

# Steps: u gives up the rights of root, j enters a jail.
locked_out() { # STATUS WAY STEPS
	[ "$(id -u)" = 0 ] || skip "only root gives up rights, or enters a jail"
	forks "$@"
	rm -r run
}

test_a_process_that_locks_itself_out_keeps_its_record() {
	local steps
	for steps in u j ju; do
		locked_out 23 locked_out $steps
		expect_totals '[500,0,500,0]'
		json report.json '[.findings[].count]' '[500]'
	done
}

test_workers_that_lock_themselves_out() {
	local steps
	chmod 711 . .. # to be found by nobody
	for steps in u ju; do
		locked_out 23 workers $steps
		expect_totals '[1000,0,1000,0]'
		json report.json '.findings[0].handles | map(.pid) | unique |
			length' 1
		json report.json '.processes | length' 3
	done
}

test_a_child_made_behind_the_wall_is_lost_and_never_clean() {
	local steps
	for steps in j ju; do
		locked_out 24 locked_out_child $steps
		json report.json '.incomplete | map([.reason, (.text |
			test("1 children.s records"))])' '[["lost",true]]'
	done
}

# It loads libpq when it is too late to make a record.
test_a_libpq_that_comes_behind_the_wall_is_lost_and_never_clean() {
	[ "$(id -u)" = 0 ] || skip "only root gives up its rights"
	cc -x c - -o late <<-'END'
		#include <dlfcn.h>
		#include <unistd.h>
		int main(int argc, char **argv)
		{
			void *libpq, *(*start)(const char *);
			if (setuid(65534))
				return 1;
			if (argc < 2)
				return 0;
			libpq = dlopen(argv[1], RTLD_NOW);
			start = (void *(*)(const char *))dlsym(libpq,
							       "PQconnectStart");
			start("port=abc");
			return 0;
		}
	END
	mkdir secret
	chmod 700 secret
	expect_status 24 "$CONNLEAK" run -o secret/run --json report.json \
		--quiet ./late libpq.so.5
	json report.json '.incomplete | map(.reason)' '["lost"]'
	# Who only gives up its rights has no record at all.
	expect_status 24 "$CONNLEAK" run -o secret/run --json report.json \
		--quiet ./late
	json report.json '.incomplete | map(.reason)' '["no-libpq"]'
	[ -z "$(find secret/run -name '*.rec')" ] || fail "there is a record"
}

# In a pid namespace of its own, by root or by one who is root in there.
namespaced() { # [OPTION]... COMMAND [ARG]...
	local become=()
	[ "$(id -u)" = 0 ] || become=(-r)
	unshare "${become[@]}" --pid --fork "$@"
}

needs_namespaces() {
	namespaced --mount-proc true || skip "no pid namespaces for this user"
	export -f namespaced
}

# pid, base name and end of each process
expect_processes() { # LIST
	json report.json '.processes | map([.pid, (.exe | split("/") | last),
		.end]) | sort' "$1"
}

# The pids are those in the namespace, whatever /proc shows.
test_a_namespace_of_pids() {
	local proc
	needs_namespaces
	for proc in '' --mount-proc; do
		expect_status 23 leak_run -- bash -c 'namespaced "$@"' bash \
			$proc "$BUILD/tests/programs/forks" prefork leaks >out
		expect_equal "$(cat out)" gone
		expect_totals '[1,0,1,0]'
		json report.json '.findings | map([.kind, (.handles |
			map(.pid))])' \
			'[["forked-finish",[2,3,4]],["leaked-connection",[1]]]'
		json report.json '.processes | map(select(.exe |
			endswith("/forks"))) | map([.pid, .end])' \
			'[[1,"exit 0"],[2,"exit 0"],[3,"exit 0"],[4,"exit 0"]]'
	done
}

test_one_pid_in_two_namespaces_is_two_processes() {
	needs_namespaces
	# They begin at once, so that pid and start are often the same.
	expect_status 23 leak_run -- bash -c '
		namespaced --mount-proc "$@" & namespaced --mount-proc "$@" &
		wait' bash "$BUILD/tests/programs/forks" leak
	expect_totals '[2,0,2,0]'
	json report.json '.findings | map([.kind, .count, (.handles |
		map(.pid))])' '[["leaked-connection",2,[1,1]]]'
	json report.json '.processes | map(select(.exe | endswith("/forks"))) |
		map([.pid, .end])' '[[1,"exit 0"],[1,"exit 0"]]'
	expect_line report.txt '^    process  1 forks \(exit 0\)$'
}

# The launcher is in one namespace, and its program's pid is one of four in the
# other as well (a search would take some of those pids).
test_an_end_is_that_of_the_process_in_the_launchers_namespace() {
	needs_namespaces
	cat >within <<-'END'
		exec "$CONNLEAK" run --no-scan -o run --json report.json -- \
			bash -c 'namespaced bash -c "for i in 1 2 3 4; do
					\"\$0\" leak; done; exit 5" "$0"
				exit $?' "$BUILD/tests/programs/forks"
	END
	export CONNLEAK BUILD
	expect_status 5 namespaced --mount-proc bash ./within
	expect_totals '[4,0,4,0]'
	json report.json '.processes | map(select(.exe | endswith("/forks")) |
		[.pid, .end])' \
		'[[2,"exit 0"],[3,"exit 0"],[4,"exit 0"],[5,"exit 0"]]'
	json report.json '[.processes[] | select(.end == "exit 5") | .pid] -
		[2, 3, 4, 5]' '[]'
}
