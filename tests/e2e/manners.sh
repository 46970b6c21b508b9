# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The manners of LD_PRELOAD: who comes first, and where it must not be.

# shellcheck source=tests/judge.sh
. "$ROOT/tests/judge.sh"

# Output and status of a program are as without connleak; the first run decides.
same() { # OPTION... -- COMMAND [ARG]...
	local options=() status=0
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	"$@" >out.without 2>err.without || status=$?
	expect_status "$status" leak_run --allow all "${options[@]}" "$@" \
		>out 2>err
	sed -i '/^connleak: warning: /d' err
	cmp out.without out
	cmp err.without err
}

move_connleak() { # FOLDER
	mkdir -p "$1"
	cp "$CONNLEAK" "$BUILD/libconnleak.so" "$1"
	CONNLEAK=$PWD/$1/connleak
}

test_connleak_in_a_folder_that_the_loader_would_divide() {
	local name given=$CONNLEAK
	# shellcheck disable=SC2016 # the loader expands it, not the shell
	for name in 'a b' 'a:b' 'a$LIB'; do
		CONNLEAK=$given
		move_connleak "$name"
		expect_status 0 leak_run "$BUILD/tests/programs/calls" connectdb \
			>out 2>err
		expect_equal "$(cat out)" "connectdb done"
		expect_equal "$(cat err)" "" "standard error"
		json report.json .totals.connects 1
		rm -r "$name"
		expect_equal "$(compgen -G "$TMPDIR/connleak-*")" "" "left behind"
	done
}

test_the_link_stays_while_something_runs_that_may_need_it() {
	local link pid
	move_connleak 'a b'
	# shellcheck disable=SC2016
	leak_run --allow all --wait 0s sh -c \
		'sleep 60 >/dev/null 2>&1 & echo "$LD_PRELOAD" $!' >out 2>err
	read -r link pid <out
	[ -r "$link" ]
	expect_equal "$(stat -c %a "${link%/*}")" 711
	kill "$pid"
	rm -r "${link%/*}"
}

test_a_user_without_rights_can_follow_the_link() {
	[ "$(id -u)" = 0 ] || return 0 # there are none to give up
	move_connleak 'a b'
	chmod 711 . 'a b'
	cp "$BUILD/tests/programs/calls" .
	expect_status 0 leak_run setpriv --reuid=nobody --clear-groups \
		./calls refused >out 2>err
	expect_equal "$(cat err)" "" "standard error"
	json report.json .totals.connects 1
}

test_programs_and_folders_with_blanks_and_colons() {
	mkdir 'p q:r'
	cp "$BUILD/tests/programs/calls" 'p q:r/c d'
	expect_status 0 "$CONNLEAK" run -o 'o p:q' --json report.json \
		'p q:r/c d' refused >out 2>err
	json report.json .totals.connects 1
	json report.json '.processes[0].exe | endswith("/p q:r/c d")' true
	expect_status 0 "$CONNLEAK" report 'o p:q' >text
}

make_sanitized() { # COMPILER OPTION...
	cat >app.c <<-'END'
		#include <libpq-fe.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		int main(int argc, char **argv)
		{
			char *volatile memory = malloc(8);
			PGconn *conn = PQconnectStart("port=abc");
			printf("%s\n", getenv("LD_PRELOAD") ? "set" : "unset");
			PQfinish(conn);
			fflush(stdout);
			system("test -z \"$CONNLEAK_RUNTIME\" && echo none");
			if (argc > 1 && !strcmp(argv[1], "child"))
				system("echo $LD_PRELOAD");
			else if (argc > 1)
				memory[8] = 1;
			free(memory);
			return argv == NULL;
		}
	END
	# shellcheck disable=SC2046
	"$@" -g $(pkg-config --cflags libpq) -o app app.c -lpq
}

test_a_sanitizers_runtime_comes_first() {
	local kind
	for kind in address thread; do
		make_sanitized cc -fsanitize=$kind
		./app >out 2>err || continue # TSan cannot run everywhere
		expect_status 0 leak_run ./app >out 2>err
		expect_equal "$(cat out)" $'set\nnone'
		expect_equal "$(cat err)" "" "standard error"
		json report.json '.totals | [.connects, .finishes]' '[1,1]'
	done
}

test_a_sanitizer_reports_as_without() {
	make_sanitized cc -fsanitize=address
	expect_status 1 leak_run ./app overflow >out 2>err
	expect_line err 'ERROR: AddressSanitizer: heap-buffer-overflow'
	expect_line err '#0 .* main .*app.c:16'
}

test_a_runtime_that_is_preloaded_already_stays_as_it_is() {
	local runtime
	make_sanitized cc -fsanitize=address
	runtime=$(objdump -p app | awk '$2 ~ /^libasan/ { print $2 }')
	# shellcheck disable=SC2016
	LD_PRELOAD=$runtime ASAN_OPTIONS=detect_leaks=0 leak_run --allow all \
		./app child >out 2>err
	expect_equal "$(tail -n 1 out)" "$runtime:$BUILD/libconnleak.so"
}

test_a_program_for_another_word_size_is_left_alone() {
	needs gcc-multilib
	cc -m32 -x c - -o small <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		int main(void) { return puts(getenv("LD_PRELOAD") ? "set" : "unset") < 0; }
	END
	same -- ./small
	expect_equal "$(cat out)" unset
	same -- sh -c './small; ./small'
}

test_a_program_for_another_c_library_is_left_alone() {
	needs musl-tools
	musl-gcc -x c - -o other <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		int main(void) { return puts(getenv("LD_PRELOAD") ? "set" : "unset") < 0; }
	END
	./other >out || skip "musl's loader does not run here"
	same -- ./other
	expect_equal "$(cat out)" unset
	same -- sh -c './other; ./other'
}

# As under a connleak that is installed elsewhere, or is a build of its own.
test_of_two_shims_one_counts() {
	local other=$PWD/other/libconnleak.so
	mkdir other
	cp "$BUILD/libconnleak.so" other/
	LD_PRELOAD=$other expect_status 23 leak_run "$BUILD/samples/leak_in_loop"
	json report.json '.totals | [.connects, .finishes]' '[20,15]'
	# Behind us, what passes on is not taken for what stands before libpq.
	mkdir ahead
	LD_PRELOAD=$BUILD/libconnleak.so:$other CONNLEAK_DIR=$PWD/ahead \
		"$BUILD/samples/leak_in_loop"
	expect_equal "$(find ahead -type f | wc -l)" 1 files
}
