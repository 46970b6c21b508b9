/* SPDX-License-Identifier: MIT */
/*
 * daemon HOW CLOSE FILE - forks twice (HOW: `daemon` or `by_hand`), closes
 * every descriptor (CLOSE: `closefrom`, `close_range` or `loop`), takes their
 * numbers for files, sockets and a pipe of its own, connects three times (one
 * is refused, one stays out), and dies by SIGKILL.
 *
 * FILE gets what it could notice of being watched: how many descriptors each
 * process has at each moment, the numbers of its connections' sockets, and
 * how many of its own descriptors somebody else has touched.
 */
#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST  256 /* descriptors that are looked at */
#define FILES 20  /* of our own, with the numbers 0 to 19 ... */
#define PAIRS 4	  /* ... and then two sockets each, and a pipe */

static const char *said;

static void say(const char *format, ...)
{
	FILE *file = fopen(said, "a");
	va_list arguments;

	va_start(arguments, format);
	vfprintf(file, format, arguments);
	va_end(arguments);
	fclose(file);
}

static void count_descriptors(const char *when)
{
	int count = 0;

	for (int fd = 0; fd < MOST; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	say("%s: %d open\n", when, count);
}

static void close_all(const char *how)
{
	if (!strcmp(how, "closefrom"))
		closefrom(0);
	else if (!strcmp(how, "close_range"))
		close_range(0, ~0u, 0);
	else
		for (int fd = 0; fd < MOST; fd++)
			close(fd);
}

/* A file is at a place of its own, and a socket has one byte to be read. */
static void take_numbers(void)
{
	char name[32];
	int two[2];

	for (int fd = 0; fd < FILES; fd++) {
		snprintf(name, sizeof(name), "own.%d", fd);
		if (open(name, O_RDWR | O_CREAT | O_TRUNC, 0600) != fd)
			abort();
		pwrite(fd, name, sizeof(name), 0);
		lseek(fd, fd + 1, SEEK_SET);
	}
	for (int pair = 0; pair < PAIRS; pair++) {
		socketpair(AF_UNIX, SOCK_STREAM, 0, two);
		send(two[0], "x", 1, 0);
		send(two[1], "x", 1, 0);
	}
	pipe(two);
	write(two[1], "x", 1);
}

static int is_file_touched(int fd)
{
	char name[32], now[32];
	struct stat about;

	snprintf(name, sizeof(name), "own.%d", fd);
	return fstat(fd, &about) || about.st_size != sizeof(name) ||
	       lseek(fd, 0, SEEK_CUR) != fd + 1 ||
	       pread(fd, now, sizeof(now), 0) != sizeof(now) ||
	       strcmp(name, now) != 0;
}

static int count_touched(void)
{
	int touched = 0, waiting;

	for (int fd = 0; fd < FILES; fd++)
		touched += is_file_touched(fd);
	for (int fd = FILES; fd < FILES + 2 * PAIRS + 1; fd++)
		touched += ioctl(fd, FIONREAD, &waiting) || waiting != 1;
	return touched;
}

static void serve(void)
{
	PGconn *kept, *finished, *refused;

	count_descriptors("reopened");
	kept = PQconnectdb("");
	finished = PQconnectdb("");
	refused = PQconnectdb("host=127.0.0.1 port=1 connect_timeout=9");
	say("sockets %d and %d\n", PQsocket(kept), PQsocket(finished));
	count_descriptors("connected");
	PQfinish(finished);
	PQfinish(refused);
	count_descriptors("finished");
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	said = argv[3];
	PQfinish(PQconnectdb(""));
	count_descriptors("program");
	if (strcmp(argv[1], "daemon") != 0) {
		if (fork())
			return 0;
		setsid();
	} else if (daemon(1, 1)) {
		return 1;
	}
	count_descriptors("middle");
	if (fork())
		_exit(0);
	count_descriptors("daemon");
	close_all(argv[2]);
	count_descriptors("closed");
	take_numbers();
	serve();
	say("%d touched, the end\n", count_touched());
	raise(SIGKILL);
}
