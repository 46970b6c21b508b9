# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What a program executes: it does as without connleak, and the run's log names
# those in which the shim will not be found.

runs=0

# Leaves the run in ./run, with the same output, errors and status as without.
same_as_without() { # COMMAND [ARG]...
	local without=0 with=0
	[ ! -e run ] || mv run "run.$((++runs))"
	"$@" >plain.out 2>plain.err || without=$?
	"$CONNLEAK" run -o run --quiet --allow all -- "$@" >out 2>err || with=$?
	expect_equal "$with" "$without" "status of $*"
	expect_equal "$(cat out)" "$(cat plain.out)" "output of $*"
	expect_equal "$(cat err)" "$(cat plain.err)" "standard error of $*"
}

execs() { # HOW FILE [ARG]...
	same_as_without "$BUILD/tests/programs/execs" "$@"
}

# Of each line about an executed file, the first and the last word.
logged() {
	awk '$1 == "exec" || $1 == "bare" { print $1, $NF }' run/run.log
}

expect_logged() { # LINES
	expect_equal "$(logged)" "$1" "what is logged"
}

build() { # NAME [OPTION]..., from stdin
	cc -x c - -o "$@"
}

# A program that prints its environment.
build_printer() { # NAME [COMPILER [OPTION]...]
	local name=$1
	shift
	"${@:-cc}" -x c - -o "$name" 2>/dev/null <<-END
		#include <stdio.h>
		extern char **environ;
		int main(void) {
			for (char **e = environ; *e; e++)
				puts(*e);
			return 0;
		}
	END
}

functions=(execl execlp execle execv execve execvp execvpe fexecve execveat
	posix_spawn posix_spawnp)

test_every_function_executes_as_without() {
	local function
	for function in "${functions[@]}"; do
		execs "$function" /bin/echo word
		expect_equal "$(cat out)" word
		expect_logged ""
	done
}

test_every_function_fails_as_without() {
	local function
	touch data
	echo "echo script" >script
	chmod +x script
	printf '#!/nowhere/at/all\n' >orphan
	chmod +x orphan
	for function in "${functions[@]}"; do
		execs "$function" "$PWD/nothing" word
		execs "$function" "$PWD/data" word
		execs "$function" "$PWD" word
		execs "$function" "$PWD/script" word
		execs "$function" "$PWD/orphan" word
		expect_logged ""
	done
}

test_a_file_without_interpreter_is_the_shells_where_libc_says_so() {
	printf 'echo "read by a shell"\n' >script
	chmod +x script
	execs execvp ./script
	expect_equal "$(cat out)" "read by a shell"
	execs execv ./script
	expect_equal "$(cat out)" "execv: ENOEXEC"
	same_as_without env -i ./script
	expect_logged "bare $PWD/./script"
}

search() { # PATH HOW OUTPUT
	same_as_without env "PATH=$1" "$BUILD/tests/programs/execs" "$2" tool x
	expect_equal "$(cat out)" "$3"
}

test_a_path_with_empty_relative_and_forbidden_folders() {
	mkdir first second here
	printf '#!/bin/sh\necho first\n' >first/tool
	printf '#!/bin/sh\necho second\n' >second/tool
	printf '#!/bin/sh\necho here\n' >tool
	chmod +x second/tool tool
	search nowhere:first:second execvp second
	search "$PWD/first:$PWD/first/tool::second" execlp here
	search first execvp "execvp: EACCES"
	search nowhere posix_spawnp "posix_spawnp: ENOENT"
}

test_without_a_path_the_default_one_is_searched() {
	same_as_without env -u PATH "$BUILD/tests/programs/execs" execvp echo x
	expect_equal "$(cat out)" x
}

test_children_of_vfork_of_threads_and_of_a_handler_with_a_small_stack() {
	local way
	cc -static -x c - -o static <<<'int main(void) { return 5; }'
	for way in vfork:execv vfork:execvp vfork:execle fork:execv fork:execlp \
		signal:execv signal:execlp signal:execve; do
		execs "$way" /bin/echo word
		expect_equal "$(cat out)" word
	done
	for way in vfork:execv fork:execv signal:execv; do
		execs "$way" "$PWD/static"
		expect_logged "exec $PWD/static"
	done
	execs vfork:execvp nothing
}

