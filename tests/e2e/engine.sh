# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The engine of pool rules: which calls it sees, of whatever kind of function,
# and that nobody notices.  What it tells is written down in place of being
# kept (tests/parts/told_leases.c), so handles here are just numbers.

# shellcheck source=tests/judge.sh
. "$ROOT/tests/judge.sh"

PARTS=$ROOT/tests/parts

compile() { # [OPTION]...
	"${CC:-cc}" -D_GNU_SOURCE -g "$@"
}

# Leaves what was told in ./told, and the record in ./records.
tell_run() { # RULES PROGRAM [ARG]...
	local rules=$1
	shift
	rm -rf told records
	mkdir records
	: >told
	TOLD=$PWD/told CONNLEAK_DIR=$PWD/records CONNLEAK_HOOK=$rules \
		LD_PRELOAD=$BUILD/tests/teller.so "$@"
}

expect_told() { # LINE...
	printf '%s\n' "$@" | cmp - told || fail "told was:
$(cat told)"
}

# --- a pool in static functions ------------------------------------------------

home_rules='acquire pool_take handle=return:int pool=arg1
release pool_drop handle=arg1:int pool=arg2'

check_home_pool() { # PROGRAM [ARG]...
	"$@" >without
	tell_run "$home_rules" "$@" >with
	expect_same without with
	expect_told 'try pool_take' 'acquired pool_take 11 of 5' \
		'try pool_take' 'acquired pool_take 12 of 5' \
		'try pool_take' 'nothing pool_take' \
		'releasing pool_drop 11 of 5' \
		'try pool_take' 'exception pool_take' \
		'try pool_take' 'acquired pool_take 11 of 5' \
		'releasing pool_drop 12 of 5'
}

check_home_build() { # [OPTION]...
	compile -o home "$PARTS/home_pool.c" "$@"
	check_home_pool ./home
}

test_a_static_pool() { check_home_build -O0; }
test_an_optimized_static_pool() { check_home_build -O2; }
test_a_much_optimized_static_pool() { check_home_build -O3; }
test_a_small_static_pool() { check_home_build -Os; }

test_a_static_pool_with_landing_places() {
	check_home_build -O2 -fcf-protection=full
}

test_a_static_pool_at_a_fixed_address() {
	check_home_build -O2 -fno-pie -no-pie
}

test_a_static_pool_that_is_profiled() { check_home_build -O2 -pg; }

test_a_static_pool_of_clang() {
	needs clang
	CC=clang check_home_build -O0
	CC=clang check_home_build -O2
}

# --- what came of the rules ----------------------------------------------------

