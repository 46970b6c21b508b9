# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Is what is held called held, and what is lost, lost?  tests/held/ has a
# hundred places to keep a connection in (held.h says how they are run); each is
# used once with the connection and once without, and what the search found is
# compared with the table that the programs have.  A `lost` that is none is
# allowed nowhere.
#
# HELD_PRODUCT=1 runs every place in every way, for `make soak`, or in those
# whose name matches HELD_WAYS (`cc -O2`, `clang -O3 TLS` ...); else one thing is
# varied at a time.

# shellcheck source=tests/parts.sh
. "$ROOT/tests/parts.sh"

# What is found is the point here, not how fast.
unset CONNLEAK_FAIL_ON CONNLEAK_NO_SCAN
export CONNLEAK_SCAN_TIME=30s

places_c=$BUILD/tests/held/c
places_cc=$BUILD/tests/held/cc
preload= # beside the shim
go_on=   # not empty: what is wrong is said, and the test fails at its end

wrong() { # TEXT
	[ -n "$go_on" ] || fail "$1"
	echo "$1" >>"${SKIP_FILE%/*}/output"
	touch "$go_on"
}

# Leaves the records in found/CASE.WAY.
run_place() { # PROGRAM CASE WAY END
	local status=0 folder=$PWD/found/$2.$3
	mkdir -p "$folder"
	CONNLEAK_DIR=$folder LD_PRELOAD="$BUILD/libconnleak.so $preload" \
		"$1" "$2" "$3" "$4" >"$folder/said" 2>&1 || status=$?
	[ "$status" = 7 ] || [ "$4:$status" = pthread_exit:0 ] ||
		wrong "status $status of $*: $(cat "$folder/said")"
}

