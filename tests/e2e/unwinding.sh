# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The unwinder that rides along is nobody's but connleak's: the program keeps
# its own, for its exceptions and for its backtraces, and its descriptors.

# shellcheck source=tests/parts.sh
. "$ROOT/tests/parts.sh"

test_no_pipe_is_ever_opened() {
	make_host -O1
	make_plugin late -lpq
	leak_run strace -f -qq -o trace -e trace=pipe,pipe2,socketpair \
		"$BUILD/tests/programs/calls" refused >out
	expect_equal "$(cat trace)" "" "pipes of a program with libpq"
	leak_run strace -f -qq -o trace -e trace=pipe,pipe2,socketpair \
		./host load:p:./late.so do:p:open do:p:close >out
	expect_equal "$(cat trace)" "" "pipes of a program that loads one"
	json report.json '.totals | [.connects, .lost]' '[1,0]'
}

# A program that unwinds by the library that connleak uses.  It looks whether
# an address can be read by sending what is there through a pipe, and it must
# not be one of the program's files.
make_unwinding_program() {
	compile -O0 -o app -x c - -lpq -x none <<-'END'
		#include <dlfcn.h>
		#include <fcntl.h>
		#include <libpq-fe.h>
		#include <stdio.h>
		#include <sys/mman.h>
		#include <ucontext.h>
		#include <unistd.h>
		#define FIND(name) *(void **)&name = dlsym(library, "_Ux86_64_" #name)
		static int (*init_local)(void *, void *), (*step)(void *);
		static long (*get_reg)(void *, int, unsigned long *);
		static char cursor[127 * 8];
		static int here(void)
		{
			/* A frame pointer that leads to a page nobody may read. */
			char *page = mmap(0, 8192, PROT_NONE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			ucontext_t context;
			int frames = 0;
			getcontext(&context);
			if (init_local(cursor, &context))
				return -1;
			while (step(cursor) > 0)
				frames++;
			context.uc_mcontext.gregs[REG_RSP] = (long)page + 64;
			context.uc_mcontext.gregs[REG_RBP] = (long)page + 64;
			if (!init_local(cursor, &context))
				while (step(cursor) > 0)
					frames += 100;
			return frames;
		}
		static int deeper(int n) { return n ? deeper(n - 1) + 0 : here(); }
		int main(void)
		{
			char name[] = "file.0";
			void *library;
			int fds[8];
			PQfinish(PQconnectStart("port=abc"));
			for (int i = 0; i < 8; i++) {
				name[5] = '0' + i;
				fds[i] = open(name, O_RDWR | O_CREAT, 0600);
				pwrite(fds[i], "HELLO", 5, 0);
			}
			library = dlopen("libunwind-x86_64.so.8", RTLD_NOW);
			FIND(init_local);
			FIND(step);
			printf("%d frames\n", deeper(20));
			for (int i = 0; i < 8; i++)
				printf("%d: at %ld\n", i,
				       (long)lseek(fds[i], 0, SEEK_CUR));
			return 0;
		}
	END
}

test_a_program_that_unwinds_by_the_same_library_keeps_its_files() {
	make_unwinding_program
	as_without 0 ./app
	expect_line without '^[0-9]{2,} frames'
	expect_line without '^7: at 0$'
	counts 1 1
}

# A C program: what throws comes in with its library, behind the shim.
make_throwing_program() {
	g++ -shared -fPIC -O1 -o libthrows.so -x c++ - <<-'END'
		#include <stdexcept>
		static int deeper(int n)
		{
			if (!n)
				throw std::runtime_error("thrown");
			return deeper(n - 1) + 1;
		}
		extern "C" int throws(int deep)
		{
			try {
				return deeper(deep);
			} catch (const std::exception &) {
				return -1;
			}
		}
	END
	compile -o app -x c - -x none -L. -lthrows -lpq -Wl,-rpath,"$PWD" <<-'END'
		#include <dlfcn.h>
		#include <libpq-fe.h>
		#include <stdio.h>
		int throws(int deep);
		int main(void)
		{
			void *raise = dlsym(RTLD_DEFAULT, "_Unwind_RaiseException");
			Dl_info where;
			printf("caught %d\n", throws(20));
			PQfinish(PQconnectStart("port=abc"));
			printf("caught %d\n", throws(20));
			if (dladdr(raise, &where))
				printf("raised by %s\n", where.dli_fname);
			return 0;
		}
	END
}

# What each object's symbols are bound to: "OBJECT SYMBOL TARGET".  Ours is of
# no interest, nor is what it opens for itself.
bindings() { # PRELOAD COMMAND [ARG]...
	rm -f bindings.*
	LD_PRELOAD=$1 CONNLEAK_DIR=$PWD LD_DEBUG=bindings \
		LD_DEBUG_OUTPUT=$PWD/bindings "${@:2}" >out 2>err
	sed -nE "s/.*binding file ([^ ]+) \[0\] to ([^ ]+) \[0\]: normal symbol \`([^']+)'.*/\1 \3 \2/p" \
		bindings.* | grep -vE '^[^ ]*/lib(connleak|unwind[^ ]*|lzma)\.so' |
		sort -u
}

test_exceptions_are_raised_by_the_same_library() {
	local raise='_Unwind_RaiseException .*/libgcc_s'
	make_throwing_program
	as_without 0 ./app
	expect_line without '^raised by .*/libgcc_s'
	bindings '' ./app | grep ' _Unwind_' >bound.without
	bindings "$BUILD/libconnleak.so" ./app | grep ' _Unwind_' >bound.with
	expect_line bound.without "$raise"
	cmp bound.without bound.with
}

# Those that connleak stands in front of are its, and no other name changes.
test_no_other_symbol_is_bound_elsewhere() {
	make_throwing_program
	export LD_BIND_NOW=1
	bindings '' ./app >bound.without
	bindings "$BUILD/libconnleak.so" ./app >bound.with
	nm -D --defined-only "$BUILD/libconnleak.so" |
		awk '{ print $3 }' >exports
	awk -v shim="$BUILD/libconnleak.so" '
		FILENAME == "exports" { ours[$1] = 1; next }
		FILENAME == "bound.without" { bound[$1, $2] = $3; next }
		$3 == shim && $2 in ours { seen++; next }
		($1, $2) in bound && bound[$1, $2] != $3
		END { if (!seen) print "nothing is bound to the shim" }' \
		exports bound.without bound.with >elsewhere
	expect_equal "$(cat elsewhere)" "" "what is bound elsewhere"
}