# What the record says; a rule's why is a clause behind a colon.
rules_said() { "$BUILD/tests/rules_said" records/*.rec; }

expect_rules() { # LINE...
	local said
	said=$(rules_said | grep -v 'built in')
	[ "$said" = "$(printf '%s\n' "$@")" ] || fail "the record says:
$said"
}

test_what_came_of_a_rule_is_in_the_record() {
	compile -O2 -o home "$PARTS/home_pool.c"
	tell_run "$home_rules; acquire nowhere handle=return" ./home >with
	expect_rules 'acquire pool_take in home patched 1' \
		'release pool_drop in home patched 1' 'acquire nowhere'
}

test_a_function_that_cannot_be_patched() {
	cat >short.c <<-'END'
		int take(void);
		__asm__(".globl take\n.type take, @function\n"
			"take: dec %edi; jnz take; mov $7, %eax; ret\n"
			".size take, . - take");
		__attribute__((noinline)) static int other(int n)
		{ __asm__ volatile("" ::: "memory"); return n + 1; }
		int main(void) { return take() + other(1) - 9; }
	END
	compile -O2 -o short short.c
	tell_run 'acquire take handle=return; acquire other handle=return:int' \
		./short
	expect_told 'try other' 'acquired other 2 of 0'
	expect_rules 'acquire take in short: it jumps back to its beginning;'\
' its calls are not seen' 'acquire other in short patched 1'
}

# The compiler knows what one of its arguments always is.
make_copied() {
	cat >copied.c <<-'END'
		static int out;
		static __attribute__((noinline)) int take(int *pool, int how)
		{ __asm__ volatile("" : "+r"(how)); return how + ++*pool; }
		static __attribute__((noinline)) void drop(int handle, int how)
		{ __asm__ volatile("" : "+r"(handle), "+r"(how)); }
		int main(int argc, char **argv)
		{
			int handle = take(&out, argc) + take(&out, argc + 9);
			drop(handle, 3);
			drop(handle + (argv[0] != 0), 3);
			return 0;
		}
	END
	compile -O2 -o copied copied.c
	nm copied | grep -q take.constprop || fail "there is no copy of take"
	nm copied | grep -q drop.constprop || fail "there is no copy of drop"
}

test_a_copy_for_constant_arguments_stands_for_the_function() {
	make_copied
	tell_run 'acquire take handle=return:int; release drop handle=arg1:int' \
		./copied
	expect_told 'try take' 'acquired take 2 of 0' \
		'try take' 'acquired take 12 of 0' \
		'releasing drop 14 of 0' 'releasing drop 15 of 0'
}

test_a_copy_whose_arguments_may_have_moved_is_noted() {
	make_copied
	tell_run 'acquire take handle=return:int pool=arg1
		release drop handle=arg1:int' ./copied
	expect_line told 'releasing drop 14 of 0'
	! grep try told || fail "a copy was hooked"
	tell_run 'acquire take handle=arg2:int; acquire main handle=arg1:int' \
		./copied
	expect_line told 'acquired main 1 of 0'
	rules_said | grep -q 'take in copied: the compiler has made a copy of it;'
}

# That a library is loaded proves nothing.
test_a_library_with_a_known_pool_makes_no_record() {
	needs libaprutil1-dev
	echo 'int main(void) { return 0; }' >main.c
	compile -o idle main.c -Wl,--no-as-needed -laprutil-1
	ldd idle | grep -q libaprutil || fail "libaprutil is not loaded"
	tell_run '' ./idle
	! ls records/*.rec 2>/dev/null || fail "there is a record"
}

test_what_came_of_a_built_in_rule_is_in_the_record() {
	make_zdb_work
	tell_run '' ./zdb_work >with
	rules_said >said
	expect_line said \
		'^acquire ConnectionPool_getConnection in libzdb.so.11.* patched 1 built in$'
	! grep apr_ said || fail "a rule is there that has matched nothing"
}

test_a_known_pool() {
	make_zdb_work
	./zdb_work >without
	tell_run '' ./zdb_work >with
	expect_same without with
	sed -i 's/[0-9]\{4,\}/N/g' told
	expect_told 'capacity 2 of N' 'try ConnectionPool_getConnection' \
		'acquired ConnectionPool_getConnection N of N' \
		'try ConnectionPool_getConnection' \
		'acquired ConnectionPool_getConnection N of N' \
		'try ConnectionPool_getConnection' \
		'nothing ConnectionPool_getConnection' \
		'releasing Connection_close N of 0' \
		'releasing Connection_close N of 0'
}

# --- words of a rule -------------------------------------------------------------

test_handles_of_all_kinds() {
	cat >kinds.c <<-'END'
		#include <stdbool.h>
		#include <stdint.h>
		#define APART __attribute__((noipa))
		#define DO __asm__ volatile("" ::: "memory")
		APART void limit(void *pool, int n) { DO; }
		APART int by_status(void *pool, long *out)
		{ DO; *out = 21; return pool ? 0 : 5; }
		APART bool by_bool(void *pool, long *out, int how)
		{ DO; if (how) *out = 22; return how; }
		APART long by_pair(void *pool, long n) { DO; return n; }
		APART int by_number(int n) { DO; return n; }
		APART int eighth(int a, int b, int c, int d, int e, int f,
				 int g, long h) { DO; return a - a; }
		APART void drop(void **which) { DO; *which = 0; }
		APART void drop_at(void *pool, uintptr_t n) { DO; }
		APART int last(void) { DO; return 0; } /* of the code */
		int main(void)
		{
			long handle = 0;
			void *pool = (void *)4, *held = (void *)21;

			by_status(pool, &handle);
			by_status(0, &handle);
			by_bool(pool, &handle, 1);
			by_bool(pool, &handle, 0);
			by_pair(pool, 0);
			by_number(0);
			by_number(-1);
			eighth(1, 2, 3, 4, 5, 6, 7, 88);
			limit(pool, 9);
			limit(pool, -1);
			drop(&held);
			drop_at(pool, 7);
			return 0;
		}
	END
	compile -O2 -o kinds kinds.c
	tell_run 'acquire by_status handle=*arg2 pool=arg1 ok=zero
acquire by_bool handle=*arg2 pool=arg1 ok=true
acquire by_pair handle=arg1+return pool=arg1
acquire by_number handle=return:int ok=nonnegative
acquire eighth handle=arg8 ok=any
capacity limit pool=arg1 value=arg2
release drop handle=*arg1
release drop_at handle=arg1+arg2' ./kinds
	expect_told 'try by_status' 'acquired by_status 21 of 4' \
		'try by_status' 'error by_status' \
		'try by_bool' 'acquired by_bool 22 of 4' \
		'try by_bool' 'error by_bool' \
		'try by_pair' 'acquired by_pair 4000 of 4' \
		'try by_number' 'acquired by_number 0 of 0' \
		'try by_number' 'error by_number' \
		'try eighth' 'acquired eighth 88 of 0' \
		'capacity 9 of 4' 'releasing drop 21 of 0' \
		'releasing drop_at 4007 of 0'
}

