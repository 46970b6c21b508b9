# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What is wrong on the command line gets one line that says what to do, and
# status 125.

refused() { # ERE COMMAND [ARG]...
	local line=$1
	shift
	expect_status 125 "$CONNLEAK" "$@" >out 2>err
	expect_equal "$(cat out)" "" "output"
	expect_equal "$(wc -l <err)" 1 "lines of the error"
	expect_line err "^connleak: .*$line"
}

a_record() {
	expect_status 23 leak_run "$BUILD/tests/programs/calls" connectdb leak >out
	cp run/*.rec record.rec
}

test_no_command() { refused 'connleak help'; }
test_an_unknown_command() { refused "'wach'" wach; }
test_a_command_not_built_yet() { refused 'diff is not built yet' diff a b; }
test_an_unknown_option() { refused "'--jsno'.*--json" run --jsno x true; }
test_an_option_not_built_yet() { refused 'sarif is not built yet' run --sarif x true; }
test_an_option_of_the_other_command() { refused 'connleak run' report --wait 1s x; }
test_a_bad_value() { refused 'wait' run --wait soon true; }
test_a_bad_variable() {
	export CONNLEAK_EXIT_CODE=many
	refused CONNLEAK_EXIT_CODE run true
}
test_a_moment_for_reports_that_is_unknown() {
	export CONNLEAK_REPORT=yes
	refused "CONNLEAK_REPORT can only be exit, not 'yes'" run true
}
test_a_limit_that_no_record_fits_into() { refused '64K' run --record-limit 1 true; }
test_a_limit_that_no_reader_takes() { refused '1G, not 2G' run --record-limit 2G true; }
test_a_report_that_cannot_be_written_is_said_before_the_program_runs() {
	refused 'cannot write no/where: No such file' run --json no/where \
		touch it-ran
	[ ! -e it-ran ]
}
test_what_is_held_too_long_at_once() { refused 'must be longer' report --held 0s .; }
test_an_unknown_item_of_fail_on() { refused 'leaks' run --fail-on leaks true; }
test_a_bad_limit_of_fail_on() {
	refused "util= takes the percentage.*'110'" run --fail-on util=110 true
	refused "wait= takes a number with ms.*'50'" run --fail-on wait=50 true
	CONNLEAK_FAIL_ON=peak=x refused "not 'x'" report .
}
test_a_bad_pool_rule_is_said_before_the_program_runs() {
	printf '# my pool\n\nacquire take handle=arg0\n' >pool.rules
	refused "pool.rules:3: 'arg0': write return, argN" run \
		--hooks pool.rules touch it-ran
	refused "--hook: 'aquire': a rule begins with acquire" run \
		--hook 'release give handle=arg1' --hook 'aquire take' touch it-ran
	CONNLEAK_HOOK='acquire take' refused "CONNLEAK_HOOK: 'take': say what" \
		run touch it-ran
	[ ! -e it-ran ]
}
test_a_pool_rule_on_what_connleak_watches_itself() {
	refused "'PQfinish': connleak watches this" run \
		--hook 'release PQfinish handle=arg1' true
}
test_pool_rules_that_cannot_be_read() {
	refused 'no/where: No such file' run --hooks no/where true
	refused 'it is no regular file' run --hooks /dev/null true
	head -c 65537 /dev/zero >large.rules
	refused 'larger than 64 KiB' run --hooks large.rules true
}
test_one_half_of_a_pool_is_a_warning() {
	expect_status 0 leak_run --allow no-libpq \
		--hook 'acquire take handle=return' true 2>err
	expect_line err '^connleak: warning: .* no release'
}
test_no_program() { refused 'PROGRAM' run; }
test_no_path() { refused 'PATH' report; }
test_a_path_that_is_not_there() { refused 'nowhere: No such file' report nowhere; }

test_a_program_that_is_not_there() {
	expect_status 127 leak_run no-such-program >out 2>err
	expect_equal "$(cat err)" \
		"connleak: cannot run no-such-program: there is no such program in PATH"
}

test_a_program_that_cannot_be_run() {
	echo text >file
	expect_status 126 leak_run ./file >out 2>err
	expect_line err '^connleak: cannot run ./file: Permission denied'
}

test_an_empty_record() { : >x.rec && refused 'x.rec: ' report x.rec; }
test_a_record_of_something_else() {
	refused '/etc/passwd: it is not a connleak record' report /etc/passwd
	refused '/bin/true: it is a program .*, not a core' report /bin/true
}
test_a_compressed_file() {
	echo core | gzip >core.gz
	refused 'core.gz: it is compressed: .*coredumpctl' report core.gz
}
test_random_bytes() {
	head -c 70000 /dev/urandom >x.rec
	refused 'x.rec: ' report x.rec
}
test_a_fifo_does_not_hang() { mkfifo x.rec && refused 'x.rec: ' report x.rec; }
test_an_empty_folder() { mkdir d && refused 'd: no run of connleak' report d; }

test_a_truncated_record() {
	a_record
	head -c 30000 record.rec >x.rec
	refused 'x.rec: ' report x.rec
}

test_a_record_of_another_version() {
	a_record
	printf '\002' | dd of=record.rec bs=1 seek=12 conv=notrunc status=none
	refused 'record.rec: .*version' report record.rec
}

test_an_unreadable_folder() {
	mkdir d
	chmod 0 d
	expect_status 125 ordinary_connleak report d >out 2>err
	expect_equal "$(cat err)" "connleak: d: Permission denied"
	rmdir d
}

test_a_bad_record_in_a_folder_does_not_hide_the_others() {
	a_record
	head -c 1000 /dev/urandom >run/1-2-00000000.rec
	expect_status 23 "$CONNLEAK" report --json x.json run >out
	json x.json '.findings[0].kind' leaked-connection
	json x.json '.incomplete[0].reason' lost
	json x.json '.incomplete[0].text | startswith("1-2-00000000.rec: ")' true
	expect_status 24 "$CONNLEAK" report --fail-on none run >out
}

test_a_report_that_cannot_be_written() {
	a_record
	refused 'cannot write /dev/full: No space left' report --quiet \
		--json /dev/full record.rec
	refused 'cannot write no/where: No such file' report --quiet \
		--json no/where record.rec
}

test_help_and_version() {
	"$CONNLEAK" help >out
	expect_line out 'connleak run'
	"$CONNLEAK" run --help >out
	expect_line out '--record-limit SIZE'
	"$CONNLEAK" help report >out
	expect_line out '--json FILE'
	"$CONNLEAK" --version >out
	expect_line out '^connleak [0-9]+\.[0-9]+'
	[ "$(wc -L <out)" -le 80 ]
}

test_no_libpq_is_not_clean() {
	expect_status 24 leak_run true
	json report.json '[.status, .incomplete[0].reason] | join(" ")' \
		"incomplete no-libpq"
	expect_line report.txt 'no process of this run ever loaded libpq'
	expect_status 0 leak_run --allow no-libpq true
}
