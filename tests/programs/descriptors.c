/* SPDX-License-Identifier: MIT */
/*
 * descriptors - prints what a program could notice of being watched: its open
 * descriptors, blocked and caught signals, errno after calls, and the number
 * of its connection's socket.
 */
#include <dirent.h>
#include <errno.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_descriptors(const char *when)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	int count = 0;

	while ((entry = readdir(dir)))
		count++;
	closedir(dir);
	printf("%s: %d open\n", when, count - 3);
}

static void print_signals(const char *when)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];

	while (fgets(line, sizeof(line), status))
		if (!strncmp(line, "Sig", 3) && line[3] != 'Q')
			printf("%s: %s", when, line);
	fclose(status);
}

int main(void)
{
	PGconn *conn;

	print_descriptors("at first");
	print_signals("at first");
	errno = 7;
	conn = PQconnectdb("");
	printf("socket %d\n", PQsocket(conn));
	print_descriptors("connected");
	print_signals("connected");
	errno = 8;
	PQfinish(NULL);
	printf("errno %d\n", errno);
	PQfinish(conn);
	print_descriptors("finished");
	print_signals("finished");
	errno = 9;
	conn = PQconnectdb("host=127.0.0.1 port=1");
	printf("errno %d, %s", errno, PQerrorMessage(conn));
	PQfinish(conn);
	print_descriptors("at last");
	return 3;
}