# A rule that is mistaken points to nothing.
test_a_pointer_that_is_none_is_not_followed() {
	cat >none.c <<-'END'
		#define APART __attribute__((noinline, noclone))
		APART int take(long where)
		{ __asm__ volatile("" : "+r"(where)); return where == 0; }
		int main(void)
		{ return take(0) + take(64) + take(-1) + take(1L << 47) - 1; }
	END
	compile -O2 -o none none.c
	tell_run 'acquire take handle=*arg1 pool=*arg1 ok=any' ./none
	expect_equal "$(sort told | uniq -c | sort | tr -s ' \n' ' ')" \
		' 4 nothing take 4 try take '
}

# A function near the top of a stack that the program has made itself.
test_what_lies_above_a_stack_may_go_away() {
	cat >above.c <<-'END'
		#include <sys/mman.h>
		#include <ucontext.h>
		#define APART __attribute__((noinline, noclone))
		#define SIZE 65536
		static ucontext_t home, other;
		APART int take(int n)
		{ __asm__ volatile("" : "+r"(n)); return n; }
		static void work(void)
		{ take(7); __asm__ volatile(""); }
		static void work_on(void *stack)
		{
			getcontext(&other);
			other.uc_stack.ss_sp = stack;
			other.uc_stack.ss_size = SIZE;
			other.uc_link = &home;
			makecontext(&other, work, 0);
			swapcontext(&home, &other);
		}
		int main(void)
		{
			char *stack = mmap(0, SIZE + 4096,
					   PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			work_on(stack);
			munmap(stack + SIZE, 4096);
			work_on(stack);
			return 0;
		}
	END
	compile -O2 -o above above.c
	tell_run 'acquire take handle=return:int' ./above
	expect_equal "$(grep -c 'acquired take 7' told)" 2 acquires
}

make_wrapped() {
	cat >wrapped.c <<-'END'
		#define APART __attribute__((noinline, noclone))
		APART int inner(int n)
		{ __asm__ volatile("" : "+r"(n)); return n + 1; }
		APART int outer(int n)
		{ n = inner(n); __asm__ volatile("" : "+r"(n)); return n + 10; }
		APART void drop(int n) { __asm__ volatile("" : "+r"(n)); }
		APART void drop_all(int n)
		{ drop(n); __asm__ volatile("" : "+r"(n)); drop(n + 1); }
		int main(void)
		{ outer(1); inner(5); drop_all(12); drop(6); return 0; }
	END
	compile -O2 -o wrapped wrapped.c
}

test_a_wrapper_and_its_pool_are_counted_once() {
	make_wrapped
	tell_run 'acquire outer handle=return:int
acquire inner handle=return:int; release drop handle=arg1:int
release drop_all handle=arg1:int' ./wrapped
	expect_told 'try outer' 'acquired outer 12 of 0' \
		'try inner' 'acquired inner 6 of 0' \
		'releasing drop_all 12 of 0' 'releasing drop 6 of 0'
}

test_nested_calls_count_if_a_rule_says_so() {
	make_wrapped
	tell_run 'acquire outer handle=return:int
acquire inner handle=return:int nested=count
release drop handle=arg1:int nested=count
release drop_all handle=arg1:int' ./wrapped
	expect_told 'try outer' 'try inner' 'acquired inner 2 of 0' \
		'acquired outer 12 of 0' \
		'try inner' 'acquired inner 6 of 0' \
		'releasing drop_all 12 of 0' 'releasing drop 12 of 0' \
		'releasing drop 13 of 0' 'releasing drop 6 of 0'
}

# Nothing tells when; but what the program does next is not inside of it.
test_a_call_that_a_longjmp_has_left_is_over_when_libpq_is_called() {
	cat >jump.c <<-'END'
		#include <fcntl.h>
		#include <libpq-fe.h>
		#include <setjmp.h>
		#include <stdlib.h>
		#include <unistd.h>
		static jmp_buf back;
		__attribute__((noipa)) int take(void) { longjmp(back, 1); }
		int main(void)
		{
			PGconn *conn;
			if (!setjmp(back))
				take();
			conn = PQconnectdb("");
			if (write(open(getenv("TOLD"), O_WRONLY | O_APPEND),
				  "connected\n", 10) != 10)
				return 1;
			PQfinish(conn);
			return 0;
		}
	END
	# shellcheck disable=SC2046
	compile -O2 $(pkg-config --cflags libpq) -o jump jump.c -lpq
	tell_run 'acquire take handle=return' ./jump
	expect_told 'try take' 'exception take' 'connected'
}

# --- C++ -----------------------------------------------------------------------

make_shop() {
	cat >shop.cc <<-'END'
		#include <cstdio>
		#include <stdexcept>
		#include <string>
		#define APART __attribute__((noinline, noclone))
		namespace shop {
		struct pool {
			int left, out = 0;
			explicit pool(int n) : left(n) { }
			APART int take();
			APART int take(const std::string &name);
			APART void drop(int handle);
		};
		int pool::take()
		{
			if (out == left)
				throw std::runtime_error("empty");
			__asm__ volatile("" ::: "memory");
			return ++out;
		}
		int pool::take(const std::string &name)
		{ return (int)name.size() + take(); }
		void pool::drop(int handle)
		{ __asm__ volatile("" : "+r"(handle)); out--; }
		}
		int main()
		{
			shop::pool two(2);
			try {
				std::printf("%d\n", two.take());
				std::printf("%d\n", two.take("four"));
				std::printf("%d\n", two.take());
			} catch (const std::exception &e) {
				std::printf("%s\n", e.what());
			}
			two.drop(1);
			std::printf("%d\n", two.take());
		}
	END
	c++ -g "$@" -o shop shop.cc
}

check_shop() { # [OPTION]...
	make_shop "$@"
	./shop >without
	tell_run 'acquire shop::pool::take handle=return:int
		release shop::pool::drop handle=arg2:int' ./shop >with
	expect_same without with
	expect_told 'try shop::pool::take' 'acquired shop::pool::take 1 of 0' \
		'try shop::pool::take' 'acquired shop::pool::take 6 of 0' \
		'try shop::pool::take' 'exception shop::pool::take' \
		'releasing shop::pool::drop 1 of 0' \
		'try shop::pool::take' 'acquired shop::pool::take 2 of 0'
}

test_a_method_and_all_its_overloads() { check_shop -O0; }
test_an_optimized_method() { check_shop -O2 -fcf-protection=full; }

# Its unwinder cannot be asked: the exception is known at the next call.
test_a_method_of_a_program_with_an_unwinder_of_its_own() {
	check_shop -O2 -static-libgcc -static-libstdc++
}

# --- what is loaded later ---------------------------------------------------------

# plugin.so exports use_pool(); its pool is static, or what SOURCE has.
make_plugin() {
	compile -O2 -shared -fPIC -DLIBRARY -o plugin.so "$PARTS/home_pool.c"
}

make_opener() {
	cat >opener.c <<-'END'
		#include <dlfcn.h>
		#include <stdlib.h>
		/* TIMES FLAGS: opens it, uses it, closes it. */
		int main(int argc, char **argv)
		{
			for (int i = atoi(argv[1]); i > 0; i--) {
				void *plugin = dlopen("./plugin.so",
						RTLD_NOW | atoi(argv[2]));
				int (*use)(void) = (int (*)(void))
					dlsym(plugin, "use_pool");
				if (use() || dlclose(plugin))
					return argc;
			}
			return 0;
		}
	END
	compile -o opener opener.c
}

check_opened() { # FLAGS
	make_plugin
	make_opener
	check_home_pool ./opener 1 "$1"
}

test_a_pool_in_a_library_that_is_opened_later() { check_opened 0; }
test_a_pool_in_a_library_that_sees_itself_first() { check_opened 8; }

test_a_pool_in_a_library_that_a_library_opens() {
	make_plugin
	mkdir lib
	mv plugin.so lib/
	cat >middle.c <<-'END'
		#include <dlfcn.h>
		int use_it(void)
		{
			void *plugin = dlopen("plugin.so", RTLD_NOW);
			return ((int (*)(void))dlsym(plugin, "use_pool"))();
		}
	END
	compile -shared -fPIC -o libmiddle.so middle.c -Wl,-rpath,"$PWD/lib"
	echo 'int use_it(void); int main(void) { return use_it(); }' >main.c
	compile -o program main.c -L. -lmiddle -Wl,-rpath,"$PWD"
	check_home_pool ./program
}

test_a_library_that_is_unloaded_and_loaded_again() {
	make_plugin
	make_opener
	./opener 30 0 >without
	tell_run "$home_rules" ./opener 30 0 >with
	expect_same without with
	expect_equal "$(grep -c 'releasing pool_drop 12' told)" 30 releases
	expect_equal "$(grep -c 'acquired' told)" 90 acquires
}

# A probe of the kernel's lies over the beginning while a library is opened.
test_a_breakpoint_is_not_taken_for_an_unloaded_library() {
	cat >probed.c <<-'END'
		#include <dlfcn.h>
		#include <stdint.h>
		#include <sys/mman.h>
		#define APART __attribute__((noinline, noclone))
		APART int take(int n)
		{ __asm__ volatile("nop; nop" : "+r"(n)); return n; }
		static void put(void *at, unsigned char byte)
		{
			void *page = (void *)((uintptr_t)at & ~4095ul);
			mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC);
			*(unsigned char *)at = byte;
			mprotect(page, 8192, PROT_READ | PROT_EXEC);
		}
		int main(void)
		{
			const unsigned char *code = (void *)take;
			const unsigned char first = *code;
			put(take, 0xcc);
			if (!dlopen("./other.so", RTLD_NOW))
				return 1;
			put(take, first);
			return take(7) - 7;
		}
	END
	echo 'int other;' >other.c
	compile -shared -fPIC -o other.so other.c
	compile -O2 -fcf-protection=none -o probed probed.c
	tell_run 'acquire take handle=return:int' ./probed
	expect_told 'try take' 'acquired take 7 of 0'
}

