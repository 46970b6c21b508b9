# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# connleak scan: functions that look like a pool's, as rules to paste.

scan() { # FILE...
	expect_status 0 "$CONNLEAK" scan "$@" >out 2>err
	expect_equal "$(cat err)" "" "standard error"
	! grep -E '^#.{80}' out
	! grep ' $' out
}

# What is no comment, with one blank between two words.
rules() {
	grep -v '^#' out | tr -s ' ' | sed '/^$/d'
}

# What a comment says, however it is divided into lines.
flatten() { tr '\n' ' ' <out | sed 's/ # / /g' >flat; }

refused() { # WORDS ARG...
	expect_status 125 "$CONNLEAK" scan "${@:2}" >out 2>err
	expect_equal "$(wc -l <err)" 1 "lines of the error"
	expect_line err "$1"
}

# A program from standard input; it does nothing but have functions.
build() { # LANGUAGE OUTPUT [OPTION]...
	local compiler=cc
	[ "$1" = c ] || compiler=c++
	"$compiler" -x "$1" - -x none -o "$2" "${@:3}" -lpq
}

a_pool() {
	cat <<-'END'
		typedef struct pg_conn PGconn;
		extern void PQfinish(PGconn *);
		static PGconn *one;
		static PGconn *pool_take(void) { return one; }
		static void pool_give(PGconn *conn) { one = conn; }
		int main(void) { pool_give(pool_take()); PQfinish(0); return 0; }
	END
}

test_the_pool_of_a_sample_is_one_pair_of_lines() {
	scan "$BUILD/samples/leak_in_pool"
	expect_equal "$(rules)" "acquire pool_take handle=return
release pool_give handle=arg1
capacity pool_open value=arg2"
	expect_line out "connleak run --hooks THIS-FILE $BUILD/samples/leak_in_pool"
	flatten
	expect_line flat 'leak_in_pool.c:[0-9]+: pool_take and pool_give: the one returns the PGconn\*'
}

test_what_it_prints_is_a_file_of_rules() {
	scan "$BUILD/samples/leak_in_pool"
	expect_status 0 leak_run --allow no-libpq --hooks out true 2>err
	expect_equal "$(cat err)" ""
}

test_without_debug_info_it_says_what_was_assumed() {
	a_pool | build c app -O0
	scan ./app
	expect_equal "$(rules)" "acquire pool_take handle=return
release pool_give handle=arg1"
	expect_line out 'no debug info'
	expect_line out '^# Look at: handle= of both'
}

test_a_stripped_program_has_no_names() {
	a_pool | build c app -O0 -s
	scan ./app
	expect_equal "$(rules)" ""
	flatten
	expect_line flat 'But .*/app is stripped'
	expect_line out '^#	acquire  my_take  handle=return'
}

test_a_copy_for_its_callers_is_out_of_reach() {
	a_pool | build c app -O0
	objcopy --redefine-sym pool_take=pool_take.constprop.0 app
	scan ./app
	expect_equal "$(rules)" ""
	expect_line out 'copies for these, which no rule can reach: pool_take\.'
}

test_what_is_in_its_callers_is_out_of_reach() {
	a_pool | build c app -O2 -g
	scan ./app
	expect_equal "$(rules)" ""
	flatten
	expect_line flat 'no rule can reach: pool_take, pool_give\. '
	! grep -q '^# Nothing in' out
	expect_equal "$(head -c 3 out)" "# /" "what it begins with"
	a_pool | build c app -O2 -g -fno-inline
	scan ./app
	expect_equal "$(rules)" "acquire pool_take handle=return
release pool_give handle=arg1"
}

test_what_is_in_some_callers_too_is_said() {
	a_pool | sed 's/static \(PGconn .pool\|void\)/\1/' | build c app -O2 -g
	scan ./app
	expect_equal "$(rules)" "acquire pool_take handle=return
release pool_give handle=arg1"
	flatten
	expect_line flat 'no rule can see: pool_take, pool_give\. '
}

test_a_pool_in_a_library_is_limited_to_it() {
	cat >pool.c <<-'END'
		typedef struct pg_conn PGconn;
		struct pool;
		void PQreset(PGconn *);
		int db_pool_get(struct pool *p, PGconn **conn, int ms) {
			return p || conn || ms; }
		void db_pool_put(PGconn *conn, struct pool *p) { if (p) PQreset(conn); }
		struct pool *db_pool_new(int min_size, int max_size) {
			return min_size == max_size ? 0 : (struct pool *)&db_pool_put; }
	END
	build c libapp-1.2.so.3.4 -shared -fPIC -g -Wl,-soname,libapp-1.2.so.3 <pool.c
	ln -s libapp-1.2.so.3.4 libapp-1.2.so.3
	build c app ./libapp-1.2.so.3 "-Wl,-rpath,\$ORIGIN" <<-'END'
		int db_pool_get(void *, void *, int);
		int main(void) { return db_pool_get(0, 0, 0); }
	END
	scan ./app
	expect_equal "$(rules)" \
		"acquire db_pool_get@libapp-1.2.so* handle=*arg2 pool=arg1 ok=zero
release db_pool_put@libapp-1.2.so* handle=arg1 pool=arg2
capacity db_pool_new@libapp-1.2.so* value=arg2 pool=return"
	expect_line out 'ok=nonzero'
	scan ./libapp-1.2.so.3
	expect_line out '^acquire +db_pool_get +handle'
}