test_a_static_program_is_logged_by_the_process_that_runs_it() {
	cc -static -x c - -o static <<<'int main(void) { return 5; }'
	for way in execv posix_spawn; do
		expect_status 5 "$CONNLEAK" run -o run --quiet --allow all -- \
			"$BUILD/tests/programs/execs" "$way" ./static
		expect_logged "exec $PWD/./static"
		pid=$(awk '$1 == "exec" { print $2 }' run/run.log)
		expect_line run/run.log "^exec $pid [1-9][0-9]+ [1-9][0-9]+ /"
		expect_line run/run.log "^image ([0-9]+) .*/execs$"
	done
	# A child has a pid of its own.
	[ "$pid" != "$(awk '$1 == "image" { print $2 }' run/run.log)" ]
}

test_a_program_started_in_another_folder_is_logged() {
	mkdir elsewhere
	cc -static -x c - -o elsewhere/static \
		<<<'#include <unistd.h>
		    int main(void) { return sleep(1); }'
	execs posix_spawn_elsewhere ./static
	expect_logged "exec $PWD/elsewhere/static"
}

test_a_privileged_program_is_logged() {
	build_printer printer
	for mode in u+s g+s; do
		cp printer "special$mode"
		chmod "$mode" "special$mode"
		"$CONNLEAK" run -o run --quiet --allow all -- \
			"$BUILD/tests/programs/execs" execv "./special$mode" >out
		expect_logged "exec $PWD/./special$mode"
	done
}

test_a_program_that_may_be_executed_but_not_read_is_logged() {
	lend_connleak
	build_printer printer
	cp "$BUILD/tests/programs/execs" .
	chmod 711 printer
	[ "$(id -u)" = 0 ] || chmod 111 printer
	ordinary_connleak run -o run --quiet --allow all -- \
		./execs execv ./printer >out
	expect_logged "exec $PWD/./printer"
}

test_an_interpreter_is_looked_at_through_its_script() {
	cc -static -x c - -o static <<<'int main(void) { return 5; }'
	printf '#!%s/static -x\n' "$PWD" >inner
	printf '#! \t%s/inner\n' "$PWD" >outer
	chmod +x inner outer
	execs execv ./outer
	expect_logged "exec $PWD/./outer"
}

test_an_environment_without_us_is_logged_as_bare() {
	build_printer printer
	for words in "env -i" "env -u LD_PRELOAD" "env LD_PRELOAD=" \
		"env -u CONNLEAK_DIR" "$BUILD/tests/programs/execs nothing"; do
		# shellcheck disable=SC2086
		"$CONNLEAK" run -o run --quiet --allow all -- \
			$words "$PWD/printer" >out 2>err
		expect_logged "bare $PWD/printer"
		expect_equal "$(cat err)" "" "standard error"
	done
}

test_an_empty_environment_stays_empty() {
	build_printer printer
	execs nothing "$PWD/printer"
	expect_equal "$(cat out)" ""
}

test_a_link_is_logged_by_its_own_name() {
	ln -s /bin/echo alias
	same_as_without env -i ./alias word
	expect_logged "bare $PWD/./alias"
}

# For 32 bits, or another C library: the loader would complain, or refuse.
foreign() { # COMPILER [OPTION]...
	build_printer foreign "$@" || skip "no $*: make setup-clients"
	./foreign >/dev/null || skip "programs of $* do not run here"
	cc -shared -fPIC -x c - -o "$PWD/other.so" <<<'int other;'
	same_as_without sh -c './foreign >/dev/null; echo $?'
	expect_logged "exec $PWD/./foreign"

	for others in "" "$PWD/other.so" "$PWD/other.so:$PWD/other.so"; do
		same_environment "$others"
	done
}

# All that is not connleak's, in the same order.
same_environment() { # LD_PRELOAD
	local small=(env -i FIRST=1 LAST=1)
	[ -z "$1" ] || small=(env -i FIRST=1 "LD_PRELOAD=$1" LAST=1)
	"${small[@]}" ./foreign >without 2>/dev/null
	"${small[@]}" "$CONNLEAK" run -o run --quiet --allow all -- env \
		./foreign 2>/dev/null | grep -v '^CONNLEAK_' >with
	expect_equal "$(cat with)" "$(cat without)" environment
}

