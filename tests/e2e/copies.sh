# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Several libpqs in one program, loaded early, late, privately, twice, by name
# and as part of something else: each call reaches the libpq that it reaches
# without connleak, and is counted once.

# shellcheck source=tests/parts.sh
. "$ROOT/tests/parts.sh"

# a.so has the system's libpq, b.so one of its own, and host has none.
make_two() {
	log_start=$(($(wc -l <"$SERVER_LOG") + 1))
	make_host
	make_second_libpq libpq-abcd1234.so.5.15
	make_plugin a -lpq
	make_plugin b libpq-abcd1234.so.5.15
}

# Both libpqs say what of them is called.
make_two_told() { # [OPTION]... of the plugins
	make_host
	make_libpq libpq-one.so one
	make_libpq libpq-two.so two
	make_plugin a -DLATER "$@" libpq-one.so
	make_plugin b -DLATER "$@" libpq-two.so
}

# Each plugin opens two and closes one, in turns, and calls all functions.
use_both() { # FLAGS
	as_without 0 ./host load:a:./a.so:"$1" load:b:./b.so:"$1" \
		do:a:open do:b:open do:a:every do:b:every do:b:open do:a:open \
		do:a:close do:b:close
	expect_line without '^one: PQcancelFinish'
	expect_line without '^two: PQcancelFinish'
	counts 12 10
	json report.json .totals.resets 4
	leaks "a.so:1 b.so:1"
}

# The server's word for it, since the two were made.
sessions() { # APPLICATION
	tail -n "+$log_start" "$SERVER_LOG" |
		grep -c "connection authorized.*application_name=$1" || true
}

test_two_private_copies() {
	make_two
	as_without 0 ./host load:a:./a.so load:b:./b.so \
		do:a:open do:b:open do:b:open do:a:close do:a:open do:b:close
	expect_line without '^a: open by .*, status 0, first$'
	expect_line without '^b: open by .*, status 0, second$'
	counts 4 2
	leaks "a.so:1 b.so:1"
	expect_equal "$(sessions first) $(sessions second)" "4 4"
	json report.json '[.findings[].handles[].dbname] | unique | .[]' app
}

test_every_function_of_two_private_copies() {
	make_two_told
	use_both now
}

test_calls_without_a_jump_table() {
	make_two_told -fno-plt
	use_both now
}

test_pointers_in_static_data() {
	make_two_told -DTABLE
	use_both now
}

test_pointers_in_static_data_of_the_program() {
	make_host "$ROOT/tests/parts/plugin.c" -DNAME='"host"' -DTABLE -lpq
	as_without 0 ./host do:program:open do:program:open do:program:close
	counts 2 1
	leaks host:1
}

# The last ones are found by their callers alone.
test_more_copies_than_have_thunks() {
	local part steps=()
	make_host
	make_libpq libpq-x.so x
	make_plugin x libpq-x.so
	for part in {a..t}; do
		cp libpq-x.so "libpq-$part.so"
		patchelf --set-soname "libpq-$part.so" "libpq-$part.so"
		cp x.so "$part.so"
		patchelf --replace-needed libpq-x.so "libpq-$part.so" "$part.so"
		steps+=("load:$part:./$part.so" "do:$part:open")
	done
	as_without 0 ./host "${steps[@]}"
	counts 20 0
	# And those that are called past us work as without.
	as_without 0 ./host "${steps[@]/%.so/.so:deep}"
}

# What is global is everybody's, also of those who brought one along.
test_a_global_copy_and_a_private_one() {
	make_two_told
	as_without 0 ./host load:a:./a.so:global load:b:./b.so \
		do:a:open do:b:open do:b:every do:a:close do:b:close
	expect_equal "$(grep -c ^two: without)" 0 "calls of the private copy"
	counts 6 6
}

test_a_private_copy_stays_private_when_another_becomes_global() {
	make_two_told -Wl,-z,now
	as_without 0 ./host load:b:./b.so do:b:open load:a:./a.so:global \
		do:a:open do:b:every do:b:close
	expect_line without '^two: PQcancelFinish'
	counts 6 5
	leaks a.so:1
}

