# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# No password reaches a record, a report or a log, whichever way it came.

nowhere_to_be_found() {
	! grep -rlaF -- "$SECRETIVE_PASSWORD" run report.json report.txt err ||
		fail "the password was written"
}

connect_as_secretive() { # COMMAND [ARG]...
	leak_run "$@" >out 2>err || [ $? = 23 ] || fail "status $?: $(cat err)"
	json report.json '.totals.connects > 0' true
	nowhere_to_be_found
}

test_a_password_in_keywords() {
	connect_as_secretive "$BUILD/samples/leak_in_loop" \
		"user=secretive password=$SECRETIVE_PASSWORD"
	json report.json '.findings[0].handles[0].user' secretive
}

test_a_password_in_a_uri() {
	connect_as_secretive "$BUILD/samples/leak_in_loop" \
		"postgresql://secretive:$SECRETIVE_PASSWORD@/$PGDATABASE"
	json report.json '.findings[0].handles[0].user' secretive
}

test_a_password_in_the_environment() {
	PGUSER=secretive PGPASSWORD=$SECRETIVE_PASSWORD \
		connect_as_secretive "$BUILD/samples/leak_in_loop"
}

test_a_password_in_a_pgpass_file() {
	echo "*:*:*:secretive:$SECRETIVE_PASSWORD" >"$HOME/.pgpass"
	chmod 600 "$HOME/.pgpass"
	PGUSER=secretive connect_as_secretive "$BUILD/samples/leak_in_loop"
}

test_a_connection_string_that_libpq_takes_for_a_name() {
	# Not expanded, and said back by PQdb(): it must not be stored.
	connect_as_secretive "$BUILD/tests/programs/odd_names" \
		"postgres://secretive:$SECRETIVE_PASSWORD@db1/orders"
	json report.json '.findings[0].handles[0].dbname' "(conninfo)"
}
