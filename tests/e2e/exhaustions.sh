# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# When there is nothing left to acquire: who has it all is told once, as it was
# then.  And how a lease is joined to its connection where that is delicate.

# Connects N times, in three functions, and finishes none.
build_greedy() {
	cat >greedy.c <<-'END'
		#include <libpq-fe.h>
		#include <stdlib.h>
		__attribute__((noinline)) void open_first(void)
		{
			PQclear(PQexec(PQconnectdb(""), "begin"));
		}
		__attribute__((noinline)) void open_more(int n)
		{
			while (n--)
				PQconnectdb("");
		}
		__attribute__((noinline)) void open_last(void)
		{
			PQconnectdb("");
		}
		int main(int argc, char **argv)
		{
			open_first();
			open_more(atoi(argv[argc - 1]));
			open_last();
			open_last();
			return 0;
		}
	END
	cc -g -I/usr/include/postgresql -o greedy greedy.c -lpq
}

greedy() { # N, behind any limit that was set: leaves the report
	"$CONNLEAK" run --no-scan --fail-on none --quiet -o run \
		--json report.json --text report.txt ./greedy "$1"
}

ran_dry() { # FILTER EXPECTED
	json report.json ".exhaustions | $1" "$2"
}

test_a_connect_that_the_server_refuses_tells_who_has_all() {
	build_greedy
	psql -qU postgres -c 'create role few login connection limit 3'
	PGUSER=few greedy 2
	psql -qU postgres -c 'drop role few'
	ran_dry length 1
	ran_dry '.[0] | [.reason, .used, .site.function]' \
		'["too-many-clients",3,"open_last"]'
	ran_dry '[.[0].keepers[] | [.site.function, .transaction]]' \
		'[["open_first","open"],["open_more",null],["open_more",null]]'
	ran_dry '[.[0].keepers[].backend_pid] | [unique | length, any(. == null)]' \
		'[3,false]'
}

test_a_process_without_descriptors_tells_who_has_all() {
	build_greedy
	ulimit -n 45
	greedy 50
	ran_dry length 1
	ran_dry '.[0] | [.reason, .site.function]' '["too-many-files","open_more"]'
	ran_dry '.[0].used == (.[0].keepers | length)' true
	ran_dry '.[0].keepers[0].site.function' open_first
}

test_what_is_refused_for_another_reason_is_no_exhaustion() {
	build_greedy
	PGUSER=nobody_of_that_name greedy 1
	json report.json .totals.failed_connects 4
	ran_dry length 0
}

annotated=$BUILD/tests/programs/annotated

joined() {
	json report.json '[.findings[] | select(.kind == "leaked-lease") |
		.handles[0].backend_pid != null]' '[true]'
}

# What the handle is made of is read, and by no call that may be death.
test_a_lease_is_joined_where_system_calls_are_filtered() {
	local call
	for call in trace kill:trace; do
		leak_run --fail-on none "$BUILD/tests/programs/confined" \
			$call -- "$annotated" take
		joined
	done
}

# What is read of a handle is not taken for a mistake of the program.
# What lies behind it is nobody's.
test_nor_is_it_to_look_behind_a_small_handle() {
	cat >small.c <<-'END'
		#include <libpq-fe.h>
		#include <stdlib.h>
		struct small { PGconn *conn; };
		static struct small *take(void)
		{
			struct small *small = malloc(sizeof(*small));
			small->conn = PQconnectdb("");
			return small;
		}
		static void give(struct small *small)
		{
			PQfinish(small->conn);
			free(small);
		}
		int main(void)
		{
			give(take());
			give(take());
			return 0;
		}
	END
	# shellcheck disable=SC2046
	cc -g -o small small.c $(pkg-config --cflags libpq) -lpq
	leak_run --hook 'acquire take handle=return; release give handle=arg1' \
		timeout 60 valgrind -q --error-exitcode=7 ./small >out 2>err
	[ ! -s err ] || fail "valgrind says: $(cat err)"
	json report.json '.totals | [.acquires, .releases]' '[2,2]'
}

test_to_look_into_a_handle_is_no_mistake_to_valgrind() {
	command -v valgrind >/dev/null || skip "no valgrind here"
	leak_run --fail-on none timeout 60 valgrind -q --error-exitcode=7 \
		"$annotated" take >out 2>err
	[ ! -s err ] || fail "valgrind says: $(cat err)"
	joined
}
