/* SPDX-License-Identifier: MIT */
/* Runs every unit test; CK_RUN_SUITE and CK_RUN_CASE choose among them. */
#include <stdlib.h>
#include "tests/suites.h"

int main(void)
{
	SRunner *runner = srunner_create(NULL);
	int failed;

#define ADD_SUITE(name) srunner_add_suite(runner, name##_suite());
	SUITES(ADD_SUITE)
#undef ADD_SUITE
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
