# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Pools that only their authors know: two rules, and they are seen.  All of
# their functions are static.

# shellcheck source=tests/pools.sh
. "$ROOT/tests/pools.sh"

# As they are written: what a compiler inlines is no function.
compile_own() { # NAME [OPTION]...
	compile_pool "$1" -O0 "${@:2}" -lpq
}

rules() { # RULE...
	printf '%s\n' "$@" >rules
	export CONNLEAK_HOOKS=$PWD/rules
}

# Ten are acquired, four never released, and one customer got none.
expect_own() { # FUNCTION NAME POOL CAPACITY FAILED
	expect_totals 10 6 4
	expect_leases "$1" "$2" lost 4
	expect_pools "$3, $4, 4, 0, $5"
	expect_misuse ''
	json report.json .incomplete '[]'
}

test_own_pool_of_pointers() {
	compile_own own.c
	rules 'acquire desk_take handle=return' 'release desk_drop handle=arg2'
	check_pool 0 4 "$program" pointer
	expect_own serve_pointer pointer desk_take null 1/0/0
}

test_own_pool_by_options() {
	compile_own own.c
	use_own_database
	leak_run --fail-on none --hook 'acquire desk_take handle=return' \
		--hook 'release desk_drop handle=arg2' "$program" pointer
	expect_own serve_pointer pointer desk_take null 1/0/0
}

test_own_pool_and_its_capacity() {
	compile_own own.c
	rules 'acquire desk_take handle=return pool=arg1' \
		'release desk_drop handle=arg2 pool=arg1' \
		'capacity desk_limit pool=arg1 value=arg2'
	check_pool 0 4 "$program" pointer
	expect_own serve_pointer pointer desk_take 4 1/0/0
}

test_own_pool_whose_handle_is_where_an_argument_points() {
	compile_own own.c
	rules 'acquire desk_borrow handle=*arg1 pool=arg2 ok=zero' \
		'release desk_drop handle=arg2 pool=arg1'
	check_pool 0 4 "$program" out
	expect_own serve_out out desk_borrow null 0/1/0
}

test_own_pool_of_numbers() {
	compile_own own.c
	rules 'acquire desk_number handle=arg1+return:int pool=arg1 ok=nonnegative' \
		'release desk_put_back handle=arg1+arg2:int pool=arg1'
	check_pool 0 4 "$program" number
	expect_own serve_number number desk_number null 0/1/0
}

# A session is acquired by acquiring a connection: one lease.
test_own_pool_behind_another_counts_once() {
	compile_own own.c
	rules 'acquire session_begin handle=return' \
		'release session_end handle=arg1' \
		'acquire desk_take handle=return' \
		'release desk_drop handle=arg2'
	check_pool 0 4 "$program" session
	expect_own serve_session session session_begin null 1/0/0
}

test_own_pool_behind_another_counts_too_if_asked_to() {
	compile_own own.c
	rules 'acquire session_begin handle=return' \
		'release session_end handle=arg1' \
		'acquire desk_take handle=return nested=count' \
		'release desk_drop handle=arg2 nested=count'
	check_pool 0 4 "$program" session
	expect_totals 20 12 8
	expect_leases serve_session session lost 8
	expect_pools 'desk_take, null, 4, 0, 1/0/0' \
		'session_begin, null, 4, 0, 1/0/0'
}

test_own_pool_that_is_a_class() {
	compile_own own.cc
	rules 'acquire shop::pool::take handle=return pool=arg1' \
		'release "shop::pool::drop" handle=arg2' \
		'capacity shop::pool::pool pool=arg1 value=arg2'
	check_pool 0 4 "$program"
	expect_totals 18 14 4
	expect_leases serve class lost 4
	expect_pools 'shop::pool::take, 4, 4, 2, 0/0/1'
	expect_exhaustion shop::pool::take exception 4
	expect_misuse ''
}

# Once by the library's own rules; with others around them it is no more.
test_own_functions_around_a_known_pool_count_once() {
	needs libzdb-dev
	# shellcheck disable=SC2046
	compile_pool wrapped.c $(pkg-config --cflags --libs zdb)
	check_pool 0 2 "$program"
	expect_totals 6 5 2
	expect_leases db_take inside lost 1
	expect_pools 'ConnectionPool_getConnection, 2, 2, 0, 2/0/0'

	rules 'acquire db_take handle=return' 'release db_drop handle=arg1'
	check_pool 0 2 "$program"
	expect_totals 6 5 2
	expect_leases main wrapped lost 1
	expect_pools 'db_take, null, 2, 0, 0/0/2'
	# That the frames of what a longjmp has left are gone is no loss.
	json report.json '.totals.lost' 0
}

