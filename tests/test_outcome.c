/* SPDX-License-Identifier: MIT */
/* What preload/outcome.h promises, asked of a libpq that is made of this. */
#include <string.h>

#include "preload/outcome.h"
#include "record/format.h"
#include "tests/suites.h"

/* What it answers. */
static struct {
	PGTransactionStatusType transaction;
	ConnStatusType status;
	ExecStatusType result;
	char tag[32];
	char *sqlstate;
} libpq;

static PGTransactionStatusType transaction_status(const PGconn *conn)
{
	(void)conn;
	return libpq.transaction;
}

static ConnStatusType status(const PGconn *conn)
{
	(void)conn;
	return libpq.status;
}

static ExecStatusType result_status(const PGresult *result)
{
	(void)result;
	return libpq.result;
}

static char *command_status(PGresult *result)
{
	(void)result;
	return libpq.tag;
}

static char *error_field(const PGresult *result, int field)
{
	(void)result;
	return field == PG_DIAG_SQLSTATE ? libpq.sqlstate : NULL;
}

static struct libpq copy;
static char thing; /* only its address matters */
static struct outcome outcome;

#define CONN   ((PGconn *)&thing)
#define RESULT ((PGresult *)&thing)

static void begin(void)
{
	copy.function[LIBPQ_PQtransactionStatus] =
		(libpq_code *)transaction_status;
	copy.function[LIBPQ_PQstatus] = (libpq_code *)status;
	copy.function[LIBPQ_PQresultStatus] = (libpq_code *)result_status;
	copy.function[LIBPQ_PQcmdStatus] = (libpq_code *)command_status;
	copy.function[LIBPQ_PQresultErrorField] = (libpq_code *)error_field;
	libpq.transaction = PQTRANS_IDLE;
	libpq.status = CONNECTION_OK;
}

/* What the slot says after a result of this status, and tag or SQLSTATE. */
static uint32_t doing(uint32_t before, ExecStatusType result, const char *text)
{
	libpq.result = result;
	strcpy(libpq.tag, text);
	libpq.sqlstate = *text ? libpq.tag : NULL;
	outcome_of_result(&outcome, &copy, CONN, RESULT);
	return outcome_doing(&outcome, before);
}

static uint32_t after_command(uint32_t before, const char *tag)
{
	return doing(before, PGRES_COMMAND_OK, tag);
}

static uint32_t error_after(uint32_t before, uint32_t error,
			    const char *sqlstate)
{
	doing(before, PGRES_FATAL_ERROR, sqlstate);
	return outcome_error(&outcome, before, error);
}

#define STATE(text) record_sqlstate(text)

START_TEST(the_transaction_is_what_libpq_says)
{
	static const struct {
		PGTransactionStatusType libpq;
		uint32_t ours;
	} pairs[] = {
		{ PQTRANS_IDLE, TRANSACTION_IDLE },
		{ PQTRANS_ACTIVE, TRANSACTION_ACTIVE },
		{ PQTRANS_INTRANS, TRANSACTION_OPEN },
		{ PQTRANS_INERROR, TRANSACTION_FAILED },
		{ PQTRANS_UNKNOWN, TRANSACTION_UNKNOWN },
		{ (PGTransactionStatusType)77, TRANSACTION_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		libpq.transaction = pairs[i].libpq;
		outcome_of(&outcome, &copy, CONN, false);
		ck_assert_uint_eq(outcome_doing(&outcome, TRANSACTION_OPEN),
				  pairs[i].ours);
		ck_assert_uint_eq(outcome.error, 0);
	}
}
END_TEST

START_TEST(who_listens_does_so_until_unlisten)
{
	const uint32_t listens = TRANSACTION_IDLE | CONNECTION_LISTENS;
	uint32_t now = after_command(TRANSACTION_IDLE, "LISTEN");

	ck_assert_uint_eq(now, listens);
	now = after_command(now, "INSERT 0 1");
	ck_assert_uint_eq(now, listens);
	ck_assert_uint_eq(doing(now, PGRES_TUPLES_OK, "UNLISTEN"), listens);
	ck_assert_uint_eq(after_command(now, "UNLISTEN"), TRANSACTION_IDLE);
	ck_assert_uint_eq(after_command(now, "DISCARD PLANS"), listens);
}
END_TEST

START_TEST(of_two_channels_one_may_be_left)
{
	uint32_t now = after_command(TRANSACTION_IDLE, "LISTEN");

	now = after_command(now, "LISTEN");
	ck_assert_uint_ne(after_command(now, "UNLISTEN") & CONNECTION_LISTENS,
			  0);
	now = after_command(now, "DISCARD ALL");
	ck_assert_uint_eq(now, TRANSACTION_IDLE);
	now = after_command(now, "LISTEN");
	ck_assert_uint_eq(after_command(now, "UNLISTEN"), TRANSACTION_IDLE);
}
END_TEST

START_TEST(who_copies_does_so_until_its_end)
{
	const uint32_t copies = TRANSACTION_ACTIVE | CONNECTION_COPIES;

	libpq.transaction = PQTRANS_ACTIVE;
	ck_assert_uint_eq(doing(0, PGRES_COPY_IN, ""), copies);
	ck_assert_uint_eq(doing(0, PGRES_COPY_OUT, ""), copies);
	ck_assert_uint_eq(doing(0, PGRES_COPY_BOTH, ""), copies);
	outcome_of(&outcome, &copy, CONN, false);
	ck_assert_uint_eq(outcome_doing(&outcome, copies), copies);
	outcome_of(&outcome, &copy, CONN, true);
	ck_assert_uint_eq(outcome_doing(&outcome, copies), TRANSACTION_ACTIVE);
	ck_assert_uint_eq(after_command(copies, "COPY 3") & CONNECTION_COPIES,
			  0);
	outcome_of_result(&outcome, &copy, CONN, NULL);
	ck_assert_uint_eq(outcome_doing(&outcome, copies), TRANSACTION_ACTIVE);
	libpq.transaction = PQTRANS_IDLE;
	outcome_of(&outcome, &copy, CONN, false);
	ck_assert_uint_eq(outcome_doing(&outcome, copies), TRANSACTION_IDLE);
}
END_TEST

START_TEST(a_whole_result_answers_the_command_that_goes_on)
{
	static const ExecStatusType whole[] = { PGRES_COMMAND_OK,
						PGRES_TUPLES_OK,
						PGRES_FATAL_ERROR };
	const uint32_t answered = TRANSACTION_ACTIVE | CONNECTION_ANSWERED;

	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		libpq.transaction = PQTRANS_ACTIVE;
		ck_assert_uint_eq(doing(TRANSACTION_ACTIVE, whole[i], ""),
				  answered);
		ck_assert_uint_eq(doing(answered, PGRES_SINGLE_TUPLE, ""),
				  TRANSACTION_ACTIVE);
		outcome_of(&outcome, &copy, CONN, false);
		ck_assert_uint_eq(outcome_doing(&outcome, answered),
				  TRANSACTION_ACTIVE);
		libpq.transaction = PQTRANS_IDLE;
		ck_assert_uint_eq(doing(answered, whole[i], ""),
				  TRANSACTION_IDLE);
	}
}
END_TEST