# 1300 functions in turn, with 1024 stubs for them.
test_stubs_are_taken_back_from_what_was_unloaded() {
	{
		echo '#define APART __attribute__((noinline, noclone))'
		for ((i = 0; i < 130; i++)); do
			echo "APART int take_$i(int n)" \
				'{ __asm__ volatile("" : "+r"(n)); return n; }'
		done
		echo 'int use_pool(void) { return take_129(7) - 7; }'
	} >many.c
	compile -O2 -shared -fPIC -o plugin.so many.c
	make_opener
	tell_run "$(for ((i = 0; i < 130; i++)); do
		echo "acquire take_$i@plugin.so handle=return:int"
	done)" ./opener 10 0
	expect_equal "$(grep -c 'acquired take_129 7' told)" 10 acquires
}

test_a_library_that_is_opened_while_threads_run() {
	cat >threads.c <<-'END'
		#include <dlfcn.h>
		#include <pthread.h>
		static volatile int over;
		static void *run(void *unused)
		{ while (!over) ; return unused; }
		int main(void)
		{
			pthread_t threads[3];
			int result;
			for (int i = 0; i < 3; i++)
				pthread_create(&threads[i], 0, run, 0);
			result = ((int (*)(void))dlsym(dlopen("./plugin.so",
				RTLD_NOW), "use_pool"))();
			over = 1;
			for (int i = 0; i < 3; i++)
				pthread_join(threads[i], 0);
			return result;
		}
	END
	make_plugin
	compile -O1 -o threads threads.c -lpthread
	check_home_pool ./threads
}

