# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What a program finds and loads by name, it finds and loads as without us.

# shellcheck source=tests/parts.sh
. "$ROOT/tests/parts.sh"

# a.so with its own libpq, which says what of it is called.
make_told() { # [OPTION]... of the plugin
	make_host
	make_libpq libpq-one.so one
	make_plugin a "$@" libpq-one.so
}

make_module() { # FILE [OPTION]..., from stdin
	compile -shared -fPIC -o "$1" -x c - -x none "${@:2}"
}

make_program() { # FILE [OPTION]..., from stdin
	compile -o "$1" -x c - -x none "${@:2}" -lpthread
}

# Other preloads and programs that stand where we do.

test_a_preload_that_calls_the_next_libpq() {
	make_module teller.so <<-END
		#include <dlfcn.h>
		#include <libpq-fe.h>
		#include <stdio.h>
		PGconn *PQconnectdb(const char *info)
		{
			PGconn *(*next)(const char *);
			*(void **)&next = dlsym(RTLD_NEXT, "PQconnectdb");
			puts("connect");
			return next(info);
		}
		void PQfinish(PGconn *conn)
		{
			void (*next)(PGconn *);
			*(void **)&next = dlsym(RTLD_NEXT, "PQfinish");
			puts("finish");
			next(conn);
		}
	END
	beside "$PWD/teller.so" 1 1 0 "$BUILD/tests/programs/calls" connectdb
	beside "$PWD/teller.so" 1 1 0 "$BUILD/tests/programs/calls" reset
	beside "$PWD/teller.so" 0 0 0 "$BUILD/tests/programs/calls" ping
}

# As a preload, or as a part of a program.  The first version of dlsym is what
# such wrappers ask for, since it was in every glibc of x86-64.
make_wrapper() { # FUNCTION FILE [OPTION]...
	case $1 in
	dlsym) cat <<-END ;;
		#include <dlfcn.h>
		#include <stdio.h>
		#include <string.h>
		void *dlsym(void *handle, const char *name)
		{
			static void *(*next)(void *, const char *);
			if (!next)
				*(void **)&next = dlvsym(RTLD_NEXT, "dlsym",
							 "GLIBC_2.2.5");
			if (!strcmp(name, "act") || !strncmp(name, "PQ", 2))
				printf("dlsym %s\n", name);
			return next(handle, name);
		}
	END
	dlopen) cat <<-END ;;
		#include <dlfcn.h>
		#include <stdio.h>
		#include <string.h>
		void *dlopen(const char *file, int flags)
		{
			static void *(*next)(const char *, int);
			if (!next)
				*(void **)&next = dlsym(RTLD_NEXT, "dlopen");
			if (file && strstr(file, ".so") &&
			    !strstr(file, "unwind"))
				printf("dlopen %s\n", file);
			return next(file, flags);
		}
	END
	esac | compile -o "$2" -x c - -x none "${@:3}"
}

test_a_preload_that_wraps_dlopen() {
	make_told
	make_wrapper dlopen wrapper.so -shared -fPIC
	beside "$PWD/wrapper.so" 6 5 0 ./host load:a:./a.so do:a:open \
		do:a:open do:a:every do:a:close
	beside "$PWD/wrapper.so" 2 1 0 ./host load:a:./a.so:lazy,deep \
		do:a:open do:a:open do:a:close
}

test_a_preload_that_wraps_dlsym() {
	make_told -DBY_NAME='"libpq-one.so"'
	make_wrapper dlsym wrapper.so -shared -fPIC
	beside "$PWD/wrapper.so" 2 1 0 ./host load:a:./a.so do:a:open \
		do:a:open do:a:close
}

