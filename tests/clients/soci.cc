/* SPDX-License-Identifier: MIT */
/*
 * soci clean|leak - a session of SOCI, whose PostgreSQL is a plugin
 */
#include <cstring>
#include <iostream>
#include <soci/soci-config.h>
#undef SOCI_HAVE_BOOST /* Debian's needs 150 MB of it, we do not */
#include <soci/soci.h>

static soci::session *acquire()
{
	return new soci::session("postgresql", "");
}

int main(int, char **argv)
{
	soci::session *session = acquire();
	int answer = 0;

	*session << "SELECT 6 * 7", soci::into(answer);
	std::cout << answer << std::endl;
	if (strcmp(argv[1], "leak") != 0)
		delete session;
}
