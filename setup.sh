#!/bin/bash
# SPDX-License-Identifier: MIT
#
# setup.sh - the Debian packages that connleak needs
#
#	./setup.sh base		to build it and pass its tests
#	./setup.sh clients	for the tests with other languages and libraries
#	./setup.sh ci		for .ci/run: base, and what looks at the code
#
# What is there already is left alone, silently and without the network.
# What is missing is installed if we are root or sudo asks no password; else
# one line says what to type.  No service is started.  Debian's postgresql would
# make and start a cluster: it is kept from both, connleak's tests have theirs.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
export PATH=$PATH:/usr/sbin:/sbin # su keeps a user's PATH; dpkg needs these

base=(
	gcc g++ libc6-dev make pkg-config
	libpq-dev libunwind-dev uthash-dev # the shim, and its stacks
	libzydis-dev			   # its patches of code
	libdw-dev libjansson-dev	   # the analyzer: symbols, JSON
	check jq procps patchelf strace gdb groff-base openssl # the tests
)
ci=(shellcheck clang)
clients=( # one of PostgreSQL's clients is a line here
	libpqxx-dev
	libecpg-dev
	python3-psycopg2
	python3-psycopg
	libdbd-pg-perl
	ruby-pg
	php-cli php-pgsql
	lua5.4 lua-sql-postgres
	tcl8.6 libpgtcl
	tcl8.6-tdbc-postgres
	libsoci-dev libsoci-postgresql4.0
	qtbase5-dev libqt5sql5-psql
	unixodbc-dev odbc-postgresql
	libaprutil1-dev libaprutil1-dbd-pgsql
	libdbi-dev libdbd-pgsql
	libzdb-dev
	gdal-bin
	apache2-bin apache2-dev # pools: mod_dbd, ...
	libpoco-dev libcppdb-dev # ... and others
	postgresql-server-dev-15 # what its static libpq is linked to
	gcc-multilib musl-tools # programs that another loader loads
	busybox-static sudo	# tools that cannot be watched
	# what else may ride along in a program
	libjemalloc2 libtcmalloc-minimal4 libgoogle-perftools4 libeatmydata1 valgrind
	clang libclang-rt-dev # and its sanitizers
)

usage() {
	echo "usage: ./setup.sh base|clients|ci" >&2
	exit 2
}

missing_packages() { # PACKAGE...
	local package
	for package; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" \
			2>/dev/null)" = installed ] || echo "$package"
	done
}

# Debian's node takes Debian's addon; for another one `make setup-clients`
# builds it.
has_other_node() {
	[ "$(node -p process.config.variables.node_shared 2>/dev/null)" = false ]
}

has_server() { compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }

apt() { # ARG...
	local log
	log=$(mktemp)
	if ! apt-get -q -o DPkg::Lock::Timeout=300 "$@" \
		>"$log" 2>&1 </dev/null; then
		tail -n 20 "$log" >&2
		rm -f "$log"
		echo "setup.sh: apt-get $* failed" >&2
		return 1
	fi
	rm -f "$log"
}

# Two files for as long as packages, or the server, are being installed; no file
# of anybody else is changed.  The first is read by all that starts services:
# a server that runs already goes on with its old version.  Should we be killed,
# it permits all.  The second is read by Debian's pg_createcluster.
no_start=/usr/sbin/policy-rc.d
no_cluster=/etc/postgresql-common/createcluster.d/connleak-setup.conf

forbid_services() {
	trap permit_all EXIT
	[ ! -e "$no_start" ] || return 0 # what the owner decided holds
	cat >"$no_start" <<-POLICY
		#!/bin/sh
		# connleak's setup.sh, process $$, installs packages.
		[ -d /proc/$$ ] || exit 0
		case \$1 in
		postgresql* | phpsessionclean* | x11-common*) exit 101 ;;
		esac
		exit 0
	POLICY
	chmod 755 "$no_start"
}

forbid_clusters() {
	mkdir -p "${no_cluster%/*}"
	echo 'create_main_cluster = false' >"$no_cluster"
}

permit_all() {
	! grep -qs "connleak's setup.sh" "$no_start" || rm -f "$no_start"
	[ -e "$no_cluster" ] || return 0
	rm -f "$no_cluster"
	rmdir --ignore-fail-on-non-empty "${no_cluster%/*}"
}

# The first package brings the file that names the folder of ours; a machine
# where it does not (the owner changed it) gets no server, not a cluster.
install_server() {
	local decided
	forbid_clusters
	apt install -y --no-install-recommends postgresql-common
	decided=$(pg_conftool /etc/postgresql-common/createcluster.conf \
		show -bs create_main_cluster) || true
	if [ "$decided" != off ]; then
		echo "setup.sh: Debian's createcluster.conf does not read" \
			"${no_cluster%/*}: install postgresql yourself" >&2
		return 1
	fi
	apt install -y --no-install-recommends postgresql
}

case ${1-} in
base) packages=("${base[@]}") needs_server=1 ;;
clients)
	packages=("${clients[@]}") needs_server=
	has_other_node || packages+=(nodejs node-libpq)
	;;
ci) packages=("${base[@]}" "${ci[@]}") needs_server=1 ;;
*) usage ;;
esac
[ $# = 1 ] || usage

mapfile -t missing < <(missing_packages "${packages[@]}")
if has_server; then needs_server=; fi
[ -n "${missing[*]}$needs_server" ] || exit 0

if [ "$(id -u)" != 0 ]; then
	self=$(realpath "$0")
	if sudo -n true 2>/dev/null; then exec sudo -n -- "$self" "$1"; fi
	line="$(printf '%q' "$self") $1"
	if command -v sudo >/dev/null; then
		line="sudo $line"
	else
		line="su -c ${line@Q}"
	fi
	echo "connleak needs packages that only root may install;" \
		"type: $line" >&2
	exit 1
fi

echo "setup.sh: installing ${missing[*]}${needs_server:+ postgresql}"
apt update
forbid_services
[ ${#missing[@]} = 0 ] || apt install -y --no-install-recommends "${missing[@]}"
[ -z "$needs_server" ] || install_server