test_what_was_bound_at_once_stays_when_another_becomes_global() {
	make_two_told -Wl,-z,now
	as_without 0 ./host load:b:./b.so load:a:./a.so:global do:b:every \
		do:a:open
	expect_line without '^two: PQcancelFinish'
	counts 5 4
}

# A name is looked up anew each time, whatever the caller itself is bound to.
test_what_is_asked_for_by_name_is_everybodys() {
	make_two_told
	compile -shared -fPIC -o c.so -x c - -x none -Wl,-z,now \
		-Wl,-rpath,"\$ORIGIN" libpq-two.so <<-END
		#include <dlfcn.h>
		#include <libpq-fe.h>
		int act(const char *what);
		int act(const char *what)
		{
			PGconn *(*start)(const char *);
			*(void **)&start = dlsym(RTLD_DEFAULT, "PQconnectStart");
			PQfinish(PQconnectStart(what));
			start(what);
			return 1;
		}
	END
	as_without 0 ./host load:c:./c.so do:c:x load:a:./a.so:global do:c:x
	expect_line without '^one: PQconnectStart'
	counts 4 2
}

test_a_copy_that_becomes_global_later() {
	make_two_told
	as_without 0 ./host load:a:./a.so load:a:./a.so:noload,global \
		load:b:./b.so do:a:open do:b:open do:b:close
	expect_equal "$(grep -c ^two: without)" 0 "calls of the private copy"
	counts 2 1
}

test_the_copy_of_the_program_is_everybodys() {
	make_two_told
	make_host -Wl,--no-as-needed,-rpath,"\$ORIGIN" libpq-one.so
	as_without 0 ./host load:b:./b.so do:b:open do:b:every
	expect_equal "$(grep -c ^two: without)" 0 "calls of the private copy"
	counts 5 4
}

# The nearer libpq is not the one that is found first by going deep.
test_a_dependency_of_a_dependency_has_libpq() {
	make_host
	make_libpq libpq-one.so one
	make_libpq libpq-two.so two
	make_library libdeepest.so libpq-one.so
	make_library libdeep.so libdeepest.so
	make_library libnear.so libpq-two.so
	make_plugin a -Wl,--no-as-needed libdeep.so libnear.so
	make_plugin b -Wl,--no-as-needed libdeep.so
	as_without 0 ./host load:b:./b.so load:a:./a.so \
		do:a:open do:b:open do:a:every do:b:every do:b:close
	expect_line without '^two: PQconnectStart'
	expect_line without '^one: PQconnectStart'
	counts 10 9
	leaks a.so:1
}

# It needs no libpq by itself, nor does what it needs: what needs it does.
test_a_library_that_uses_the_libpq_of_who_needs_it() {
	make_host
	make_libpq libpq-one.so one
	make_libpq libpq-two.so two
	make_plugin inner
	make_library a.so libpq-one.so ./inner.so
	make_plugin b libpq-two.so
	as_without 0 ./host load:b:./b.so load:a:./a.so \
		do:a:open do:b:open do:a:close
	expect_line without '^one: PQfinish'
	counts 2 1
	leaks b.so:1
}

# It has a libpq, but was loaded by somebody who has another before that.
test_a_library_whose_libpq_is_shadowed() {
	make_host
	make_libpq libpq-one.so one
	make_libpq libpq-two.so two
	make_plugin inner libpq-two.so
	make_library a.so libpq-one.so ./inner.so
	as_without 0 ./host load:a:./a.so do:a:open do:a:every
	expect_equal "$(grep -c ^two: without)" 0 "calls of the shadowed copy"
	counts 5 4
	leaks inner.so:1
}

test_unloaded_and_loaded_at_another_address() {
	make_two
	as_without 0 ./host load:a:./a.so do:a:open do:a:close do:a:refused \
		do:a:close unload:a mapped block \
		load:a:./a.so do:a:open do:a:refused do:a:close unload:a
	expect_equal "$(grep -c ^mapped: without)" 0 "libpqs after the unload"
	counts 4 3
}

test_one_of_two_copies_comes_back_at_another_address() {
	local first
	make_two
	for first in a b; do
		as_without 0 ./host load:a:./a.so load:b:./b.so do:a:open \
			do:b:open do:$first:close unload:$first mapped block \
			load:$first:./$first.so do:a:open do:b:open \
			do:a:close do:b:close
		expect_equal "$(grep -c ^mapped: without)" 1 "libpqs left"
		counts 4 3
	done
}