# --- where code cannot be changed --------------------------------------------------

# A pool that a program calls by name; inside, it calls itself directly.
make_exported() { # [OPTION]...
	cat >exported.c <<-'END'
		#define APART __attribute__((noinline, noclone))
		APART int take(int n)
		{ __asm__ volatile("" : "+r"(n)); return n; }
		APART void drop(int n) { __asm__ volatile("" : "+r"(n)); }
		static APART int inside(int n)
		{ __asm__ volatile("" : "+r"(n)); return n; }
		int twice(int n) { return take(n) + take(inside(n + 1)); }
	END
	cat >caller.c <<-'END'
		int take(int n), twice(int n);
		void drop(int n);
		int (*volatile by_pointer)(int) = take;
		int main(void)
		{
			int n = take(1) + twice(2) + by_pointer(4);
			drop(n);
			return n != 10;
		}
	END
	compile -O2 -shared -fPIC -Wl,-Bsymbolic -o libexported.so exported.c
	compile -O2 "$@" -o caller caller.c -L. -lexported -Wl,-rpath,"$PWD"
}

exported_rules='acquire take handle=return:int
release drop handle=arg1:int'
by_tables='only calls through the tables of the loader are seen'

check_tables() { # WHY COMMAND [ARG]...
	local why=$1
	shift
	"$@"
	tell_run "$exported_rules" "$@"
	expect_told 'try take' 'acquired take 1 of 0' \
		'try take' 'acquired take 4 of 0' 'releasing drop 10 of 0'
	rules_said >said
	expect_line said "^acquire take in libexported.so slots 2: $why; $by_tables\$"
	expect_line said "^release drop in libexported.so slots 1: $why; $by_tables\$"
}

