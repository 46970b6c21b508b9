# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Whom a process connects to: by libpq, `peer`; past it, `connect`.

# The program's output is what the log must say, with this first word.
expect_lines() { # WORD WAY [some]
	expect_status 0 "$CONNLEAK" run -o run --quiet --allow all -- \
		"$BUILD/tests/programs/connects" "$2" >out 2>err
	expect_equal "$(cat err)" "" "standard error"
	expect_equal "$(awk '$1 == "peer" || $1 == "connect" {
			print $1, $4 }' run/run.log)" \
		"$(sed "s/^/$1 /" out)" "what is logged"
	[ -z "${3-}" ] || [ -s out ] || fail "the program named no address"
}

test_an_address_is_logged_once() {
	expect_lines connect tcp some
}

test_a_line_says_whose_it_is() {
	expect_lines connect tcp some
	local pid
	pid=$(awk '$1 == "image" { print $2, $3 }' run/run.log)
	expect_line run/run.log "^connect $pid tcp:127\.0\.0\.1:[0-9]+$"
}

test_an_ipv4_address_of_an_ipv6_socket_is_the_same_address() {
	expect_lines connect mapped some
}

test_an_ipv6_address() {
	"$BUILD/tests/programs/connects" ipv6 >/dev/null 2>&1 ||
		skip "no IPv6 here"
	expect_lines connect ipv6 some
}

test_the_port_of_postgresql() {
	expect_lines connect port_5432 some
}

test_a_connect_that_failed_is_none() {
	expect_lines none refused
}

test_datagrams_connect_to_nobody() {
	expect_lines none datagrams
}

test_many_addresses_are_bounded_and_hide_no_postgresql() {
	expect_lines connect many some
}

test_each_process_has_lines_of_its_own() {
	expect_lines connect forks some
	expect_equal "$(awk '$1 == "connect" { print $2 }' run/run.log |
		sort -u | wc -l)" 3 processes
}

test_the_servers_socket_without_libpq() {
	expect_lines connect server some
}

test_a_socket_of_another_name_is_of_no_interest() {
	expect_lines none other_unix
}

test_an_abstract_socket_with_a_blank_in_its_name() {
	expect_lines connect abstract some
}

test_libpqs_own_connects_are_peers() {
	expect_lines peer libpq some
}

test_libpqs_own_connects_to_a_socket_need_no_line() {
	expect_lines none libpq_here
}

test_connects_in_signal_handlers_and_without_waiting() {
	expect_lines connect alarms some
}

test_a_thread_is_cancelled_in_connect() {
	expect_lines connect cancelled some
}

# Another preload stands before us: libpq's calls come from there.
test_libpqs_own_connects_through_somebody_elses_hook() {
	cc -shared -fPIC -D_GNU_SOURCE -x c - -o front.so <<-END
		#include <dlfcn.h>
		#include <sys/socket.h>
		int connect(int fd, __CONST_SOCKADDR_ARG to, socklen_t size)
		{
			int (*next)(int, const struct sockaddr *, socklen_t) =
				dlsym(RTLD_NEXT, "connect");
			int result = next(fd, to.__sockaddr__, size);
			return result;
		}
	END
	LD_PRELOAD=$PWD/front.so expect_lines none libpq_here
	LD_PRELOAD=$PWD/front.so expect_lines connect server some
}