test_a_copy_in_the_place_of_another() {
	make_two_told
	as_without 0 ./host load:a:./a.so do:a:every unload:a \
		load:b:./b.so do:b:every unload:b load:a:./a.so do:a:every
	counts 12 12
}

# Both libpqs stay; the plugins, of one size, take each other's place.
test_a_plugin_in_the_place_of_another() {
	make_two_told
	as_without 0 ./host load:x:./libpq-one.so load:y:./libpq-two.so \
		load:a:./a.so do:a:every unload:a load:b:./b.so do:b:every \
		unload:b load:a:./a.so do:a:open
	counts 9 8
	leaks a.so:1
}

# Each of four threads has a plugin and a libpq, for a moment at a time.
test_threads_that_load_and_unload_at_once() {
	local i
	for i in 1 2 3 4; do
		make_libpq libpq-$i.so $i
		make_plugin $i -DLATER libpq-$i.so
	done
	compile -o app -x c - -lpthread <<-END
		#include <dlfcn.h>
		#include <pthread.h>
		#include <stdio.h>
		#include <stdlib.h>
		static void *work(void *file)
		{
			for (int i = 0; i < 50; i++) {
				int flags = i % 3 ? RTLD_NOW : RTLD_LAZY | RTLD_DEEPBIND;
				void *plugin = dlopen(file, flags);
				int (*act)(const char *);
				*(void **)&act = dlsym(plugin, "act");
				act("open");
				act("every");
				act("close");
				dlclose(plugin);
			}
			return NULL;
		}
		int main(void)
		{
			static char names[4][8];
			pthread_t threads[4];
			for (int i = 0; i < 4; i++) {
				snprintf(names[i], 8, "./%d.so", i + 1);
				pthread_create(&threads[i], NULL, work, names[i]);
			}
			for (int i = 0; i < 4; i++)
				pthread_join(threads[i], NULL);
			return 0;
		}
	END
	./app | sort >without
	leak_run --allow lost ./app | sort >with
	cmp without with
	counts 1000 1000
}

# The loader binds these to their own libpq without looking at ours first.
test_deepbind() {
	local bind flags
	for bind in now lazy; do
		make_two_told -Wl,-z,$bind
		for flags in now,deep lazy,deep lazy,global,deep; do
			use_both $flags
		done
	done
}

test_deepbind_of_real_libpqs() {
	make_two
	as_without 0 ./host load:a:./a.so:lazy,deep load:b:./b.so:now,deep \
		do:a:open do:b:open do:a:close do:a:open
	expect_line without '^b: open by .*, status 0, second$'
	counts 3 1
	leaks "a.so:1 b.so:1"
	expect_equal "$(sessions first) $(sessions second)" "4 2"
}

test_deepbind_without_a_jump_table() {
	make_two_told -fno-plt
	use_both lazy,deep
}

test_deepbind_of_pointers_in_static_data() {
	make_two_told -DTABLE
	use_both now,deep
}

test_deepbind_by_bare_name() {
	make_two_told
	LD_LIBRARY_PATH=$PWD as_without 0 ./host load:a:a.so:lazy,deep \
		load:b:b.so:now,deep do:a:open do:b:open do:a:close
	counts 2 1
	leaks b.so:1
}

test_deepbind_of_a_dependency() {
	make_host
	make_libpq libpq-one.so one
	make_plugin inner libpq-one.so
	make_library a.so ./inner.so
	as_without 0 ./host load:a:./a.so:lazy,deep do:a:open do:a:every
	counts 5 4
	leaks inner.so:1
}

test_deepbind_unloaded_and_loaded_again() {
	make_two_told
	as_without 0 ./host load:a:./a.so:lazy,deep do:a:every unload:a block \
		load:a:./a.so:lazy,deep do:a:every load:b:./b.so do:b:every
	counts 12 12
}

test_deepbind_of_a_plugin_that_loads_by_name() {
	make_host
	make_libpq libpq-one.so one
	make_plugin a -DBY_NAME='"libpq-one.so"'
	as_without 0 ./host load:a:./a.so:lazy,deep do:a:open do:a:every \
		do:a:close do:a:open
	counts 6 5
	leaks a.so:1
}

