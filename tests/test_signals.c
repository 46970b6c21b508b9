/* SPDX-License-Identifier: MIT */
/* What record/signals.h promises. */
#include <signal.h>
#include <stddef.h>

#include "record/signals.h"
#include "tests/suites.h"

START_TEST(a_signal_has_a_name_with_or_without_sig_and_a_number)
{
	ck_assert_int_eq(signals_parse("USR1"), SIGUSR1);
	ck_assert_int_eq(signals_parse("SIGUSR1"), SIGUSR1);
	ck_assert_int_eq(signals_parse("sigusr2"), SIGUSR2);
	ck_assert_int_eq(signals_parse("10"), 10);
	ck_assert_int_eq(signals_parse("64"), 64);
}
END_TEST

START_TEST(realtime_signals_are_counted_from_either_end)
{
	ck_assert_int_eq(signals_parse("RTMIN"), SIGRTMIN);
	ck_assert_int_eq(signals_parse("SIGRTMIN+3"), SIGRTMIN + 3);
	ck_assert_int_eq(signals_parse("RTMAX-1"), SIGRTMAX - 1);
	ck_assert_int_eq(signals_parse("RTMIN-1"), 0);
	ck_assert_int_eq(signals_parse("RTMAX+1"), 0);
	ck_assert_int_eq(signals_parse("RTMIN+99"), 0);
	ck_assert_int_eq(signals_parse("RTMIN+"), 0);
}
END_TEST

START_TEST(what_names_no_signal_is_0)
{
	static const char *const words[] = {
		"",	 "0",	"65",	      "-1", "1x",
		"SIG",	 "XXX", " USR1",      "RT", "99999999999999999999",
		"USR1 ", "+1",	"SIGSIGUSR1",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		ck_assert_msg(!signals_parse(words[i]), "%s", words[i]);
}
END_TEST

START_TEST(what_the_kernel_sends_for_what_a_program_does_cannot_ask)
{
	static const int refused[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGPIPE,
				       SIGCHLD, SIGALRM, SIGTSTP, SIGCONT };
	static const int taken[] = { SIGHUP,  SIGINT,	SIGQUIT, SIGUSR1,
				     SIGUSR2, SIGWINCH, SIGTERM };

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		ck_assert_ptr_nonnull(signals_refusal(refused[i]));
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		ck_assert_ptr_null(signals_refusal(taken[i]));
	ck_assert_ptr_null(signals_refusal(SIGRTMIN));
	ck_assert_ptr_null(signals_refusal(SIGRTMAX));
}
END_TEST

Suite *signals_suite(void)
{
	Suite *suite = suite_create("signals");
	TCase *test = tcase_create("signals");

	tcase_add_test(test,
		       a_signal_has_a_name_with_or_without_sig_and_a_number);
	tcase_add_test(test, realtime_signals_are_counted_from_either_end);
	tcase_add_test(test, what_names_no_signal_is_0);
	tcase_add_test(
		test, what_the_kernel_sends_for_what_a_program_does_cannot_ask);
	suite_add_tcase(suite, test);
	return suite;
}