# Four at a time: most of the time they wait.
running=()
begin_place() { # PROGRAM CASE WAY END
	run_place "$@" &
	running+=($!)
	((${#running[@]} < 4)) || finish_places
}

finish_places() {
	local pid
	for pid in "${running[@]}"; do wait "$pid"; done
	running=()
}

# Where other threads go on, that would never let the process end.
threaded='other_.*|.*register|moving|all_handlers|stack_in_heap|below_stack|'
threaded+='no_guard|dontfork|wipeonfork|epoll_without_main|thread'

# Those of its places whose name matches, kept and lost.
run_places() { # PROGRAM END REGEX
	local name keep lose
	while read -r name keep lose; do
		[[ $name =~ ^($3)$ ]] || continue
		[[ $2 != pthread_exit || ! $name =~ ^($threaded)$ ]] || continue
		[ "$2:${BUSY-}" != pthread_exit:1 ] || continue
		[ "$keep" = - ] || begin_place "$1" "$name" keep "$2"
		[ "$lose" = - ] || begin_place "$1" "$name" lose "$2"
	done < <("$1" list)
	finish_places
}

# What was found against the program's table; the last two are allowed as well.
# Nothing that is kept is ever allowed to be lost.  Leaves what was found in
# ./answers, and what of it is wrong in ./wrong.
judge() { # PROGRAM [KEEP] [LOSE]
	"$1" list >table
	"$BUILD/tests/held/answers" found/* >answers
	awk -v more_keep="${2-}" -v more_lose="${3-}" '
		FILENAME == "table" { keep[$1] = $2; lose[$1] = $3; next }
		{
			split($1, at, ".")
			allowed = at[2] == "keep" ? keep[at[1]] "," more_keep \
				: lose[at[1]] "," more_lose
			if (!index("," allowed ",", "," $3 ","))
				print $0 ", allowed: " allowed
		}' table answers >wrong
}

# For expect_found().
remember() {
	awk 'FILENAME == "table" { can[$1 ".lose"] = $3 ~ /lost/; next }
		can[$1]' table answers >>at_first
}

# What is wrong may be so by chance: the end of a string over an address that
# lay there before is an address too, somewhere within 16 MB; and a thread may
# get no processor for seconds.  So it is done again; but never for a false
# `lost`, which no chance excuses.
do_again() { # PROGRAM WHAT END [KEEP] [LOSE]
	local name way
	tell "$2, again: $(cat wrong)"
	while IFS='. ' read -r name way _; do
		rm -rf "found/$name.$way"
		run_place "$1" "$name" "$way" "$3"
	done <wrong
	judge "$1" "${@:4}"
}

has_false_lost() { grep -q '\.keep [a-z]* lost' wrong; }

figures() {
	awk '
		$1 ~ /keep/ { held++; right += $3 == "held"; maybe += $3 == "maybe" }
		$1 ~ /lose/ { lost++; found += $3 == "lost" }
		$2 == "complete" { n++; sum += $6; if ($6 > most) most = $6 }
		$2 != "complete" { short++ }
		END {
			printf "%d held: %d held, %d maybe; ", held, right, maybe
			printf "%d lost: %d lost; %d cut short; ", lost, found, short
			printf "%.1f ms, at most %.1f\n", sum / n / 1000, most / 1000
		}'
}

check_places() { # PROGRAM WHAT END REGEX [KEEP] [LOSE]
	local tries=0
	run_places "$1" "$3" "$4"
	[ -d found ] || return 0 # none of them can end so
	judge "$1" "${@:5}"
	remember
	while ((tries++ < 3)) && [ -s wrong ] && ! has_false_lost; do
		do_again "${@:1:3}" "${@:5}"
	done
	[ ! -s wrong ] || wrong "$2: $(cat wrong)"
	tell "$2: $(figures <answers)"
	rm -rf found
}

# Nine in ten of what can be called lost, with the C library's malloc.
expect_found() {
	awk '{ lost++; found += $3 == "lost" }
		END { exit found < 0.9 * lost }' at_first ||
		fail "too few of the lost are called lost: $(cat at_first)"
}

# Few places, for all other ways: one of each kind.
some_c='global|thread_local|packed|block|lost_block|list|large|cycle|freed|epoll|other_stack|other_arena|register|tag_above'
some_cc='vector|map|shared|function|local_static|unordered_map|deque|thread'

test_places_of_c() {
	check_places "$places_c" C return '.*'
	expect_found
}

test_places_of_cc() {
	check_places "$places_cc" C++ return '.*'
	expect_found
}

# Where the first sign of the end is an exit handler, others may have run before
# ours, and the search cannot know; a lost handle may be `maybe` there.
# So it may be where a thread that is busy loading has not answered in time.
late='errx error pthread_exit dlopen'
ends='exit errx error pthread_exit _exit _Exit quick_exit thread handler deep dlopen'

allowed_at() { # END: for what is lost
	[[ " $late " != *" $1 "* ]] || echo maybe,held
	[ "$1" != dlopen ] || echo ,none
}

# The data of a thread's keys are gone by then.  While another thread loads a
# library, memory may be half mapped, and the helper ends there.
kept_at() { # END: for what is held
	[ "$1" != pthread_exit ] || echo maybe
	[ "$1" != dlopen ] || echo maybe,none
}

test_every_end() {
	local end
	check_places "$places_c" "by pthread_exit, keys" pthread_exit \
		'key|late_key' maybe maybe
	for end in $ends; do
		check_places "$places_c" "by $end" "$end" \
			'global|lost_block|other_stack' '' "$(allowed_at "$end")"
		check_places "$places_cc" "by $end, C++" "$end" \
			local_static '' "$(allowed_at "$end")"
	done
}

# What the programs are built with.
build_c() { # COMPILER OPTION...
	COMPILER=$1 compile -I"$ROOT" "${@:2}" -o places \
		"$ROOT"/tests/held/{held,ends}.c -lpq -lpthread
}

test_every_optimisation() {
	local level
	for level in -O0 -O2 -O3; do
		build_c cc "$level"
		check_places ./places "cc $level" return "$some_c|no_guard|tree|like_cache"
	done
}

test_clang() {
	[ -n "$(type -P clang)" ] || skip "clang is missing: ./setup.sh ci"
	build_c clang -O2
	check_places ./places "clang -O2" return "$some_c"
}

# Of another malloc nothing is known: what is lost may be anything.
check_allocator() { # LIBRARY PACKAGE
	preload=$(cc -print-file-name="$1")
	needs "$preload" "$2"
	check_places "$places_c" "$2" return "$some_c|realloc|aligned|pool" \
		maybe maybe,held
	check_places "$places_cc" "$2, C++" return "$some_cc" maybe maybe,held
}

test_jemalloc() { check_allocator libjemalloc.so.2 libjemalloc2; }
test_tcmalloc() { check_allocator libtcmalloc.so.4 libgoogle-perftools4; }

# OpenSSL keeps two pointers to each connection.
make_certificate() {
	openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 \
		-keyout key.pem -out cert.pem 2>err
	chmod 600 key.pem
	[ "$(id -u)" != 0 ] || chown postgres: key.pem cert.pem
}

with_tls() { # COMMAND [ARG]...
	# shellcheck source=tests/server.sh
	. "$ROOT/tests/server.sh"
	local settings tries
	make_certificate
	settings=(listen_addresses=127.0.0.1 ssl=on
		"ssl_cert_file=$PWD/cert.pem" "ssl_key_file=$PWD/key.pem")
	trap server_stop EXIT
	for ((tries = 0; tries < 5; tries++)); do
		! server_start port=$((20000 + RANDOM % 10000)) \
			"${settings[@]}" || break
	done
	export PGHOST=127.0.0.1 PGSSLMODE=require
	"$@"
}

check_tls() {
	check_places "$places_c" TLS return "$some_c"
	check_places "$places_cc" "TLS, C++" return "$some_cc"
	expect_found
}

test_tls() { (with_tls check_tls); }

# Others map, allocate and move pointers meanwhile.  One of them that gets no
# processor to answer on leaves a doubt, and their mappings hide where a large
# block begins.
test_busy_threads() {
	local round
	export BUSY=1
	for round in 1 2 3; do
		check_places "$places_c" "busy, round $round" exit \
			'block|list|large|other_stack|moving' maybe maybe
	done
}

test_a_pointer_that_moves() {
	local round
	for round in {1..10}; do
		run_place "$places_c" moving keep exit
		mv found/moving.keep "found/moving.keep.$round"
	done
	judge "$places_c"
	[ ! -s wrong ] || fail "a pointer that moves: $(cat wrong)"
	tell "a pointer that moves: $(figures <answers)"
}

# All of it, for hours.
# An optimiser may leave one more copy: what is kept may be surer than it was.
each_way() { # NAME KEEP LOSE
	local end
	for end in return $ends; do
		check_places ./places "C, by $end, $1" "$end" '.*' \
			"$2,held,$(kept_at "$end")" "$3,$(allowed_at "$end")"
		check_places "$places_cc" "C++, by $end, $1" "$end" '.*' \
			"$2,held,$(kept_at "$end")" "$3,$(allowed_at "$end")"
	done
}

wanted() { [[ $1 =~ ${HELD_WAYS-} ]]; } # NAME

each_way_of() { # COMPILER LEVEL
	local allocator
	build_c "$1" "$2"
	! wanted "$1 $2 alone" || each_way "$1 $2" '' ''
	for allocator in libjemalloc.so.2 libtcmalloc.so.4; do
		preload=$(cc -print-file-name="$allocator")
		! wanted "$1 $2 $allocator" ||
			each_way "$1 $2 $allocator" maybe maybe,held
	done
	preload=
	! wanted "$1 $2 TLS" || (with_tls each_way "$1 $2 TLS" '' '')
	! wanted "$1 $2 busy" || BUSY=1 each_way "$1 $2 busy" maybe maybe,held
}

test_every_place_in_every_way() {
	local level compiler
	if [ "${HELD_PRODUCT-}" != 1 ]; then
		tell 'not now: one thing was varied at a time; make soak does all'
		return 0
	fi
	go_on=$PWD/something_is_wrong
	for compiler in cc clang; do
		for level in -O0 -O2 -O3; do
			each_way_of "$compiler" "$level"
		done
	done
	[ ! -e "$go_on" ] || fail 'these were wrong; all others were right'
}

# Nothing that a search does is seen by the program, wherever it ends.
unharmed() { # SITUATION OUTCOME ANSWERS: extended regular expressions
	local program=$BUILD/tests/held/harm outcome answers took
	expect_status 7 "$program" "$1" >without 2>&1
	rm -rf record
	mkdir record
	CONNLEAK_DIR=$PWD/record LD_PRELOAD=$BUILD/libconnleak.so \
		expect_status 7 "$program" "$1" >with 2>&1
	cmp without with
	read -r _ outcome answers _ _ took < \
		<("$BUILD/tests/held/answers" record)
	[[ $outcome =~ ^($2)$ ]] || fail "$1: the outcome is $outcome, not $2"
	[[ $answers =~ ^($3)$ ]] || fail "$1: the answers are $answers, not $3"
	# A thread that is held gives up after so long.
	((took < 10000000)) || fail "$1: a lock was waited for"
	tell "$1: $("$BUILD/tests/held/answers" record)"
}

test_nothing_is_harmed() {
	unharmed address_space memory none
	unharmed seccomp failed 'none'
	unharmed threads complete 'held,(lost|maybe)'
	unharmed starting complete 'held,(lost|maybe)'
	unharmed unmapping 'complete' 'held,(lost|maybe)'
	unharmed truncated complete 'held,maybe'
	unharmed sigwait complete 'held,maybe'
	unharmed blocking complete 'held,maybe'
	unharmed calls complete 'held,lost'
	unharmed pause complete 'held,lost'
	unharmed sleep complete 'held,lost'
	unharmed poll complete 'held,lost'
	unharmed vfork complete 'held,lost'
	unharmed listing complete 'held,(lost|maybe)'
	unharmed reaping 'complete|failed' '(held|none),(lost|maybe|none)'
}

# Root is under no such limit.
test_no_more_processes() {
	unharmed processes 'complete|failed' '(held|none),(lost|none)'
}

test_what_a_child_inherited() {
	local pids
	expect_status 7 leak_run --fail-on none "$BUILD/tests/held/harm" fork
	pids=$("$BUILD/tests/held/answers" run)
	tell "fork: $pids"
	[[ $pids == *lost* ]] || fail "nothing is lost: $pids"
}

# Longer than it may take: what was found is kept, and nothing is lost.
test_a_search_cut_short() {
	CONNLEAK_SCAN_TIME=20ms unharmed big 'late|memory' '(held|none)'
}
