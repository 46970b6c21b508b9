# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What programs do, and a library that rides along must survive: no hang, no
# crash, nothing silently green.

hard() { # WAY [STATUS]
	expect_status "${2:-0}" leak_run --fail-on none \
		"$BUILD/tests/programs/hard" "$1" >out 2>err
}

test_a_fork_while_threads_are_inside_libpq() {
	hard fork
	expect_equal "$(cat out)" "0 bad"
	json report.json '.totals | [.connects, .finishes]' '[302,300]'
}

# dlsym looks at the loader's list, whose lock no fork cares for.
test_a_fork_while_threads_look_up_names() {
	hard fork_names
	expect_equal "$(cat out)" "0 bad"
	json report.json '.totals | [.connects, .finishes]' '[300,300]'
}

test_the_first_calls_of_a_child_come_from_many_threads() {
	hard fork_threads
	expect_equal "$(cat out)" "0 bad"
	json report.json '.totals | [.connects, .finishes, .lost]' '[800,800,0]'
}

test_a_jump_out_of_a_signal_handler_leaves_nothing_locked() {
	hard jump
	expect_equal "$(cat out)" "not stuck"
}

test_a_child_without_a_descriptor_for_its_record_is_lost_and_not_clean() {
	hard no_descriptor 24
	expect_equal "$(cat out)" "0 bad"
	json report.json '.incomplete | map(.reason) | join(" ")' lost
	json report.json '.incomplete[0].text | test("1 children.s records")' true
}

build() { # NAME.so or NAME, from stdin
	case $1 in
	*.so) set -- "$@" -shared -fPIC ;;
	esac
	# shellcheck disable=SC2046
	cc -x c - $(pkg-config --cflags libpq) -o "$@" -lpq
}

# A library is initialised before the shim: it comes first, and is not alone.
make_early() { # BODY of its constructor
	build libearly.so <<-END
		#include <libpq-fe.h>
		#include <pthread.h>
		static void touch(void) { PQfinish(PQconnectStart("port=abc")); }
		static inline void *run(void *a) { touch(); return a; }
		__attribute__((constructor)) static void start(void) { $1 }
		int early;
	END
	build app -L. -learly -Wl,-rpath,"$PWD" <<-END
		#include <stdio.h>
		#include <sys/wait.h>
		#include <unistd.h>
		extern int early;
		int main(void)
		{
			int status;
			early = 1;
			usleep(50000);
			alarm(20);
			if (fork() == 0)
				_exit(0);
			wait(&status);
			return puts("forked") < 0 || status;
		}
	END
}

test_a_thread_that_connects_before_our_constructor() {
	local i
	make_early 'pthread_t t; pthread_create(&t, 0, run, 0); touch();'
	for ((i = 0; i < 10; i++)); do
		# Its stacks are lost: the unwinder is opened later.
		expect_status 0 leak_run --allow lost ./app >out
		expect_equal "$(cat out)" forked
		expect_equal "$(grep -c ^image run/run.log)" 1 "images"
		json report.json '.totals | [.connects, .finishes]' '[2,2]'
	done
}

test_a_fork_handler_that_connects() {
	make_early 'pthread_atfork(touch, touch, touch);'
	expect_status 0 leak_run ./app >out
	expect_equal "$(cat out)" forked
	json report.json '.totals | [.connects, .finishes]' '[3,3]'
}

test_a_libpq_that_is_loaded_again_and_again() {
	build plugin.so <<-END
		#include <libpq-fe.h>
		int go(void);
		int go(void)
		{
			PGconn *conn = PQconnectStart("port=abc");
			PQfinish(conn);
			return conn != 0;
		}
	END
	cc -x c - -o app <<-END
		#include <dlfcn.h>
		#include <stdio.h>
		#include <sys/mman.h>
		int main(void)
		{
			for (int i = 1; i <= 50; i++) {
				void *plugin = dlopen("./plugin.so", RTLD_NOW);
				int (*go)(void) = (int (*)(void))dlsym(plugin, "go");
				printf("%d", go());
				dlclose(plugin);
				/* Takes its place: it comes back elsewhere. */
				mmap(0, i << 20, PROT_READ,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			}
		}
	END
	./app >without
	expect_status 0 leak_run ./app >with
	cmp without with
	json report.json '.totals | [.connects, .finishes]' '[50,50]'
}

test_a_warning_into_a_closed_pipe_ends_nothing() {
	local status=0
	LD_PRELOAD=$BUILD/libconnleak.so CONNLEAK_DIR=$PWD/nowhere bash -c '
		trap - PIPE
		sleep 0.3 # until the reader is gone
		"$1" refused' bash "$BUILD/tests/programs/calls" \
		>out 2> >(true) || status=$?
	expect_equal "$status" 0
	expect_equal "$(cat out)" "refused done"
}

test_no_warning_goes_where_standard_error_was() {
	# A program whose descriptor 2 has become something else.
	build app <<-END
		#include <fcntl.h>
		#include <libpq-fe.h>
		#include <sys/wait.h>
		#include <unistd.h>
		int main(void)
		{
			int file = open("letter", O_RDWR | O_CREAT, 0600);
			dup2(file, 2);
			if (fork() == 0) {
				PQfinish(PQconnectStart("port=abc"));
				_exit(0);
			}
			wait(NULL);
			return 0;
		}
	END
	LD_PRELOAD=$BUILD/libconnleak.so CONNLEAK_DIR=$PWD/nowhere ./app 2>err
	expect_equal "$(cat letter)" "" "what is in the file"
	expect_equal "$(wc -l <err)" 1 "lines of the warning"
}

test_without_room_for_any_file_the_program_runs() {
	(
		ulimit -f 0
		expect_status 24 "$CONNLEAK" run -o run \
			"$BUILD/tests/programs/calls" refused
	) 2>&1 | cat >out
	expect_line out '^refused done'
}

test_a_launcher_that_waits_for_ever_can_be_ended() {
	"$CONNLEAK" run --wait forever --quiet -o run \
		"$BUILD/tests/programs/ends" stay &
	local launcher=$! status=0
	wait_until grep -q ' exit 0$' run/run.log
	kill -TERM $launcher
	wait $launcher || status=$?
	expect_equal $status 23
	pkill -f "$BUILD/tests/programs/ends stay"
}