test_a_program_of_32_bits_runs_without_a_word() {
	foreign cc -m32
}

test_a_program_of_another_c_library_runs_without_a_word() {
	foreign musl-gcc
}

test_what_a_program_of_32_bits_is_given_reaches_no_further_than_it() {
	build_printer foreign cc -m32 || skip "no cc -m32: make setup-clients"
	./foreign >/dev/null || skip "programs of 32 bits do not run here"
	"$CONNLEAK" run -o run --quiet --allow all -- \
		sh -c './foreign >/dev/null; printenv LD_PRELOAD' >out
	expect_equal "$(cat out)" "$BUILD/libconnleak.so"
}

copy_with_libraries() { # PROGRAM FOLDER
	local file
	cp "$1" "$2"
	for file in $(ldd "$1" | grep -o '/[^ ]*'); do
		mkdir -p "$2/${file%/*}"
		cp "$file" "$2/$file"
	done
}

test_a_jail_without_the_shim_hears_nothing_of_it() {
	local enter=(chroot jail)
	[ "$(id -u)" = 0 ] || enter=(unshare -r chroot jail)
	command -v busybox >/dev/null || skip "no busybox: make setup-clients"
	mkdir jail
	build_printer printer
	copy_with_libraries "$PWD/printer" jail
	cp "$(command -v busybox)" jail/
	PATH=$PATH:/usr/sbin
	"${enter[@]}" /printer >/dev/null || skip "no jail for this user"
	same_as_without "${enter[@]}" /busybox sh -c '/printer >/dev/null'
	same_as_without "${enter[@]}" /printer-of-nothing
	LD_PRELOAD='' "$CONNLEAK" run -o run --quiet --allow all -- \
		"${enter[@]}" /printer >out 2>err
	expect_equal "$(cat err)" "" "standard error"
	expect_no_line out LD_PRELOAD
}

test_a_shim_that_the_next_user_cannot_read_is_not_preloaded() {
	[ "$(id -u)" = 0 ] || skip "only root becomes somebody else"
	lend_connleak
	chmod 700 lent
	PATH=$PATH:/usr/sbin
	same_as_without chroot --userspec=nobody:nogroup / /bin/echo hello
	expect_equal "$(cat out)" hello
}

# A program that prints what it and its children have in LD_PRELOAD.
sanitized() { # NAME OPTION...
	build "$@" -g <<-END
		#include <stdio.h>
		#include <stdlib.h>
		int main(void) {
			printf("%s %d\n", getenv("LD_PRELOAD"),
			       getenv("CONNLEAK_RUNTIME") != NULL);
			fflush(stdout);
			return system("env | grep -E 'LD_PRELOAD|RUNTIME'") != 0;
		}
	END
	printf '#!/bin/sh\n./%s\n' "$1" >script
	chmod +x script
}

expect_sanitized() { # COMMAND [ARG]...
	"$CONNLEAK" run -o run --quiet --allow all -- "$@" >out 2>err
	expect_equal "$(cat err)" "" "standard error"
	expect_equal "$(cat out)" "$BUILD/libconnleak.so 0
LD_PRELOAD=$BUILD/libconnleak.so"
	expect_line run/run.log "^image .*/sanitized$"
}

test_a_sanitizer_comes_first_and_goes_no_further() {
	for kind in address leak thread; do
		sanitized sanitized -fsanitize=$kind
		ASAN_OPTIONS=detect_leaks=0 ./sanitized >/dev/null 2>&1 ||
			[ $? = 1 ] || continue # not on this machine
		expect_sanitized ./script
		expect_sanitized "$BUILD/tests/programs/execs" posix_spawn \
			./sanitized
	done
}

test_a_sanitizer_reports_as_without() {
	build broken -g -fsanitize=address <<-END
		#include <stdlib.h>
		int main(void) { char *p = malloc(4); free(p); return p[1]; }
	END
	expect_status 1 sh -c './broken; exit $?' 2>plain
	expect_status 1 "$CONNLEAK" run -o run --quiet --allow all -- \
		sh -c './broken; exit $?' 2>err
	expect_equal "$(grep -o 'ERROR: .* on ' err)" \
		"$(grep -o 'ERROR: .* on ' plain)"
	expect_equal "$(grep -c '' err)" "$(grep -c '' plain)" "lines"
}