# Loaded twice, to another place or the same, and closed again.
test_own_pool_in_a_library_that_is_opened_later() {
	compile_pool loads.c -ldl
	cp "$program" loads
	compile_own own.c
	# shellcheck disable=SC2046
	cc -g -O0 -shared -fPIC -Dmain=run_main -o own.so "$SOURCE" \
		$(pkg-config --cflags libpq) -lpq -lpthread
	rules 'acquire desk_take@own.so handle=return' \
		'release desk_drop@own.so handle=arg2'
	check_pool 0 8 ./loads ./own.so pointer
	expect_totals 20 12 8
	expect_leases serve_pointer pointer lost 8
	expect_misuse ''
}

rules_of_bare='acquire take handle=return
release drop handle=arg1'

# From stdin: its functions take() and drop() are a pool.
build_bare() {
	{
		cat <<-'BARE'
			#include <libpq-fe.h>
			#include <stdio.h>
			#define APART __attribute__((noinline, noclone))
			static struct { void *word[16]; } shelf[16];
			APART void *take(int n)
			{ __asm__ volatile("" : "+r"(n)); return &shelf[n]; }
			APART void drop(void *handle)
			{ __asm__ volatile("nop; nop; nop; nop" : "+r"(handle)); }
		BARE
		cat
	} >bare.c
	# shellcheck disable=SC2046
	cc -g -O2 $(pkg-config --cflags libpq) -o bare bare.c -lpq -lpthread
}

run_bare() {
	leak_run --fail-on none --hook "$rules_of_bare" ./bare >out
	expect_equal "$(cat out)" fine
}

# What a handle is made of is looked at: by nothing that a filter may forbid.
test_own_pool_of_a_program_that_confines_itself() {
	build_bare <<-'END_OF_C'
		#include <linux/filter.h>
		#include <linux/seccomp.h>
		#include <sys/prctl.h>
		#include <sys/syscall.h>
		static void forbid(unsigned call)
		{
			struct sock_filter filter[] = {
				BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
				BPF_JUMP(BPF_JMP | BPF_JEQ, call, 0, 1),
				BPF_STMT(BPF_RET, SECCOMP_RET_KILL_PROCESS),
				BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW),
			};
			struct sock_fprog program = { 4, filter };
			prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
			prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
		}
		int main(void)
		{
			PGconn *conn = PQconnectStart("port=abc");
			drop(take(0));
			forbid(SYS_openat);
			forbid(SYS_process_vm_readv);
			for (int i = 1; i < 4; i++)
				drop(take(0));
			PQfinish(conn);
			return puts("fine") < 0;
		}
	END_OF_C
	run_bare
	json report.json '.totals | [.acquires, .releases, .lost]' '[4,4,0]'
}

# Of the smallest stack it needs some itself.
test_own_pool_of_a_thread_with_a_small_stack() {
	build_bare <<-'END_OF_C'
		#include <limits.h>
		#include <pthread.h>
		static void *run(void *unused)
		{
			char room[1536];
			__asm__ volatile("" : : "r"(room) : "memory");
			for (int i = 0; i < 16; i++)
				drop(take(i));
			return unused;
		}
		int main(void)
		{
			pthread_attr_t small;
			pthread_t thread;
			PQfinish(PQconnectStart("port=abc"));
			pthread_attr_init(&small);
			pthread_attr_setstacksize(&small, PTHREAD_STACK_MIN);
			if (pthread_create(&thread, &small, run, 0))
				return 1;
			pthread_join(thread, 0);
			return puts("fine") < 0;
		}
	END_OF_C
	run_bare
}

# Its frames are walked across what lies above it, once there and once not.
test_own_pool_of_a_program_that_changes_stacks() {
	build_bare <<-'END_OF_C'
		#include <sys/mman.h>
		#define SIZE 65536
		APART void work(void) { drop(take(0)); __asm__ volatile(""); }
		/* At once on that stack; nothing describes that. */
		APART void work_on(char *top)
		{
			__asm__ volatile("movq %%rsp, %%rbx\n\t"
					 "movq %0, %%rsp\n\t"
					 "call work\n\t"
					 "movq %%rbx, %%rsp"
					 : : "r"(top)
					 : "rbx", "rax", "rcx", "rdx", "rsi",
					   "rdi", "r8", "r9", "r10", "r11",
					   "memory", "cc");
		}
		int main(void)
		{
			char *stack = mmap(0, SIZE + 4096,
					   PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			PQfinish(PQconnectStart("port=abc"));
			for (int i = 0; i < 2; i++)
				work_on(stack + SIZE);
			munmap(stack + SIZE, 4096);
			work_on(stack + SIZE);
			return puts("fine") < 0;
		}
	END_OF_C
	run_bare
}
