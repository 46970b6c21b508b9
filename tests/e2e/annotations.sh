# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A pool in the program's own source, which says itself what it hands out: what
# is kept of its leases.

# Leaves the report; what is out of the pool gates, but that it is is not asked.
annotated() { # STEP...
	"$CONNLEAK" run --no-scan --fail-on none --quiet -o run \
		--json report.json --text report.txt "${program:-annotated}" "$@"
}

PATH=$BUILD/tests/programs:$PATH

sums='[.attempts, .acquires, .releases, .failures, .used]'

pool() { # FILTER EXPECTED [N]: of the Nth pool of all
	json report.json ".pools[${3:-0}] | $1" "$2"
}

findings() { # EXPECTED: KIND:COUNT... of all but connections
	json report.json '[.findings[] | select(.kind != "leaked-connection") |
		"\(.kind):\(.count)"] | sort | join(" ")' "$1"
}

test_what_an_annotated_pool_hands_out_is_counted() {
	annotated take take drop take drop
	pool "$sums" '[3,3,2,0,1]'
	pool '[.name, .capacity, .peak_used, .rule]' '["pool_take",2,2,null]'
	json report.json '.totals | [.acquires, .releases, .leases_at_end,
		.peak_leases, .connects, .lost]' '[3,2,1,2,3,0]'
	findings leaked-lease:1
}

test_a_pool_that_gets_all_back_is_clean() {
	"$CONNLEAK" run -o run --quiet --json report.json annotated \
		take query drop take take drop drop
	json report.json '[.status, .findings]' '["clean",[]]'
	pool "$sums" '[3,3,3,0,0]'
}

test_a_site_is_who_asks_the_pool() {
	annotated take drop
	json report.json '[.sites[] | select(.site.function == "serve_order") |
		[.acquired, .released, .open]]' '[[1,1,0]]'
	annotated take try query
	json report.json '[.findings[] | select(.kind == "leaked-lease") |
		.site.function] | sort' '["serve_order","try_order"]'
	json report.json '.findings[0].stack[0].function' pool_take
}

# In either language the function that is compiled into another is found.
test_a_site_is_who_asks_also_where_the_pool_is_inlined() {
	cat >inlined.cc <<-'END'
		#include <libpq-fe.h>
		#include "preload/connleak.h"
		struct pool {
			PGconn *only;
			__attribute__((always_inline)) PGconn *take()
			{
				connleak_waiting(this);
				connleak_acquired(this, only);
				return only;
			}
		};
		__attribute__((noinline)) PGconn *print_bill(pool &p)
		{
			return p.take();
		}
		int main()
		{
			pool p = { PQconnectdb("") };
			return print_bill(p) == nullptr;
		}
	END
	c++ -g -O2 -I"$ROOT" -I/usr/include/postgresql -o inlined inlined.cc \
		-lpq
	program=./inlined annotated
	json report.json '.findings[] | select(.kind == "leaked-lease") |
		[.site.function, .site.line]' '["print_bill(pool&)",14]'
	pool .name take
}

test_a_lease_is_joined_to_its_connection() {
	annotated take query
	json report.json '[.findings[] | select(.kind == "leaked-lease") |
		.handles[0].backend_pid] == [.findings[] |
		select(.kind == "leaked-connection") |
		.handles[0].backend_pid]' true
}

test_to_wait_for_another_thread_is_a_wait() {
	annotated take take soon take
	pool "$sums" '[3,3,1,0,2]'
	# A busy machine makes more of them.
	pool '[.waits > 0, .peak_used, .peak_demand, .released_by_other_thread]' \
		'[true,2,3,1]'
	pool '.wait_s.max > 0.01' true
}

test_tries_in_vain_belong_to_the_wait_of_the_one_that_succeeds() {
	annotated take take soon poll
	pool '[.acquires, .waits < .failures, .failures > 2,
		.attempts - .failures]' '[3,true,true,3]'
	pool '.wait_s.max > 0.01' true
}

test_what_is_got_in_vain_is_a_failure() {
	annotated take take try try drop
	pool "$sums" '[4,2,1,2,1]'
	pool .failed_by '{"nothing":2,"error":0,"exception":0}'
}

test_who_has_one_already_is_nested() {
	annotated take take drop drop take thread
	pool '[.nested, .most_by_one_thread]' '[1,2]'
}

test_what_is_wrong_with_a_release_is_told() {
	annotated take drop again again
	findings double-release:2
	annotated stray
	findings unknown-release:1
	annotated take begin drop
	findings released-in-transaction:1
	annotated take begin fail drop
	findings released-in-transaction:1
	annotated take send drop
	findings released-undrained:1
	annotated take query drop take fail drop
	findings ''
}

test_a_release_by_another_thread_is_no_fault() {
	annotated take elsewhere take drop
	pool '[.releases, .released_by_other_thread]' '[2,1]'
	findings ''
}