# One that is there already is not bound anew.
test_deepbind_of_what_is_loaded() {
	make_two_told
	as_without 0 ./host load:a:./a.so load:a:./a.so:deep load:b:./b.so:deep \
		load:b:./b.so do:a:every do:b:every do:b:open
	counts 9 8
}

make_deepbind_meaning() {
	compile -shared -fPIC -o libwho.so -x c - <<-END
		const char *who(void);
		const char *who(void) { return "its dependency"; }
	END
	compile -shared -fPIC -o plugin.so -x c - -x none libwho.so -lpq \
		-Wl,-rpath,"\$ORIGIN" <<-END
		#include <libpq-fe.h>
		#include <stdio.h>
		const char *who(void);
		int go(void);
		int go(void)
		{
			PQfinish(PQconnectStart("port=abc"));
			return printf("the plugin finds that of %s\n", who());
		}
	END
	compile -o app -x c - -rdynamic <<-END
		#include <dlfcn.h>
		const char *who(void);
		const char *who(void) { return "the program"; }
		int main(int argc, char **argv)
		{
			void *plugin = dlopen("./plugin.so", RTLD_LAZY |
				(argc > 1 ? RTLD_DEEPBIND : 0));
			int (*go)(void);
			*(void **)&go = dlsym(plugin, "go");
			return !go() || !argv;
		}
	END
}

# As a thread may that uses a plugin while another one is still loading it:
# somebody has looked, and nobody knows yet that it is loaded deep.
test_deepbind_of_what_is_used_before_it_is_known() {
	make_host
	make_libpq libpq-one.so one
	compile -shared -fPIC -Wl,-soname,looks.so -o looks.so -x c - <<-END
		#include <dlfcn.h>
		void look(void);
		void look(void) { dlsym(RTLD_DEFAULT, "getpid"); }
	END
	compile -shared -fPIC -o a.so -x c - -x none -Wl,-z,lazy \
		-Wl,-rpath,"\$ORIGIN" libpq-one.so looks.so <<-END
		#include <libpq-fe.h>
		void look(void);
		__attribute__((constructor)) static void use(void)
		{
			look();
			PQfinish(PQconnectStart(""));
			PQconnectStart("");
		}
	END
	as_without 0 ./host load:b:./looks.so load:a:./a.so:lazy,deep
	expect_line without '^one: PQconnectStart'
	counts 2 1
}

test_deepbind_keeps_its_meaning() {
	make_deepbind_meaning
	as_without 0 ./app deep
	expect_line without 'its dependency'
	counts 1 1
	as_without 0 ./app
	expect_line without 'the program'
	counts 1 1
}

test_by_name() {
	make_two_told
	make_plugin a -DBY_NAME='"libpq-one.so"'
	make_plugin b -DBY_NAME='"libpq-two.so"'
	use_both lazy
}

test_by_name_and_version() {
	make_host
	echo 'LIBPQ { global: PQ*; };' >versions
	make_libpq libpq-one.so one -Wl,--version-script,versions
	make_libpq libpq-two.so two -Wl,--version-script,versions
	make_plugin a -DBY_NAME='"libpq-one.so"' -DVERSION='"LIBPQ"'
	make_plugin b -DBY_NAME='"libpq-two.so"' -DVERSION='"LIBPQ"'
	use_both lazy
}

test_by_name_and_called_in_threads() {
	make_two
	make_plugin a -DBY_NAME='"libpq.so.5"'
	make_plugin b -DBY_NAME='"libpq-abcd1234.so.5.15"'
	as_without 0 ./host load:a:./a.so load:b:./b.so \
		do:a:version do:b:version thread:a:open thread:b:open \
		thread:a:close thread:b:refused do:b:close thread:a:ping
	counts 3 2
	leaks b.so:1
	# Not that of PQping, which is no handle.
	expect_equal "$(sessions first) $(sessions second)" "4 2"
}