test_where_code_can_be_changed_every_call_is_seen() {
	make_exported -fPIE -pie
	tell_run "$exported_rules" ./caller
	expect_told 'try take' 'acquired take 1 of 0' \
		'try take' 'acquired take 2 of 0' \
		'try take' 'acquired take 3 of 0' \
		'try take' 'acquired take 4 of 0' 'releasing drop 10 of 0'
}

test_a_system_that_lets_no_code_be_changed() {
	make_exported -fPIE -pie
	compile -o deny "$PARTS/deny_exec.c"
	check_tables 'the system lets no memory be made executable' \
		./deny ./caller
	make_exported -fPIE -pie -Wl,-z,lazy
	check_tables 'the system lets no memory be made executable' \
		./deny ./caller
}

# A file of its name that is none comes first.
test_a_machine_without_a_decoder() {
	make_exported -fPIE -pie
	mkdir none
	echo none >none/libZydis.so.4.0
	LD_LIBRARY_PATH=none check_tables 'libZydis is not installed' ./caller
}

test_a_static_pool_where_code_cannot_be_changed_is_said_to_be_unseen() {
	make_exported -fPIE -pie
	compile -o deny "$PARTS/deny_exec.c"
	tell_run "$exported_rules; acquire inside handle=return:int" \
		./deny ./caller
	! grep inside told || fail "it was hooked"
	rules_said >said
	expect_line said '^acquire inside in libexported.so: the system lets no memory be made executable; its calls are not seen$'
}

test_functions_of_the_c_library_are_left_alone() {
	compile -O2 -o home "$PARTS/home_pool.c"
	tell_run "$home_rules; acquire malloc handle=return
		acquire pthread_setcancelstate handle=return" ./home >with
	expect_equal "$(grep -c malloc told)" 0
	rules_said >said
	expect_line said '^acquire malloc in libc.so.6: it is a function of the C library; its calls are not seen'
}

# --- by rules at once ----------------------------------------------------------------

rules_for() { # LIBRARY GLOB
	nm -D --defined-only "$1" | awk -v glob="$2" '$2 == "T" {
		print "acquire " $3 "@" glob " handle=return ok=any nested=count" }'
}

test_rules_on_every_function_of_libzdb() {
	make_zdb_work
	rules_for "$(library_of zdb)" 'libzdb.so*' >rules
	./zdb_work >without
	tell_run "$(cat rules)" ./zdb_work >with
	expect_same without with
	expect_equal "$(rules_said | grep -c 'in libzdb.so.* patched 1$')" \
		"$(wc -l <rules)" 'patched functions'
	expect_line told '^exception Connection_execute'
}