# Also where nobody has seen how the process ended.
test_what_a_thread_that_has_ended_had_is_lost() {
	annotated thread
	json report.json '[.findings[] | select(.kind == "leaked-lease") |
		.class]' '["lost"]'
	expect_status 137 annotated thread take kill
	json report.json '[.findings[] | select(.kind == "leaked-lease") |
		.class] | sort' '["lost","undecided"]'
	expect_status 137 annotated thread query kill # it is the main one's
	json report.json '[.findings[] | select(.kind == "leaked-lease") |
		.class]' '["undecided"]'
}

test_a_lease_may_be_meant() {
	annotated take design
	json report.json '[.findings[] | select(.kind == "leaked-lease") |
		.class]' '["by-design"]'
}

test_the_first_time_that_nothing_is_left_tells_who_has_all() {
	annotated take begin take fail drop take try try
	json report.json '.exhaustions | length' 1
	json report.json '.exhaustions[0] | [.pool, .reason, .used, .waiting,
		.capacity, .site.function]' \
		'["pool_take","nothing",2,1,2,"try_order"]'
	json report.json '[.exhaustions[0].keepers[] | [.site.function,
		.transaction, .last_error, .in_query]]' \
		'[["serve_order","open",null,false],["serve_order","idle",null,false]]'
	json report.json '.exhaustions[0].keepers | .[0].age_s > .[1].age_s' true
	expect_line report.txt '^pool pool_take ran dry at '
}

test_a_pool_that_grows_has_its_newest_capacity() {
	annotated take take try grow try
	pool '[.capacity, .peak_used, .failures]' '[3,3,1]'
}

test_what_begins_and_is_given_up_without_a_word_is_in_vain() {
	annotated forget take drop
	pool "$sums" '[2,1,1,1,0]'
}

test_to_say_that_it_waits_is_not_needed() {
	annotated quick drop
	pool "$sums" '[1,1,1,0,0]'
	pool .waits 0
}

# The pools of a child are its own, but for what they may have.
test_a_child_inherits_no_lease() {
	annotated take child drop take drop
	json report.json '[.pools[] | [.acquires, .releases, .used, .capacity]] |
		sort' '[[1,0,1,2],[1,1,0,2]]'
	json report.json '[.findings[] | select(.kind | test("release|lease")) |
		.kind]' '["leaked-lease"]'
}

# A program is built without connleak, or linked at a fixed address, where the
# linker would settle that it is not there.
test_annotations_cost_nothing_without_connleak() {
	local cc kind
	for cc in gcc clang; do
		for kind in "-O0 -fPIE -pie" "-O2 -fno-pie -no-pie"; do
			# shellcheck disable=SC2086
			$cc -D_GNU_SOURCE -Wall -Wextra -Werror -pedantic \
				-I"$ROOT" -I/usr/include/postgresql -g $kind -o \
				annotated "$ROOT/tests/programs/annotated.c" \
				-lpq -lpthread
			./annotated take take try drop stray forget
			program=./annotated annotated take take try drop
			pool "$sums" '[3,2,1,1,1]'
		done
	done
}

test_connleak_h_is_for_each_c_and_each_cpp() {
	cat >all.c <<-'END'
		#include <connleak.h>
		static int pool;
		int main(void)
		{
			connleak_capacity(&pool, 3);
			connleak_waiting(&pool);
			if (pool)
				connleak_acquired(&pool, &pool);
			else
				connleak_acquired(&pool, 0);
			connleak_releasing(&pool, &pool);
			connleak_by_design(&pool);
			return 0;
		}
	END
	cp all.c all.cc
	local compile std
	local strict=(-Wall -Wextra -Wshadow -Wconversion -pedantic -Werror
		-I"$ROOT/preload" -o all)
	for compile in gcc clang; do
		for std in c89 c11; do
			"$compile" -std=$std "${strict[@]}" all.c
			./all
		done
	done
	for compile in g++ clang++; do
		for std in c++98 c++17; do
			"$compile" -std=$std -Wold-style-cast "${strict[@]}" \
				all.cc
			./all
		done
	done
}

test_what_is_installed_is_all_that_a_user_needs() {
	make -s -C "$ROOT" BUILD="$BUILD" DESTDIR="$PWD/there" PREFIX=/usr install
	(cd there && find . -type f | sort) >installed
	diff installed - <<-'END'
		./usr/bin/connleak
		./usr/include/connleak.h
		./usr/lib/libconnleak.so
		./usr/share/man/man1/connleak.1
	END
	echo '#include <connleak.h>
		int main(void) { connleak_by_design(0); return 0; }' >user.c
	cc -Ithere/usr/include -o user user.c
	CONNLEAK=$PWD/there/usr/bin/connleak annotated take
	findings leaked-lease:1
	make -s -C "$ROOT" BUILD="$BUILD" DESTDIR="$PWD/there" PREFIX=/usr uninstall
	[ -z "$(find there -type f)" ]
}
