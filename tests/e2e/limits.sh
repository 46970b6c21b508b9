# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What a program may not do, connleak may not do in it: rights, room and files
# that are taken away cost a part of the record, and the report says so.

# shellcheck source=tests/parts.sh
. "$ROOT/tests/parts.sh"

allowed=lost
confined=$BUILD/tests/programs/confined
calls=$BUILD/tests/programs/calls

# What it says goes through a pipe: a limit on files does not concern it.
run_confined() { # LIMIT...
	# shellcheck disable=SC2016
	as_without 0 bash -o pipefail -c '"$@" | cat' bash "$confined" "$@"
}

# Nothing is missing.
keeps_all() { # LIMIT...
	run_confined "$@"
	expect_line without '^500 refused, errno adds up to 0'
	json report.json '[.status, .totals.connects, .totals.finishes,
		.findings[0].count] | join(" ")' 'clean 501 1 500'
}

# Every handle is counted, and those that are not kept are told.
loses_some() { # LIMIT...
	run_confined "$@"
	expect_line without '^500 refused, errno adds up to 0'
	json report.json '[.status, .totals.connects, .totals.finishes,
		(.incomplete | map(.reason) | unique[])] | join(" ")' \
		'incomplete 501 1 lost'
	json report.json '.incomplete[0].text |
		test("^process [0-9]+ .confined.: [0-9]+ handles.* could not be kept$")' true
	expect_equal "$(jq '(.incomplete[0].text | capture("(?<n>[0-9]+) handles").n |
		tonumber) + (.findings[0].count // 0)' report.json)" \
		"${handles:-500}" "handles"
	expect_status 24 "$CONNLEAK" report --fail-on none --quiet run
}

test_what_it_does_not_need_may_be_forbidden() {
	local call
	for call in truncate rename unlink limit random advise clone trace; do
		keeps_all $call
	done
}

test_without_opening_files_no_record_grows() { loses_some open; }
test_without_allocating_files_no_record_grows() { loses_some allocate; }
test_without_mapping_files_no_record_grows() { loses_some map; }
test_no_record_grows_beyond_the_size_of_files() { loses_some fsize:0; }
test_without_a_free_descriptor_no_record_grows() { loses_some full nofile:16; }
test_without_any_memory_nothing_is_kept() { handles=501 loses_some as:0; }
test_16_descriptors_are_enough() { keeps_all nofile:16; }

# A sandbox that makes the calls itself: in a handler, wherever they come from.
test_a_call_that_a_handler_makes_is_a_call_that_fails() {
	local call
	for call in open allocate map; do loses_some trap:$call; done
	for call in truncate rename random advise trace; do
		keeps_all trap:$call
	done
}

# All that was asked of the kernel was asked before the program began.
test_while_there_is_room_no_file_is_touched() {
	run_confined few kill:open kill:allocate kill:truncate \
		kill:rename kill:unlink kill:limit kill:random kill:advise \
		kill:clone kill:trace
	counts 51 1
	json report.json '.totals.lost' 0
}

# In a mount namespace, where another user than root has no real rights.
in_namespace() { # COMMAND, its ARGs in "$@"
	local unshare=(unshare -m)
	[ "$(id -u)" = 0 ] || unshare=(unshare -rm)
	"${unshare[@]}" true 2>/dev/null || skip "no mount namespace here"
	"${unshare[@]}" bash -c "$1" bash "${@:2}"
}

run_here="$CONNLEAK"' run -o there/run --json report.json --fail-on none "$@"'

test_a_read_only_file_system_costs_the_record_and_not_the_program() {
	mkdir there
	expect_status 24 in_namespace "mount -t tmpfs -o ro tmpfs there &&
		$run_here" "$calls" refused >out 2>err
	expect_equal "$(cat out)" "refused done"
	json report.json '.incomplete[0].reason' lost
	json report.json '.incomplete[0].text | test("Read-only file system")' true
}

test_a_file_system_that_becomes_read_only_loses_handles() {
	mkdir there
	expect_status 24 in_namespace "mount -t tmpfs tmpfs there && $run_here" \
		"$confined" 'do:mount -o bind,ro there there' >out 2>err
	expect_line out '^500 refused, errno adds up to 0'
	json report.json '.totals.lost + .findings[0].count' 500
	json report.json '.incomplete[0].reason' lost
}

test_an_overlay_holds_a_record_as_well() {
	mkdir there
	expect_status 0 in_namespace "mount -t tmpfs tmpfs there &&
		mkdir there/{lower,upper,work,run} &&
		mount -t overlay -o lowerdir=there/lower,upperdir=there/upper,workdir=there/work \
			overlay there/run &&
		$run_here" "$confined" >out 2>err
	json report.json '[.totals.connects, .findings[0].count]' '[501,500]'
}

# It cannot allocate; the C library does it by writing.
test_a_file_system_that_cannot_allocate_holds_a_record_as_well() {
	mkdir there
	expect_status 0 in_namespace "mount -t ramfs ramfs there && $run_here" \
		"$confined" >out 2>err
	json report.json '[.totals.connects, .findings[0].count]' '[501,500]'
}

test_a_folder_that_is_removed_is_told() {
	local way
	for way in 'rm -rf run' 'mv run gone'; do
		as_without 0 "$confined" "do:[ ! -e run ] || $way"
		json report.json .status incomplete
		json report.json '.incomplete[0].reason' lost
		json report.json '.incomplete[0].text |
			test("/run: No such file or directory$")' true
	done
}

# What else is in the run does not make it clean.
test_a_record_that_is_removed_is_told() {
	as_without 0 sh -c "'$confined' few 'do:rm -f run/*.rec'; '$calls' refused"
	json report.json .status incomplete
	json report.json '.incomplete | map(.reason) | unique | join(" ")' lost
	json report.json '.incomplete | map(select(.text |
		test("[(]confined[)]: its record is gone"))) | length' 1
}

# It has no way to say so, but for a tally that it has mapped.
test_a_process_that_may_write_no_file_is_told() {
	as_without 0 sh -c "'$calls' refused; (ulimit -f 0; exec '$calls' refused) | cat"
	counts 1 1
	json report.json '.incomplete | map("\(.reason): \(.text)") | join(" ")' \
		'lost: 1 records that could not be made, nor named in the log'
}

# In a namespace of its own, since nobody else may be without it.
test_a_program_without_proc_is_watched() {
	in_namespace true
	expect_status 23 leak_run unshare -rm sh -c \
		"mount -t tmpfs tmpfs /proc && exec '$calls' refused leak" >out
	expect_equal "$(cat out)" "refused done"
	json report.json '.totals | [.connects, .open_at_end]' '[1,1]'
	json report.json '.findings[0].kind' unfinished-failed-connect
	json report.json '.findings[0].site.function' refused
}
