# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# At a terminal: keys that are signals, job control, and how the terminal is
# left.  tests/programs/terminal.c types, tests/programs/jobs.c is the program.

programs=$BUILD/tests/programs
jobs=$programs/jobs
ctrl_c=$'\x03' ctrl_backslash=$'\x1c' ctrl_z=$'\x1a'
prompt='> '

# What is shown goes to ./shown, without the terminal's carriage returns.
typed() { # STATUS [STEP TEXT]... -- PROGRAM [ARG]...
	local wanted=$1 status=0
	shift
	TERM=dumb PS1=$prompt "$programs/terminal" "$@" >typescript || status=$?
	tr -d '\r' <typescript >shown
	[ "$status" = "$wanted" ] || fail "status $status, not $wanted:
$(cat shown)"
}

run=("$CONNLEAK" run -o run --quiet --allow all)

# At the prompt of an interactive bash; it ends with the last status.
typed_to_shell() { # STATUS COMMAND [STEP TEXT]...
	local wanted=$1 command=$2
	shift 2
	typed "$wanted" wait "$prompt" send "$command"$'\n' "$@" \
		wait "$prompt" send $'exit $?\n' -- bash --norc -i
}

shown_times() { # TEXT N
	expect_equal "$(grep -c "$1" shown || true)" "$2" "how often '$1' is shown"
}

test_ctrl_c_reaches_the_program_once_and_the_report_comes() {
	typed 7 wait ready send "$ctrl_c" -- \
		"$CONNLEAK" run -o run --allow all "$jobs" INT=end
	shown_times 'got INT' 1
	expect_line shown '^connleak: incomplete'
	[[ $(<shown) = *'the end'*connleak:* ]] || fail "not in this order"
}

test_ctrl_c_ends_a_program_that_does_not_care_and_the_report_comes() {
	typed 130 wait ready send "$ctrl_c" -- \
		"$CONNLEAK" run -o run --json report.json "$jobs"
	json report.json '.processes[0].end' "signal 2"
	expect_line shown '^connleak: incomplete'
}

test_ctrl_backslash_reaches_the_program_once() {
	typed 7 wait ready send "$ctrl_backslash" -- "${run[@]}" "$jobs" QUIT=end
	shown_times 'got QUIT' 1
	ulimit -c 0
	typed 131 wait ready send "$ctrl_backslash" -- "${run[@]}" "$jobs"
}

test_ctrl_c_ends_the_waiting_for_descendants() {
	typed 0 wait ready send "$ctrl_c" -- "${run[@]}" --wait forever \
		sh -c 'trap "" INT HUP; (sleep 1) & echo ready'
}

test_ctrl_c_does_not_ask_for_what_another_signal_asks() {
	typed 130 wait ready send "$ctrl_c" -- \
		"${run[@]}" --signal USR1 "$jobs" USR1=tell
	typed 7 wait ready send "$ctrl_backslash" \
		wait 'connleak: so far' send "$ctrl_c" -- \
		"${run[@]}" --signal QUIT "$jobs" INT=end
	shown_times 'what is out at' 1
}

test_ctrl_z_and_fg() {
	typed_to_shell 0 "${run[*]} $jobs" wait ready send a wait 'key a' \
		send "$ctrl_z" wait Stopped wait "$prompt" \
		send $'fg\n' wait "$jobs" send $'b\nq\n' wait 'key q'
	shown_times 'key b' 1
}

test_ctrl_z_waits_until_the_program_has_put_the_terminal_in_order() {
	typed_to_shell 0 "${run[*]} $jobs TSTP=tidy" wait ready \
		send "$ctrl_z" wait Stopped wait "$prompt" \
		send $'stty -a | grep -ow -e -echo -e echo\n' wait "$prompt" \
		send $'fg\n' wait back send bq wait 'key q'
	shown_times 'tidying for TSTP' 1
	shown_times '^echo$' 1
}

test_a_program_that_does_not_stop_at_ctrl_z_goes_on() {
	local how
	for how in ignore tell; do
		typed_to_shell 0 "${run[*]} $jobs TSTP=$how" wait ready \
			send "$ctrl_z" send a wait 'key a' send q wait 'key q'
		shown_times Stopped 0
	done
	shown_times 'got TSTP' 1
}

