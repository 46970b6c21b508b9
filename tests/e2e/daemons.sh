# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Daemons: two forks, every descriptor closed, the numbers taken for others,
# and an end by SIGKILL.
#
# Nothing is compared with a number of our own: a program that is traced, or
# whose parent lends it descriptors, has more.  It is compared with itself.

daemon() { echo "$BUILD/tests/programs/daemon"; }

alone() { # HOW CLOSE
	"$(daemon)" "$@" without
	wait_until grep -q 'the end' without
}

# Runs it both ways; to itself it looks the same.
check_daemon() { # HOW CLOSE
	alone "$@"
	expect_line without '^0 touched'
	expect_status 0 leak_run --fail-on none "$(daemon)" "$@" with
	cmp without with
	check_report
	rm without with
}

# The daemon is the one that leaks.
check_report() {
	json report.json '.totals | [.connects, .failed_connects, .finishes,
		.open_at_end, .lost]' '[4,1,3,1,0]'
	json report.json '[.findings[] | "\(.kind) \(.count)"] | join(", ")' \
		'leaked-connection 1'
	check_daemons_end
}

check_daemons_end() {
	json report.json '[.findings[0].handles[0].pid, (.processes[] |
		select(.end == "signal 9") | .pid)] | unique | length' 1
}

each_way_to_close() { # HOW
	local close
	for close in closefrom close_range loop; do
		check_daemon "$1" $close
	done
}

test_a_daemon_is_judged_when_it_is_killed() { each_way_to_close daemon; }
test_a_daemon_by_hand_is_judged_when_it_is_killed() { each_way_to_close by_hand; }

# Shows whatever takes, moves or closes something.
calls=read,write,readv,writev,pread64,pwrite64,lseek,ftruncate,fallocate,dup
calls=$calls,dup2,dup3,close,close_range,sendto,recvfrom,sendmsg,recvmsg,ioctl
calls=$calls,splice,sendfile
trace=(strace -f -y -qq -e signal=none -e "trace=$calls" -o)

# What the daemon did to which descriptor, in order.  Inodes differ from run
# to run, and so may the pieces in which an answer comes.
deeds_of_daemon() { # TRACE
	local pid
	pid=$(sed -n 's/ .*the end.*//p' "$1")
	sed -nE "s/^$pid +//p" "$1" | sed -E 's/:\[[0-9]+\]>/>/
		s/^(\w+\([0-9]+(<[^>]*>)?).*/\1/' | uniq
}

# Connleak's own files are open for a moment, at a number that was free.
test_no_descriptor_of_a_daemon_is_read_written_or_closed() {
	"${trace[@]}" trace.without "$(daemon)" by_hand loop said
	rm said
	leak_run --fail-on none \
		"${trace[@]}" trace.with "$(daemon)" by_hand loop said
	check_daemons_end
	deeds_of_daemon trace.without >without
	deeds_of_daemon trace.with >with.all
	grep -vE "<($PWD/run/|/proc/[0-9]+/stat>)" with.all >with
	expect_line without '^close\(255'
	expect_line without '^sendto'
	expect_line with.all "$PWD/run/"
	cmp without with
}
