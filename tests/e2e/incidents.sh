# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Outages of pools: each sample is run once, and its report is held to what the
# sample claims (tests/incidents.sh).  `make incidents-soak` does it ten times.

check_incident() { # NAME
	INCIDENTS=$PWD/incidents "$ROOT/tests/incidents.sh" check "$1"
}

test_incident_spike() { check_incident spike; }
test_incident_analytics_at_peak() { check_incident analytics_at_peak; }
test_incident_pool_too_small() { check_incident pool_too_small; }
test_incident_orm_after_refactoring() { check_incident orm_after_refactoring; }
test_incident_reports() { check_incident reports; }
test_incident_healthy() { check_incident healthy; }

test_every_incident_is_shown() {
	sed -nE 's/^test_incident_.* check_incident (\w+); }$/\1/p' \
		"$ROOT/tests/e2e/incidents.sh" | sort >tested
	sed -nE 's/^all\+?=\((.*)\)$/\1/p' "$ROOT/tests/incidents.sh" |
		tr ' ' '\n' | sort >shown
	diff tested shown
}
