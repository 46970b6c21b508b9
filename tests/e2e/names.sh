# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Functions, files and lines, found after the run.

cat_program() { # whose leak is in inlined code
	cat <<'END'
#include <libpq-fe.h>
static inline __attribute__((always_inline)) PGconn *take(void)
{
	return PQconnectdb("");
}
__attribute__((noinline)) int use(void)
{
	PGconn *conn = take();
	return PQstatus(conn);
}
int main(void)
{
	return use() == 1;
}
END
}

includes() { pkg-config --cflags libpq; }

test_inlined_frames_are_named_too() {
	cat_program >app.c
	# shellcheck disable=SC2046
	cc -O2 -g $(includes) -o app app.c -lpq
	expect_status 23 leak_run ./app
	json report.json '.findings[0].stack[0:3] | map(.function) | join(" ")' \
		"take use main"
	json report.json '.findings[0].stack[0:3] | map(.line) | join(" ")' "4 8 13"
	json report.json '.findings[0].stack[0:2] | map(.inlined) | join(" ")' \
		"true false"
	json report.json '.findings[0].site.function' take
}

test_cxx_names_are_demangled() {
	cat >app.cc <<'END'
#include <libpq-fe.h>
namespace shop {
template <typename T> struct Cart {
	__attribute__((noinline)) T *open() { return PQconnectdb(""); }
};
}
int main() { return shop::Cart<PGconn>().open() == nullptr; }
END
	# shellcheck disable=SC2046
	c++ -O1 -g $(includes) -o app app.cc -lpq
	expect_status 23 leak_run ./app
	json report.json '.findings[0].site.function |
		startswith("shop::Cart<pg_conn>::open")' true
	json report.json '.findings[0].stack[0].language' "c++"
}

test_without_debug_info_the_report_says_how_to_get_names() {
	cat_program >app.c
	# shellcheck disable=SC2046
	cc -O2 $(includes) -o app app.c -lpq
	strip app
	expect_status 23 leak_run ./app
	json report.json '.findings[0].site.function' null
	json report.json '.findings[0].stack[0].offset > 0' true
	expect_line report.txt 'app\+0x[0-9a-f]+'
	expect_line report.txt 'app: no debug info'
	expect_no_line report.txt __libc_start
}

test_a_module_replaced_since_the_run_is_said_to_be_so() {
	cat_program >app.c
	# shellcheck disable=SC2046
	cc -O2 -g $(includes) -o app app.c -lpq
	expect_status 23 leak_run ./app
	sed -i '1i int added;' app.c
	# shellcheck disable=SC2046
	cc -O2 -g $(includes) -o app app.c -lpq
	expect_status 23 "$CONNLEAK" report --json x.json run >text
	json x.json '.findings[0].site | [.function, .line] | tostring' '[null,null]'
	expect_line text 'replaced since the run'
}

test_a_library_of_the_programs_own_names_the_site() {
	cat >own.c <<'END'
#include <libpq-fe.h>
PGconn *own_take(void);
PGconn *own_take(void) { return PQconnectdb(""); }
END
	cat >app.c <<'END'
void *own_take(void);
int main(void) { return own_take() == 0; }
END
	# shellcheck disable=SC2046
	cc -g -shared -fPIC $(includes) -o libown.so own.c -lpq
	cc -g -o app app.c -L. -lown -Wl,-rpath,"$PWD"
	expect_status 23 leak_run ./app
	json report.json '.findings[0].site | [.function, .line] | tostring' \
		'["own_take",3]'
}

test_two_processes_with_one_site_are_one_finding() {
	cat_program >app.c
	# shellcheck disable=SC2046
	cc -O2 -g $(includes) -o app app.c -lpq
	expect_status 23 leak_run sh -c './app; ./app; true'
	json report.json '.findings | [length, .[0].count]' '[1,2]'
	json report.json '.sites | [length, .[0].acquired]' '[1,2]'
}

test_the_report_fits_80_columns_and_has_no_colour_in_a_file() {
	expect_status 23 leak_run "$BUILD/samples/leak_in_threads" >out
	[ "$(sed '$d' report.txt | wc -L)" -le 80 ]
	expect_no_line report.txt $'\033'
}

test_two_calls_in_one_function_have_different_fingerprints() {
	cat >app.c <<'END'
#include <libpq-fe.h>
int main(void)
{
	PGconn *a = PQconnectdb("");
	PGconn *b = PQconnectdb("");
	return PQstatus(a) || PQstatus(b);
}
END
	# shellcheck disable=SC2046
	cc -g $(includes) -o app app.c -lpq
	expect_status 23 leak_run ./app
	json report.json '[.findings[].fingerprint] | unique | length' 2
}

test_a_fingerprint_survives_a_rebuild() {
	local before
	cat_program >app.c
	# shellcheck disable=SC2046
	cc -O2 -g $(includes) -o app app.c -lpq
	expect_status 23 leak_run ./app
	before=$(jq -r .findings[0].fingerprint report.json)
	sed -i '1i \\n\n' app.c
	# shellcheck disable=SC2046
	cc -O2 -g $(includes) -o app app.c -lpq
	expect_status 23 leak_run ./app
	json report.json .findings[0].fingerprint "$before"
}