START_TEST(an_error_is_its_sqlstate)
{
	ck_assert_uint_eq(error_after(TRANSACTION_IDLE, 0, "40001"),
			  STATE("40001"));
	ck_assert_uint_eq(
		error_after(TRANSACTION_IDLE, STATE("40001"), "23505"),
		STATE("23505"));
	doing(0, PGRES_NONFATAL_ERROR, "01000");
	ck_assert_uint_eq(outcome_error(&outcome, 0, 0), STATE("01000"));
	doing(0, PGRES_TUPLES_OK, "40001");
	ck_assert_uint_eq(outcome_error(&outcome, 0, 0), 0);
	doing(0, PGRES_FATAL_ERROR, "");
	ck_assert_uint_eq(outcome_error(&outcome, 0, 0), 0);
}
END_TEST

START_TEST(that_the_transaction_had_failed_is_no_news)
{
	ck_assert_uint_eq(
		error_after(TRANSACTION_FAILED, STATE("40001"), "25P02"), 0);
	ck_assert_uint_eq(error_after(TRANSACTION_FAILED, 0, "25P02"),
			  STATE("25P02"));
}
END_TEST

static uint32_t error_of_nothing(uint32_t before, uint32_t error)
{
	outcome_of_result(&outcome, &copy, CONN, NULL);
	return outcome_error(&outcome, before, error);
}

START_TEST(a_lost_connection_is_an_error)
{
	libpq.transaction = PQTRANS_UNKNOWN;
	ck_assert_uint_eq(error_of_nothing(TRANSACTION_IDLE, 0), 0);
	libpq.status = CONNECTION_BAD;
	ck_assert_uint_eq(error_of_nothing(TRANSACTION_IDLE, 0),
			  STATE("08006"));
	ck_assert_uint_eq(error_of_nothing(TRANSACTION_IDLE, STATE("23505")),
			  STATE("08006"));
	ck_assert_uint_eq(error_after(TRANSACTION_IDLE, 0, "57P01"),
			  STATE("57P01"));
}
END_TEST

START_TEST(why_it_was_lost_is_said_once)
{
	libpq.transaction = PQTRANS_UNKNOWN;
	libpq.status = CONNECTION_BAD;
	ck_assert_uint_eq(error_of_nothing(TRANSACTION_UNKNOWN, STATE("57P01")),
			  0);
	ck_assert_uint_eq(
		error_of_nothing(TRANSACTION_UNKNOWN | CONNECTION_LISTENS,
				 STATE("57P01")),
		0);
	ck_assert_uint_eq(error_of_nothing(TRANSACTION_UNKNOWN, 0),
			  STATE("08006"));
}
END_TEST

Suite *outcome_suite(void)
{
	Suite *suite = suite_create("outcome");
	TCase *test = tcase_create("one call");

	tcase_add_checked_fixture(test, begin, NULL);
	tcase_add_test(test, the_transaction_is_what_libpq_says);
	tcase_add_test(test, who_listens_does_so_until_unlisten);
	tcase_add_test(test, of_two_channels_one_may_be_left);
	tcase_add_test(test, who_copies_does_so_until_its_end);
	tcase_add_test(test, a_whole_result_answers_the_command_that_goes_on);
	tcase_add_test(test, an_error_is_its_sqlstate);
	tcase_add_test(test, that_the_transaction_had_failed_is_no_news);
	tcase_add_test(test, a_lost_connection_is_an_error);
	tcase_add_test(test, why_it_was_lost_is_said_once);
	suite_add_tcase(suite, test);
	return suite;
}
