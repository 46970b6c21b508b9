# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# parts.sh - programs put together from parts, for the tests that are about
# how a program comes to its libpq: tests/parts/ has the sources.

needs() { # FILE PACKAGE: of those that `setup.sh clients` installs
	[ -e "$1" ] || skip "$2 is missing: make setup-clients"
}

compile() { # [OPTION]...
	# shellcheck disable=SC2046
	"${COMPILER:-cc}" -std=c11 -D_GNU_SOURCE -g -O1 \
		$(pkg-config --cflags libpq) "$@"
}

make_host() { # [OPTION]...: makes ./host
	compile -o host "$ROOT/tests/parts/host.c" -rdynamic -lpthread "$@"
}

# It finds what it is linked to in its own folder.
make_plugin() { # NAME [OPTION]...: makes ./NAME.so
	compile -shared -fPIC -DNAME="\"$1\"" -o "$1.so" \
		"$ROOT/tests/parts/plugin.c" -Wl,-rpath,"\$ORIGIN" "${@:2}"
}

# One that says which copy of which function runs, and connects to nothing.
make_libpq() { # FILE COPY [OPTION]...
	compile -O2 -shared -fPIC -DCOPY="\"$2\"" -Wl,-soname,"$1" -o "$1" \
		"$ROOT/tests/parts/libpq.c" "${@:3}"
}

system_libpq() {
	realpath "$(cc -print-file-name=libpq.so)"
}

# The system's libpq as a wheel bundles it, under a name of its own, and
# changed so that the two can be told apart: PQlibVersion is one more, and the
# application's name comes from PGAPPNAMF.
make_second_libpq() { # FILE
	cp "$(system_libpq)" "$1"
	patchelf --set-soname "$1" "$1"
	perl -0777 -pi -e '
		s/\xb8(..)\x02\0\xc3/"\xb8" . pack("v", unpack("v", $1) + 1) .
			"\x02\0\xc3"/es == 1 or die "no PQlibVersion";
		s/PGAPPNAME\0/PGAPPNAMF\0/ == 1 or die "no PGAPPNAME"' "$1"
	export PGAPPNAME=first PGAPPNAMF=second
}

make_library() { # FILE [OPTION]...: with nothing in it but what it needs
	compile -shared -fPIC -Wl,-soname,"$1" -Wl,--no-as-needed \
		-Wl,-rpath,"\$ORIGIN" -o "$1" -x c /dev/null -x none "${@:2}"
}

says_the_same() { # STATUS COMMAND [ARG]...
	local status=0
	"${@:2}" >with 2>&1 || status=$?
	cmp -s without with || fail "connleak changes what is said by: ${*:2}
$(diff without with | head -n 40)"
	[ "$status" = "$1" ] || fail "status $status, not $1, of: ${*:2}
$(cat report.txt)"
}

# Runs it alone and under connleak: both end with STATUS and say the same.
# Leaves the reports that leak_run leaves.  What is $allowed may be missing.
as_without() { # STATUS PROGRAM [ARG]...
	expect_status "$1" "${@:2}" >without 2>&1
	says_the_same "$1" leak_run --fail-on none \
		${allowed:+--allow "$allowed"} "${@:2}"
}

# What connleak does, in front of another preload.
run_ahead_of() { # PRELOAD PROGRAM [ARG]...
	local status=0
	rm -rf ahead
	mkdir ahead
	LD_PRELOAD=$BUILD/libconnleak.so:$1 CONNLEAK_DIR=$PWD/ahead "${@:2}" ||
		status=$?
	"$CONNLEAK" report --fail-on none --json report.json ahead \
		>report.txt 2>&1 || return
	return $status
}

# With another preload: alone, and with connleak behind it and before it.
beside() { # PRELOAD CONNECTS FINISHES STATUS PROGRAM [ARG]...
	LD_PRELOAD=$1 expect_status "$4" "${@:5}" >without 2>&1
	LD_PRELOAD=$1 says_the_same "$4" leak_run --fail-on none "${@:5}"
	counts "$2" "$3"
	says_the_same "$4" run_ahead_of "$1" "${@:5}"
	counts "$2" "$3"
}

counts() { # CONNECTS FINISHES
	json report.json '.totals | [.connects, .finishes]' "[$1,$2]"
}

# Which objects leaked, and how much each.
leaks() { # "OBJECT:COUNT OBJECT:COUNT"
	json report.json '[.findings[] | select(.kind != "leaked-cancel") |
		"\(.site.module | split("/") | last):\(.count)"] |
		sort | join(" ")' "$1"
}
