/* SPDX-License-Identifier: MIT */
/* What --ask-server asks for, of run and report alike. */
#include <errno.h>
#include <stdio.h>

#include "analyzer/ask_server.h"
#include "analyzer/commands.h"
#include "analyzer/libpq.h"

int command_ask_check(const struct options *o, const char **ret_error)
{
	const char *conninfo = option_text(o, SETTING_ASK_SERVER);

	if (!conninfo || libpq_takes(conninfo))
		return 0;
	*ret_error = "--ask-server takes a connection string of libpq, such as "
		     "'host=db1 dbname=orders user=me'; this is none (it is "
		     "not repeated here, it may have a password in it)";
	return -EINVAL;
}

/* A warning is no report: --quiet is not about it. */
void command_ask(struct report *report, const struct options *o,
		 const struct evidence *evidence)
{
	const char *conninfo = option_text(o, SETTING_ASK_SERVER);
	struct report_asked *asked = &report->timeouts.asked;

	if (!conninfo)
		return;
	ask_server(asked, &report->arena, conninfo, evidence);
	if (asked->why_not)
		fprintf(stderr,
			"connleak: warning: --ask-server: the server was not "
			"asked: %s\n",
			asked->why_not);
}
