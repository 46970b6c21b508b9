/* SPDX-License-Identifier: MIT */
/*
 * many finish N  - N connects to a port where nobody listens, all finished
 * many open N    - N handles open at once (of an unknown option: no socket)
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	const int open = argc > 1 && !strcmp(argv[1], "open");
	const int count = argc > 2 ? atoi(argv[2]) : 0;

	for (int i = 0; i < count; i++) {
		PGconn *conn = PQconnectdb(open ? "nonsense=1"
						: "host=127.0.0.1 port=1");

		if (!open)
			PQfinish(conn);
	}
	printf("%d done\n", count);
	return 0;
}