# What connleak itself calls comes by there too, with its locks held.
test_a_preload_that_asks_for_the_next_at_every_call() {
	make_told -DBY_NAME='"libpq-one.so"'
	make_module asker.so <<-END
		#include <dlfcn.h>
		#include <fcntl.h>
		#include <pthread.h>
		#include <sys/mman.h>
		#include <unistd.h>
		#define WRAP(type, name, params, args)                 \\
			type name params                               \\
			{                                              \\
				type(*next) params;                    \\
				*(void **)&next = dlsym(RTLD_NEXT, #name); \\
				dlsym(RTLD_DEFAULT, "PQfinish");       \\
				dlclose(dlopen("libm.so.6", RTLD_NOW)); \\
				return next args;                      \\
			}
		WRAP(int, open, (const char *a, int b, ...), (a, b, 0600))
		WRAP(int, close, (int a), (a))
		WRAP(ssize_t, write, (int a, const void *b, size_t c), (a, b, c))
		WRAP(ssize_t, read, (int a, void *b, size_t c), (a, b, c))
		WRAP(int, ftruncate, (int a, off_t b), (a, b))
		WRAP(int, posix_fallocate, (int a, off_t b, off_t c), (a, b, c))
		WRAP(void *, mmap, (void *a, size_t b, int c, int d, int e, off_t f),
		     (a, b, c, d, e, f))
		WRAP(int, munmap, (void *a, size_t b), (a, b))
		WRAP(int, link, (const char *a, const char *b), (a, b))
		WRAP(int, unlink, (const char *a), (a))
	END
	beside "$PWD/asker.so" 1 1 0 "$BUILD/tests/programs/calls" connectdb
	beside "$PWD/asker.so" 5 4 0 ./host load:a:./a.so do:a:open do:a:every
}

test_a_program_that_defines_dlopen() {
	make_libpq libpq-one.so one
	make_plugin a libpq-one.so
	make_plugin b -DBY_NAME='"libpq-one.so"'
	make_wrapper dlopen host "$ROOT/tests/parts/host.c" -rdynamic
	as_without 0 ./host load:a:./a.so load:b:./b.so do:a:open do:b:open \
		do:b:close
	counts 2 1
}

test_a_program_that_defines_dlsym() {
	make_libpq libpq-one.so one
	make_plugin a libpq-one.so
	make_plugin b -DBY_NAME='"libpq-one.so"'
	make_wrapper dlsym host "$ROOT/tests/parts/host.c" -rdynamic
	as_without 0 ./host load:a:./a.so load:b:./b.so do:a:open do:b:open \
		do:b:close
	counts 2 1
}

# Its first call comes before any constructor, and needs dlsym.
test_a_program_that_defines_malloc() {
	make_program allocator -c <<-END
		#include <dlfcn.h>
		#include <stdlib.h>
		#include <string.h>
		static char early[65536];
		static size_t used;
		static int busy;
		static void *next(const char *name)
		{
			void *found;
			busy++;
			found = dlsym(RTLD_NEXT, name);
			busy--;
			if (!found)
				abort();
			return found;
		}
		static void *carve(size_t size)
		{
			void *at = early + used;
			used += (size + 15) & ~15ul;
			return used <= sizeof(early) ? at : NULL;
		}
		void *malloc(size_t size)
		{
			static void *(*real)(size_t);
			if (!real && busy)
				return carve(size);
			if (!real)
				*(void **)&real = next("malloc");
			return real(size);
		}
		void *calloc(size_t count, size_t size)
		{
			static void *(*real)(size_t, size_t);
			if (!real && busy)
				return carve(count * size);
			if (!real)
				*(void **)&real = next("calloc");
			return real(count, size);
		}
		void free(void *at)
		{
			static void (*real)(void *);
			if ((char *)at >= early &&
			    (char *)at < early + sizeof(early))
				return;
			if (!real)
				*(void **)&real = next("free");
			real(at);
		}
	END
	make_libpq libpq-one.so one
	make_plugin a -DBY_NAME='"libpq-one.so"'
	make_plugin b -lpq
	make_host allocator
	as_without 0 ./host load:a:./a.so load:b:./b.so:lazy,deep do:a:open \
		do:b:open do:a:every do:b:close
	counts 6 5
	compile -o calls "$BUILD/../tests/programs/calls.c" allocator -lpq
	as_without 0 ./calls connectdb
	counts 1 1
}

# Where libraries are looked for.

test_a_bare_name_is_found_where_the_caller_looks() {
	local dtags
	mkdir sub
	make_libpq libpq-one.so one
	make_plugin a libpq-one.so
	mv libpq-one.so a.so sub
	for dtags in --enable-new-dtags --disable-new-dtags; do
		make_host -Wl,$dtags,-rpath,"\$ORIGIN/sub"
		as_without 0 ./host load:a:a.so do:a:open load:b:b.so
		expect_line without '^load: no error'
		expect_line without '^load: b.so: cannot open'
		counts 1 0
	done
}

# The program cannot find it, and the plugin can.
test_a_bare_name_is_found_where_a_library_looks() {
	local dtags flags
	mkdir sub
	make_host
	make_libpq libpq-one.so one
	for dtags in --enable-new-dtags --disable-new-dtags; do
		make_plugin a -DBY_NAME='"libpq-one.so"' -Wl,$dtags
		mv a.so sub
		cp libpq-one.so sub
		for flags in now deep; do
			as_without 0 ./host load:b:libpq-one.so \
				load:a:./sub/a.so:$flags do:a:open
			expect_line without '^load: libpq-one.so: cannot open'
			counts 1 0
		done
	done
}

# What dlsym finds.

# All that libc and libpq export, but for what we stand in front of.
other_names() {
	nm -D --defined-only "$(cc -print-file-name=libc.so.6)" \
		"$(system_libpq)" |
		sed -nE 's/^[0-9a-f]+ [TWiVDBR] ([a-zA-Z0-9_]+)(@.*)?$/\1/p' |
		sort -u | grep -vxF -f <(sed -nE \
		's/^[A-Z_]+\( *([A-Za-z0-9_]+)[,)].*/\1/p' \
		"$ROOT/preload/hooks.def" "$ROOT/preload/system.def")
}

test_every_other_name_is_found_where_it_was() {
	local where steps
	make_host
	make_plugin a -lpq
	for where in default next program a; do
		mapfile -t steps < <(other_names | sed "s/^/sym:$where:/")
		[ ${#steps[@]} -gt 2000 ]
		as_without 0 ./host load:a:./a.so "${steps[@]}" do:a:refused
		expect_line without '^printf at libc.so.6'
		counts 1 0
	done
	expect_line without '^PQclear at libpq.so'
}

test_versions_of_a_name_are_found_where_they_were() {
	make_host
	make_plugin a -lpq
	as_without 0 ./host load:a:./a.so do:a:refused \
		vsym:default:memcpy:GLIBC_2.2.5 vsym:next:memcpy:GLIBC_2.14 \
		vsym:program:memcpy:GLIBC_1 vsym:default:PQexec:NONE \
		vsym:a:PQfinish:NONE vsym:a:dlsym:GLIBC_2.2.5
}

# The words of dlerror, and errno.
test_what_is_not_found_is_said_in_the_same_words() {
	local where steps=()
	make_host
	make_library a.so
	echo broken >broken.so
	for where in default next program a; do
		steps+=("sym:$where:nonsense" "sym:$where:PQfinish"
			"sym:$where:PQconnectdb" "sym:$where:PQcancelCreate"
			"vsym:$where:PQfinish:ANY" "vsym:$where:printf:NONE")
	done
	expect_status 0 ./host load:a:./a.so "${steps[@]}" load:b:./missing.so \
		load:b:missing.so load:b:./broken.so load:b:libpq-none.so \
		load:b:./a.so:noload >without 2>&1
	says_the_same 0 leak_run --fail-on none --allow no-libpq \
		./host load:a:./a.so "${steps[@]}" load:b:./missing.so \
		load:b:missing.so load:b:./broken.so load:b:libpq-none.so \
		load:b:./a.so:noload
	expect_equal "$(grep -c 'PQfinish at nothing' without)" 8
}

# ... and where a libpq is, but not for who asks, or not of that version.
test_a_function_that_this_libpq_has_not_is_not_found() {
	make_host
	make_library b.so
	make_plugin a -lpq
	as_without 0 ./host load:a:./a.so load:b:./b.so do:a:refused do:a:close \
		sym:default:PQfinish sym:next:PQfinish sym:program:PQfinish \
		sym:b:PQfinish sym:a:PQcancelCreate sym:a:PQcancelFinish \
		load:a:./a.so:noload,global sym:default:PQcancelPoll
	expect_equal "$(grep -c ' at nothing' without)" 7
	counts 1 1
}

test_an_error_stays_until_it_is_asked_for() {
	make_program app -lpq <<-END
		#include <dlfcn.h>
		#include <libpq-fe.h>
		#include <stdio.h>
		static void say(const char *when)
		{
			const char *error = dlerror();
			printf("%s: %s\n", when, error ? error : "none");
		}
		int main(void)
		{
			dlsym(RTLD_DEFAULT, "nonsense");
			PQfinish(PQconnectStart("port=abc"));
			say("after libpq");
			dlopen("./missing.so", RTLD_NOW);
			PQfinish(PQconnectStart("port=abc"));
			say("after libpq again");
			dlsym(RTLD_DEFAULT, "nonsense");
			dlsym(RTLD_DEFAULT, "PQfinish");
			say("after what was found");
			dlsym(RTLD_DEFAULT, "PQfinish");
			say("after nothing");
			dlopen("./missing.so", RTLD_NOW);
			dlopen("libpq.so.5", RTLD_NOW);
			say("after what was loaded");
			dlopen("libpq.so.5", RTLD_NOW);
			say("after nothing");
			return 0;
		}
	END
	as_without 0 ./app
	counts 2 2
}

# Names that may be nobody's.

test_weak_references_of_a_program_without_libpq() {
	local option
	for option in -fPIE -DTABLE "-fno-pie -no-pie" \
		"-fno-pie -no-pie -DTABLE" -fno-plt; do
		# shellcheck disable=SC2086
		make_host "$ROOT/tests/parts/plugin.c" -DNAME='"host"' -DWEAK \
			$option
		expect_status 0 ./host do:program:has >without 2>&1
		says_the_same 0 leak_run --allow no-libpq ./host do:program:has
		expect_equal "$(grep -c 'has no' without)" 20
	done
}

test_weak_references_of_a_plugin_without_libpq() {
	local option
	make_host
	for option in -fPIC -DTABLE -fno-plt; do
		make_plugin a -DWEAK $option
		expect_status 0 ./host load:a:./a.so do:a:has >without 2>&1
		says_the_same 0 leak_run --allow no-libpq \
			./host load:a:./a.so do:a:has
		expect_equal "$(grep -c 'has no' without)" 20
	done
}

# libpq 15 has no PQcancelCreate.  What comes later is not what was bound to.
test_weak_references_where_some_libpq_is() {
	local option
	for option in -fPIC -DTABLE; do
		make_host "$ROOT/tests/parts/plugin.c" -DNAME='"host"' -DWEAK \
			$option
		make_plugin a -DWEAK $option -Wl,--no-as-needed -lpq
		make_plugin b -DWEAK $option
		as_without 0 ./host load:a:./a.so do:a:has do:a:refused \
			load:b:./b.so do:b:has do:program:has do:a:close
		expect_line without '^a: has PQfinish'
		expect_line without '^b: has no PQfinish'
		expect_line without '^host: has no PQfinish'
		as_without 0 ./host load:a:./a.so:global do:a:refused do:a:has \
			load:b:./b.so do:b:has do:program:has do:a:close
		expect_line without '^b: has PQfinish'
		expect_line without '^host: has no PQfinish'
		counts 1 1
	done
}

test_weak_references_of_a_program_with_libpq() {
	make_host "$ROOT/tests/parts/plugin.c" -DNAME='"host"' -DWEAK \
		-Wl,--no-as-needed -lpq
	as_without 0 ./host do:program:has do:program:open do:program:close
	expect_line without '^host: has PQfinish'
	expect_equal "$(grep -c 'has no PQcancel' without)" \
		"$((3 * ($(libpq_version) < 170000)))"
	counts 1 1
}

libpq_version() {
	printf '#include <libpq-fe.h>\nint main(void) {
		return PQlibVersion() / 10000; }' | make_program version -lpq
	./version || echo "$?0000"
}

# Who connects while something is being loaded.

# The constructor waits for a thread that connects.
make_waiting() {
	make_module waiting.so -lpq -lpthread <<-END
		#include <libpq-fe.h>
		#include <pthread.h>
		#include <stdio.h>
		static void *work(void *unused)
		{
			PGconn *conn = PQconnectdb("");
			printf("status %d\n", PQstatus(conn));
			PQfinish(conn);
			PQconnectStart("port=abc");
			return unused;
		}
		__attribute__((constructor)) static void wait(void)
		{
			pthread_t thread;
			pthread_create(&thread, NULL, work, NULL);
			pthread_join(thread, NULL);
		}
	END
}

# Nobody can open the unwinder in time: another thread holds the loader's lock.
only_stacks_are_lost() {
	json report.json '.incomplete | map(.reason) | join(" ")' lost
	json report.json '.incomplete[0].text | test(": 2 stacks ")' true
}

test_a_thread_that_connects_while_its_plugin_is_loaded() {
	local flags allowed=lost
	make_host
	make_waiting
	for flags in now lazy global; do
		as_without 0 timeout 20 ./host load:a:./waiting.so:$flags
		expect_line without '^status 0$'
		counts 2 1
		only_stacks_are_lost
	done
	LD_LIBRARY_PATH=$PWD as_without 0 timeout 20 ./host load:a:waiting.so
	counts 2 1
	only_stacks_are_lost
}

# linked: the program has libpq.  plugin: a plugin has, loaded before.
make_while_loading() { # linked|plugin
	local with=(-lpq)
	make_module slow.so <<-END
		void slow_load(void);
		__attribute__((constructor)) static void load(void)
		{
			slow_load();
		}
	END
	cat >work.c <<-END
		#include <libpq-fe.h>
		#include <stdio.h>
		void work(void);
		void work(void)
		{
			PGconn *conn = PQconnectdb("");
			printf("status %d\n", PQstatus(conn));
			PQreset(conn);
			PQfinish(conn);
		}
	END
	if [ "$1" = plugin ]; then
		compile -shared -fPIC -o work.so work.c -lpq
		with=()
	else
		with=(work.c -lpq)
	fi
	make_program app -rdynamic -Wl,--export-dynamic "${with[@]}" <<-END
		#include <dlfcn.h>
		#include <pthread.h>
		#include <semaphore.h>
		#include <stdio.h>
		static sem_t loading, done;
		static void (*work)(void);
		void slow_load(void);
		void slow_load(void)
		{
			sem_post(&loading);
			sem_wait(&done);
		}
		static void *load(void *unused)
		{
			dlopen("./slow.so", RTLD_NOW);
			return unused;
		}
		int main(void)
		{
			void *plugin = dlopen("./work.so", RTLD_NOW);
			pthread_t thread;
			*(void **)&work = dlsym(plugin ? plugin : RTLD_DEFAULT,
						"work");
			pthread_create(&thread, NULL, load, NULL);
			sem_wait(&loading);
			work();
			sem_post(&done);
			pthread_join(thread, NULL);
			return 0;
		}
	END
}

# Another thread holds the loader's lock for as long as this one connects.
test_a_thread_that_connects_while_another_loads() {
	local user
	for user in linked plugin; do
		make_while_loading $user
		as_without 0 timeout 20 ./app
		expect_line without '^status 0$'
		counts 1 1
	done
}

test_a_constructor_that_connects() {
	make_host
	make_plugin a -DAT_LOAD='"open"' -lpq
	as_without 0 ./host load:a:./a.so do:a:close
	counts 1 1
	LD_LIBRARY_PATH=$PWD as_without 0 ./host load:a:a.so:lazy do:a:close
	counts 1 1
	make_host -Wl,--no-as-needed,-rpath,"\$ORIGIN" ./a.so
	as_without 0 ./host
	counts 1 0
	leaks a.so:1
}

# Nobody asks the loader for anything afterwards.
test_a_module_that_makes_itself_known() {
	local flags
	make_told -DREGISTERS -DAT_LOAD='"open"'
	for flags in now lazy; do
		as_without 0 ./host load:a:./a.so:$flags do:registered:open \
			do:registered:every do:registered:close
		counts 6 5
	done
	# What a deep one's constructor does is done before we can see it.
	make_plugin a -DREGISTERS libpq-one.so
	for flags in now,deep lazy,deep; do
		as_without 0 ./host load:a:./a.so:$flags do:registered:open \
			do:registered:every do:registered:open \
			do:registered:close
		counts 6 5
		LD_LIBRARY_PATH=$PWD as_without 0 ./host load:a:a.so:$flags \
			do:registered:open do:registered:every \
			do:registered:open do:registered:close
		counts 6 5
	done
}

# What is unloaded is gone, when it was.

make_lifetimes() {
	local name needs=()
	for name in inner outer; do
		make_module $name.so -lpq -Wl,--no-as-needed,-rpath,"\$ORIGIN" \
			"${needs[@]}" <<-END
			#include <libpq-fe.h>
			#include <stdio.h>
			#include <string.h>
			int act(const char *what);
			int act(const char *what)
			{
				PGconn *conn = PQconnectStart("port=abc");
				if (strcmp(what, "leak"))
					PQfinish(conn);
				return 1;
			}
			__attribute__((constructor)) static void begin(void)
			{
				puts("$name begins");
			}
			__attribute__((destructor)) static void end(void)
			{
				puts("$name ends");
			}
		END
		needs=(./inner.so)
	done
}

test_what_is_unloaded_is_gone() {
	local flags
	make_host
	make_lifetimes
	for flags in now lazy lazy,deep; do
		as_without 0 ./host load:a:./outer.so:$flags do:a:use \
			load:b:./inner.so:$flags do:b:leak unload:a mapped \
			do:b:use unload:b mapped load:a:./outer.so:$flags \
			load:b:./outer.so:$flags unload:b mapped do:a:use \
			unload:a mapped load:a:./inner.so:$flags do:a:use
		expect_equal "$(grep -c ^mapped without)" 2 "times it is there"
		expect_equal "$(tail -n 1 without)" "inner ends"
		counts 5 4
	done
}

test_a_libpq_that_was_found_by_name_is_gone() {
	make_host
	as_without 0 ./host load:a:libpq.so.5 sym:a:PQclear load:b:libpq.so.5 \
		unload:a mapped unload:b mapped block load:a:libpq.so.5 \
		sym:a:PQsocket unload:a mapped
	expect_equal "$(grep -c ^mapped without)" 1 "times it is there"
}

# What the program can see of what is loaded.

test_the_objects_are_the_same_but_for_ours() {
	make_program app -lpq <<-END
		#include <dlfcn.h>
		#include <libpq-fe.h>
		#include <link.h>
		#include <stdio.h>
		static int say(struct dl_phdr_info *object, size_t size, void *a)
		{
			printf("%s %d\n", object->dlpi_name, object->dlpi_phnum);
			return !size || a;
		}
		static void where(const char *name)
		{
			Dl_info info;
			if (!dladdr(dlsym(RTLD_DEFAULT, name), &info))
				puts("nowhere");
			else
				printf("%s is %s of %s\n", name, info.dli_sname,
				       info.dli_fname);
		}
		int main(void)
		{
			PQfinish(PQconnectStart("port=abc"));
			where("PQclear");
			where("printf");
			where("main");
			return dl_iterate_phdr(say, NULL);
		}
	END
	./app >without
	leak_run ./app >with
	grep -vE 'libconnleak|libunwind|liblzma|ld-linux' with >others
	grep -v ld-linux without | diff - others
	counts 1 1
}

test_a_function_is_itself_however_it_was_found() {
	make_program app -lpq <<-END
		#include <dlfcn.h>
		#include <libpq-fe.h>
		#include <stdio.h>
		void (*finish)(PGconn *) = PQfinish;
		int main(void)
		{
			void *libpq = dlopen("libpq.so.5", RTLD_NOW);
			PQfinish(PQconnectStart("port=abc"));
			printf("%d %d %d\n",
			       (void *)finish == dlsym(RTLD_DEFAULT, "PQfinish"),
			       (void *)finish == dlsym(libpq, "PQfinish"),
			       finish == PQfinish);
			return 0;
		}
	END
	as_without 0 ./app
}