test_by_name_in_the_global_scope() {
	make_host
	make_libpq libpq-one.so one
	compile -o app -x c - <<-END
		#include <dlfcn.h>
		#include <libpq-fe.h>
		#include <stdio.h>
		static int use(const char *what, void *where)
		{
			PGconn *(*start)(const char *);
			void (*finish)(PGconn *);

			*(void **)&start = dlsym(where, "PQconnectStart");
			*(void **)&finish = dlsym(where, "PQfinish");
			printf("%s: %s\n", what, start ? "found" : dlerror());
			if (start)
				finish(start(""));
			return 0;
		}
		int main(void)
		{
			void *libpq;

			use("default", RTLD_DEFAULT);
			libpq = dlopen("./libpq-one.so", RTLD_NOW);
			use("private", RTLD_DEFAULT);
			use("handle", libpq);
			dlopen("./libpq-one.so", RTLD_NOW | RTLD_GLOBAL);
			use("global", RTLD_DEFAULT);
			use("program", dlopen(NULL, RTLD_NOW));
			return use("next", RTLD_NEXT);
		}
	END
	as_without 0 ./app
	counts 4 4
}

# A plugin with libpq inside is libpq and its user in one.
make_static() { # [OPTION]...
	make_host
	make_libpq libpq-two.so two
	make_plugin a -O2 -DLATER -DCOPY='"one"' "$ROOT/tests/parts/libpq.c" "$@"
	make_plugin b -DLATER libpq-two.so
}

test_a_plugin_with_libpq_inside() {
	make_static
	use_both now
}

test_a_plugin_with_libpq_inside_and_deepbind() {
	make_static
	use_both lazy,deep
}

test_a_plugin_with_libpq_inside_that_is_loaded_again() {
	make_static
	as_without 0 ./host load:a:./a.so do:a:every unload:a load:b:./b.so \
		do:b:every load:a:./a.so do:a:every do:a:open
	counts 13 12
	leaks a.so:1
}

# Real, with all that Debian links it to.
make_static_of_debian() { # NAME [OPTION]...
	local folder
	folder=$(printf '%s\n' /usr/lib/postgresql/*/lib/libpgcommon_shlib.a |
		sort -V | tail -n 1)
	needs "$folder" "libpgcommon_shlib.a"
	make_plugin "$1" "${@:2}" -L"${folder%/*}" -Wl,--whole-archive \
		-l:libpq.a -Wl,--no-whole-archive -l:libpgcommon_shlib.a \
		-l:libpgport_shlib.a -lssl -lcrypto -l:libgssapi_krb5.so.2 \
		-l:libldap-2.5.so.0 -lm
}

test_a_plugin_with_debians_static_libpq_inside() {
	local flags
	make_two
	make_static_of_debian a
	for flags in now lazy lazy,deep; do
		as_without 0 ./host load:a:./a.so:$flags load:b:./b.so:$flags \
			do:a:open do:a:ping do:b:open do:a:close do:a:refused
		expect_line without '^a: open by .*, status 0, first$'
		expect_line without '^b: open by .*, status 0, second$'
		counts 3 1
		leaks "a.so:1 b.so:1"
	done
}

# Nothing of such a libpq can be seen from outside.  That nobody takes this for
# clean is asked of the tests on what is blind; here, that it runs as without.
test_a_plugin_that_hides_the_libpq_inside() {
	echo '{ global: act; local: *; };' >only_act
	make_static -Wl,--version-script,only_act
	expect_status 0 ./host load:a:./a.so do:a:open do:a:every >without
	expect_status 24 leak_run ./host load:a:./a.so do:a:open do:a:every >with
	cmp without with
	counts 0 0
}

test_a_plugin_that_binds_the_libpq_inside_to_itself() {
	make_static -Wl,-Bsymbolic
	expect_status 0 ./host load:a:./a.so do:a:open do:a:every >without
	leak_run --fail-on none --allow all ./host load:a:./a.so do:a:open \
		do:a:every >with
	cmp without with
}

test_libpq_as_a_preload() {
	make_host
	make_plugin a -lpq
	beside "$(system_libpq)" 2 1 0 \
		./host load:a:./a.so do:a:open do:a:refused do:a:close
	beside "$(system_libpq)" 1 1 0 "$BUILD/tests/programs/calls" connectdb
}

test_another_libpq_as_a_preload() {
	make_two_told
	beside "$PWD/libpq-two.so" 5 4 0 \
		./host load:a:./a.so do:a:open do:a:every
	expect_equal "$(grep -c ^one: without)" 0 "calls of the private copy"
}