test_methods_of_cxx() {
	cat >pool.cc <<-'END'
		#include <memory>
		struct pg_conn;
		extern "C" void PQfinish(pg_conn *);
		namespace app {
		struct Conn { pg_conn *pg = nullptr; ~Conn() { PQfinish(pg); } };
		struct Pool {
			Conn *one = nullptr;
			Pool(const char *info, int max_size);
			Conn *take();
			Conn *take(int milliseconds);
			void give(Conn *conn);
			std::unique_ptr<Conn> checkout();
			void checkin(std::unique_ptr<Conn> conn);
		};
		Pool::Pool(const char *, int max_size) { if (max_size) one = new Conn; }
		Conn *Pool::take() { return one; }
		Conn *Pool::take(int) { return one; }
		void Pool::give(Conn *conn) { one = conn; }
		std::unique_ptr<Conn> Pool::checkout() { return std::unique_ptr<Conn>(one); }
		void Pool::checkin(std::unique_ptr<Conn> conn) { one = conn.release(); }
		template <class T> struct Slots {
			T *get_connection() { return nullptr; }
			void put_connection(T *) {}
		};
		template struct Slots<Conn>;
		}
		namespace {
		bool session_pool_borrow(pg_conn **conn) { *conn = nullptr; return false; }
		void session_pool_return(pg_conn *) {}
		}
		int main() { pg_conn *c; return session_pool_borrow(&c) ? 0 : (session_pool_return(c), 1); }
	END
	build c++ app -g -O0 <pool.cc
	scan ./app
	rules >found
	expect_line found '^acquire app::Pool::take handle=return pool=arg1$'
	expect_line found '^release app::Pool::give handle=arg2 pool=arg1$'
	expect_line found '^acquire app::Pool::checkout handle=\*arg1 pool=arg2$'
	expect_line found '^release app::Pool::checkin handle=\*arg2 pool=arg1$'
	expect_line found '^capacity app::Pool::Pool value=arg3 pool=arg1$'
	expect_line found '^acquire _ZN3app5Slots.*get_connectionEv handle=return pool=arg1$'
	expect_line found \
		'^acquire "\(anonymous namespace\)::session_pool_borrow" handle=\*arg1 ok=true$'
	expect_equal "$(grep -c '^acquire' found)" 4
	expect_status 0 leak_run --allow no-libpq --hooks out true
}

test_numbers_for_handles() {
	build c app -g <<-'END'
		struct pool { int free; };
		void PQfinish(void *);
		int conn_pool_take(struct pool *p) { return p->free--; }
		void conn_pool_give(struct pool *p, int n) { p->free = n; PQfinish(0); }
		int main(void) { struct pool p = { 1 }; conn_pool_give(&p, conn_pool_take(&p)); }
	END
	scan ./app
	expect_equal "$(rules)" \
		"acquire conn_pool_take handle=arg1+return:int pool=arg1 ok=nonnegative
release conn_pool_give handle=arg1+arg2:int pool=arg1"
}

test_what_does_not_fit_together_is_no_pool() {
	build c app -g <<-'END'
		void PQfinish(void *);
		struct conn *get_connection(void) { return 0; }
		void release_connection(struct pool *p) { PQfinish(p); }
		int main(void) { release_connection((void *)get_connection()); }
	END
	scan ./app
	expect_equal "$(rules)" ""
	expect_line out 'left out.* get_connection|get_connection and release_connection'
}

test_nothing_that_looks_like_a_pool() {
	scan "$BUILD/samples/clean"
	expect_equal "$(rules)" ""
	flatten
	expect_line flat '^# Nothing in .*samples/clean, or in [1-9]+ of the libraries needed by it, looks like'
	expect_no_line out 'functions that look like'
	expect_status 0 leak_run --allow no-libpq --hooks out true 2>err
	expect_line err 'warning: there is no pool rule'
}

# Where nothing is found in it alone, and where its name is no word.
test_it_counts_and_quotes_as_a_reader_would() {
	mkdir 'my pools'
	a_pool | build c 'my pools/app' -O0 -g
	scan 'my pools/app'
	expect_line out "^#	connleak run --hooks THIS-FILE 'my pools/app'$"
	build c lib.so -shared -nostdlib <<<'int nothing;'
	scan ./lib.so
	flatten
	expect_line flat '^# Nothing in ./lib.so looks like a pool'
}

test_several_files_are_one_file_of_rules() {
	a_pool | build c one.so -shared -fPIC -O0 -g
	a_pool | sed 's/pool_/conn_pool_/g' | build c app -O0 -g
	scan ./one.so ./app ./app
	expect_equal "$(grep -c '^acquire' out)" 2 "pools"
	expect_equal "$(grep -c 'functions that look like' out)" 1 "heads"
	expect_line out '^#	connleak run --hooks THIS-FILE ./app$'
	scan ./one.so
	expect_line out '^#	connleak run --hooks THIS-FILE PROGRAM$'
	refused 'cannot look at nowhere' ./app nowhere
	expect_equal "$(cat out)" ""
}

test_what_cannot_be_scanned() {
	printf '#!/bin/sh\n' >script
	chmod 755 script
	refused 'cannot look at ./script: .*of a script, name the library' ./script
	refused 'cannot look at nowhere: there is no such file' nowhere
	refused 'name a program or a library'
	refused 'unknown option' --jsno x
	refused 'belongs to .connleak run.' --hook x true
}

test_help_says_what_it_writes() {
	"$CONNLEAK" scan --help >out
	expect_line out 'connleak scan \[OPTION\]... PROGRAM'
	expect_line out 'as rules'
	"$CONNLEAK" help >out
	expect_line out 'connleak scan'
}

test_rules_hold_where_their_file_is_gone() {
	"$CONNLEAK" scan "$BUILD/samples/leak_in_pool" >pool.rules
	expect_status 23 leak_run --hooks pool.rules \
		sh -c "rm pool.rules; $BUILD/samples/leak_in_pool" >out
	json report.json '[.findings[] | .kind, .count]' '["leaked-lease",4]'
}