# Those that connleak does not watch itself.
test_rules_on_every_other_function_of_libpq() {
	local psql
	psql=$(server_program psql)
	make_work
	sed -nE 's/^[A-Z_]+\( *([A-Za-z0-9_]+)[,)].*/\1/p' \
		"$ROOT/preload/hooks.def" | sort >hooked
	rules_for "$(library_of pq)" 'libpq.so*' |
		awk 'NR == FNR { hooked[$1]; next }
			{ split($2, name, "@") } !(name[1] in hooked)' \
			hooked - >rules
	[ "$(wc -l <rules)" -gt 90 ] || fail "there are few others"
	"$psql" -X -a -f work.sql >without 2>&1
	tell_run "$(cat rules)" "$psql" -X -a -f work.sql >with 2>&1
	expect_same without with
	expect_equal "$(rules_said | grep -c 'in libpq.so.* patched 1$')" \
		"$(wc -l <rules)" 'patched functions'
}

# --- every function of a library ------------------------------------------------

# A preload with a stub around each function that a library exports.
make_patch_all() { # LIBRARY
	local objects=(patch patch_x86_64 decoder_x86_64 stubs_x86_64
		stubs_table_x86_64 vectors_x86_64 vectors_size_x86_64 readable
		threads scan/proc linked elf lock guard scope)
	nm -D --defined-only "$1" |
		awk '$2 == "T" { print "{ .name = \"" $3 "\" }," }' >names.h
	objects=("${objects[@]/#/$BUILD/preload/}")
	compile -O2 -shared -fPIC -I"$ROOT" -I. -DLIBRARY="\"$1\"" \
		-o all.so "$PARTS/patch_all.c" "${objects[@]/%/.o}"
}

library_of() { # NAME
	realpath "$(cc -print-file-name="lib$1.so")"
}

with_all() { # COMMAND [ARG]...
	rm -f patched
	PATCHED=$PWD/patched LD_PRELOAD=$PWD/all.so "$@"
	[ -e patched ] || fail "nothing was patched in: $*"
}

make_work() {
	cat >work.sql <<-'END'
		CREATE TEMP TABLE t AS
			SELECT i, repeat(i::text, 50) AS s, i / 7.0 AS f
			FROM generate_series(1, 2000) i;
		SELECT * FROM t WHERE i % 20 = 0 ORDER BY i;
		\copy t to 'rows'
		\copy t from 'rows'
		SELECT count(*), sum(f), max(s) FROM t;
		\set FETCH_COUNT 100
		SELECT i FROM t ORDER BY i;
		SELECT nothing;
		DO $$ BEGIN RAISE NOTICE 'heard'; END $$;
		SELECT 1 AS one, 'two' AS two \gdesc
		SELECT 'SELECT ' || i FROM generate_series(1, 5) i \gexec
		\d pg_class
		\encoding LATIN1
		\encoding
		\password
		\c
		SELECT 'again';
	END
}

test_psql_with_every_function_of_libpq_patched() {
	local psql
	make_patch_all "$(library_of pq)"
	make_work
	psql=$(server_program psql)
	"$psql" -X -a -f work.sql >without 2>&1
	with_all "$psql" -X -a -f work.sql >with 2>&1
	expect_same without with
	[ "$(wc -l <with)" -gt 2000 ] || fail "psql said too little"
}

test_pg_dump_with_every_function_of_libpq_patched() {
	local dump
	make_patch_all "$(library_of pq)"
	dump=$(server_program pg_dump)
	use_own_database
	make_work
	sed 's/TEMP TABLE/TABLE/' work.sql | "$(server_program psql)" -X >out 2>&1
	"$dump" >without
	with_all "$dump" >with
	sed -i '/restrict/d' without with # it has a random word in it
	expect_same without with
	[ "$(wc -l <with)" -gt 2000 ] || fail "pg_dump said too little"
}

make_zdb_work() {
	needs libzdb-dev
	# shellcheck disable=SC2046
	compile -O2 -o zdb_work "$PARTS/zdb_work.c" \
		$(pkg-config --cflags --libs zdb)
}

test_a_program_with_every_function_of_libzdb_patched() {
	make_zdb_work
	make_patch_all "$(library_of zdb)"
	[ "$(wc -l <names.h)" -ge 248 ] || fail "libzdb has few functions"
	./zdb_work >without
	with_all ./zdb_work >with
	expect_same without with
	expect_line with '^caught: '
	[ "$(wc -l <with)" -gt 20 ] || fail "it said too little"
}