# The terminal stops the whole group, which then reads again.
test_a_program_that_reads_in_the_background_is_stopped_and_goes_on() {
	typed_to_shell 0 "${run[*]} $jobs &" wait "$prompt" \
		send $'sleep 0.3; jobs\n' wait Stopped wait "$prompt" \
		send $'bg; sleep 0.3; jobs\n' wait Stopped wait "$prompt" \
		send $'fg\n' wait "$jobs" wait ready send bq wait 'key q'
}

test_a_stop_of_the_program_alone_is_no_stop_of_the_job() {
	typed_to_shell 0 "${run[*]} $jobs" wait ready \
		send a wait 'key a' send q wait 'key q'
	# shellcheck disable=SC2016 # the inner shell is to say it
	typed 0 wait gone -- "${run[@]}" sh -c '
		(sleep 0.2; kill -CONT $$) &
		kill -STOP $$
		echo gone'
}

# What bash and stty say of the terminal, before and after.
terminal_is_left_by() { # COMMAND [STEP TEXT]...
	local command=$1
	shift
	typed_to_shell 0 "stty -g >before; $command; stty -g >after" "$@"
	diff before after
}

test_the_terminal_is_left_as_it_was() {
	terminal_is_left_by "${run[*]} $jobs" wait ready send q wait 'key q'
	terminal_is_left_by "${run[*]} $jobs INT=end" wait ready send "$ctrl_c"
}

# In a script there is one group of the terminal; nobody repairs it.
test_the_terminals_group_is_as_before() {
	# shellcheck disable=SC2016 # the inner shell is to say it
	typed 0 wait ready send q -- sh -c '
		ps -o tpgid= -p $$ >before
		"$@"
		ps -o tpgid= -p $$ >after' sh "${run[@]}" "$jobs"
	diff before after
	# An interactive shell makes itself the terminal's group, and gives back.
	typed 0 wait "$prompt" send $'exit\n' -- "${run[@]}" bash --norc -i
	# shellcheck disable=SC2016 # the inner shell is to say it
	typed 0 wait "$prompt" send $'exit\n' -- sh -c '
		ps -o tpgid= -p $$ >before
		"$@"
		ps -o tpgid= -p $$ >after' sh "${run[@]}" bash --norc -i
	diff before after
}

test_a_shell_with_jobs_of_its_own() {
	typed 4 wait "$prompt" send "$jobs"$'\n' wait ready send "$ctrl_z" \
		wait Stopped wait "$prompt" send $'fg\n' send q wait 'key q' \
		wait "$prompt" send "$jobs INT=end"$'\n' wait ready \
		send "$ctrl_c" wait "$prompt" send $'exit 4\n' \
		-- "${run[@]}" bash --norc -i
	shown_times 'got INT' 1
}

test_psql_at_a_terminal() {
	PSQL_HISTORY=/dev/null typed 0 wait '=>' send $'\\set x 17\n' \
		wait '=>' send $'select :x + 4\n;\n' wait 21 wait '=>' \
		send "select 1$ctrl_c" wait '=>' \
		send $'do $$begin raise notice \'going\';' \
		send $'perform pg_sleep(15); end$$;\n' \
		wait 'NOTICE:  going' send "$ctrl_c" \
		wait 'canceling statement due to user request' wait '=>' \
		send $'\\q\n' -- \
		"$CONNLEAK" run -o run psql -X -P pager=off
	expect_line shown '^connleak: clean: 1 connection acquired and finished'
}

# The whole group loses its terminal; the records stay, and nobody hangs.
test_a_terminal_that_goes_away() {
	typed 129 wait ready hang up -- \
		"$CONNLEAK" run -o run sh -c 'echo ready; exec sleep 15'
	expect_line run/run.log '^end .* signal 1$'
	expect_line run/run.log '^stop '
	expect_status 24 "$CONNLEAK" report --quiet run
}

test_a_program_that_outlives_its_terminal_is_waited_for() {
	typed 5 wait ready hang up -- "${run[@]}" sh -c '
		trap "" HUP; echo ready; sleep 0.5; exit 5'
	expect_line run/run.log '^end .* exit 5$'
	expect_line run/run.log '^stop '
}

test_the_programs_output_comes_before_the_report() {
	typed 23 -- "$CONNLEAK" run -o run sh -c "echo first
		$programs/ends exit; echo last >&2"
	expect_equal "$(sed -n '/^[a-z]/p' shown | head -n 3)" \
		$'first\nlast\nconnleak found, the worst first:'
}
