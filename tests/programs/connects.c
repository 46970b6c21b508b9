/* SPDX-License-Identifier: MIT */
/*
 * connects WAY - connects to something, mostly without libpq, and prints
 * the addresses that the log of a run should name, a line each.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void need(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static struct sockaddr_in internet(const char *ip, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons((uint16_t)port) };

	inet_pton(AF_INET, ip, &address.sin_addr);
	return address;
}

/* A listener of ours; returns its port, chosen by the system for 0. */
static int listen_at(const char *ip, int port)
{
	struct sockaddr_in address = internet(ip, port);
	socklen_t size = sizeof(address);
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	const int yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	need(!bind(fd, (void *)&address, size), "bind");
	need(!listen(fd, 1000), "listen");
	getsockname(fd, (void *)&address, &size);
	return ntohs(address.sin_port);
}

static int try(const char *ip, int port, int type)
{
	struct sockaddr_in address = internet(ip, port);
	const int fd = socket(AF_INET, type, 0);
	const int result = connect(fd, (void *)&address, sizeof(address));
	const int err = errno;

	close(fd);
	errno = err;
	return result;
}

static void tcp(void)
{
	const int port = listen_at("127.0.0.1", 0);

	for (int i = 0; i < 50; i++)
		need(!try("127.0.0.1", port, SOCK_STREAM), "connect");
	printf("tcp:127.0.0.1:%d\n", port);
}

/* As an IPv6 socket says it. */
static void mapped(void)
{
	const int port = listen_at("127.0.0.1", 0);
	const int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
					.sin6_port = htons((uint16_t)port) };

	inet_pton(AF_INET6, "::ffff:127.0.0.1", &address.sin6_addr);
	need(!connect(fd, (void *)&address, sizeof(address)), "connect");
	printf("tcp:127.0.0.1:%d\n", port);
}

static void ipv6(void)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
					.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	socklen_t size = sizeof(address);
	const int fd = socket(AF_INET6, SOCK_STREAM, 0);

	need(!bind(fd, (void *)&address, size) && !listen(fd, 10), "bind");
	getsockname(fd, (void *)&address, &size);
	need(!connect(socket(AF_INET6, SOCK_STREAM, 0), (void *)&address, size),
	     "connect");
	printf("tcp:::1:%d\n", ntohs(address.sin6_port));
}

/* Its own port, at an address that nobody else has taken. */
static void port_5432(void)
{
	listen_at("127.45.67.89", 5432);
	need(!try("127.45.67.89", 5432, SOCK_STREAM), "connect");
	puts("tcp:127.45.67.89:5432");
}

static void refused(void)
{
	for (int i = 0; i < 3; i++)
		need(try("127.45.67.89", 5432, SOCK_STREAM) &&
			     errno == ECONNREFUSED,
		     "refused");
}

static void datagrams(void)
{
	need(!try("127.0.0.1", 5432, SOCK_DGRAM), "connect");
}

static void many(void)
{
	for (int i = 0; i < 40; i++) {
		const int port = listen_at("127.0.0.1", 0);

		need(!try("127.0.0.1", port, SOCK_STREAM), "connect");
		if (i < 32)
			printf("tcp:127.0.0.1:%d\n", port);
	}
	puts("more");
	/* What may be PostgreSQL is not hidden by them. */
	port_5432();
}

static void forks(void)
{
	const int port = listen_at("127.0.0.1", 0);

	for (int i = 0; i < 2; i++) {
		need(!try("127.0.0.1", port, SOCK_STREAM), "connect");
		if (!fork()) {
			need(!try("127.0.0.1", port, SOCK_STREAM), "connect");
			_exit(0);
		}
		wait(NULL);
	}
	printf("tcp:127.0.0.1:%d\ntcp:127.0.0.1:%d\ntcp:127.0.0.1:%d\n", port,
	       port, port);
}

static int unix_socket(struct sockaddr_un *out, const char *path)
{
	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	strncpy(out->sun_path, path, sizeof(out->sun_path) - 1);
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static void unix_at(const char *path)
{
	struct sockaddr_un address;
	const int fd = unix_socket(&address, path);

	need(!connect(fd, (void *)&address, sizeof(address)), "connect");
	close(fd);
}

static void server(void)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/.s.PGSQL.%s", getenv("PGHOST"),
		 getenv("PGPORT"));
	unix_at(path);
	unix_at(path);
	printf("unix:%s\n", path);
}

static void listen_unix(struct sockaddr_un *out, const char *path,
			socklen_t size)
{
	const int fd = unix_socket(out, path);

	if (path[0] == '@')
		out->sun_path[0] = 0;
	need(!bind(fd, (void *)out, size), "bind");
	need(!listen(fd, 10), "listen");
}

static void other_unix(void)
{
	struct sockaddr_un address;

	listen_unix(&address, "socket.PGSQL.5432", sizeof(address));
	unix_at("socket.PGSQL.5432");
}

static void abstract(void)
{
	struct sockaddr_un address;
	char path[100];
	socklen_t size;

	snprintf(path, sizeof(path), "@/none %d/.s.PGSQL.1", (int)getpid());
	size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			   strlen(path));
	listen_unix(&address, path, size);
	need(!connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, size),
	     "connect");
	printf("unix:@/none\\040%d/.s.PGSQL.1\n", (int)getpid());
}

/* Accepts, and hangs up at once. */
static void *hang_up(void *port)
{
	struct sockaddr_in address = internet("127.0.0.1", 0);
	socklen_t size = sizeof(address);
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	need(!bind(fd, (void *)&address, size) && !listen(fd, 10), "bind");
	getsockname(fd, (void *)&address, &size);
	__atomic_store_n((int *)port, ntohs(address.sin_port),
			 __ATOMIC_RELEASE);
	for (;;)
		close(accept(fd, NULL, NULL));
	return NULL;
}

static void poll_to_the_end(PGconn *conn,
			    PostgresPollingStatusType (*poll)(PGconn *))
{
	PostgresPollingStatusType how;

	do {
		usleep(1000);
		how = poll(conn);
	} while (how == PGRES_POLLING_READING || how == PGRES_POLLING_WRITING);
}

/* Every way in which libpq connects, to somebody who is no server. */
static void libpq(void)
{
	char info[100];
	pthread_t thread;
	int port = 0;
	PGconn *conn;

	pthread_create(&thread, NULL, hang_up, &port);
	while (!__atomic_load_n(&port, __ATOMIC_ACQUIRE))
		usleep(1000);
	snprintf(info, sizeof(info), "host=127.0.0.1 port=%d", port);
	conn = PQconnectdb(info);
	PQreset(conn);
	PQresetStart(conn);
	poll_to_the_end(conn, PQresetPoll);
	PQfinish(conn);
	conn = PQconnectStart(info);
	poll_to_the_end(conn, PQconnectPoll);
	PQfinish(conn);
	need(PQping(info) == PQPING_NO_RESPONSE, "ping");
	printf("tcp:127.0.0.1:%d\n", port);
}

static void libpq_here(void)
{
	PGconn *conn = PQconnectdb("");
	PGcancel *cancel = PQgetCancel(conn);
	char error[256];

	need(PQping("") == PQPING_OK, "ping");
	need(PQcancel(cancel, error, sizeof(error)), "cancel");
	PQfreeCancel(cancel);
	PQreset(conn);
	need(PQstatus(conn) == CONNECTION_OK, PQerrorMessage(conn));
	PQfinish(conn);
}

static volatile int handler_port, handled, handler_failed;

static void connect_in_handler(int number)
{
	const int err = errno;

	(void)number;
	handled++;
	handler_failed |= try("127.0.0.1", handler_port, SOCK_STREAM);
	errno = err;
}

/* Signals that connect, while we do, without waiting. */
static void alarms(void)
{
	const struct itimerval often = { { 0, 500 }, { 0, 500 } };
	const int port = listen_at("127.0.0.1", 0);
	struct sockaddr_in address = internet("127.0.0.1", port);
	int wrong = 0;

	handler_port = listen_at("127.0.0.1", 0);
	signal(SIGALRM, connect_in_handler);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 500 || !handled; i++) {
		const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

		errno = 77;
		if (!connect(fd, (void *)&address, sizeof(address)))
			wrong += errno != 77;
		else
			wrong += errno != EINPROGRESS;
		close(fd);
	}
	signal(SIGALRM, SIG_IGN);
	need(!wrong && !handler_failed, "alarms");
	printf("tcp:127.0.0.1:%d\ntcp:127.0.0.1:%d\n", port, handler_port);
}

static int cleaned;

static void clean_up(void *unused)
{
	(void)unused;
	cleaned = 1;
}

/* Waits in connect() for ever: nobody accepts. */
static void *fill(void *address)
{
	pthread_cleanup_push(clean_up, NULL);
	for (;;)
		connect(socket(AF_UNIX, SOCK_STREAM, 0), address,
			sizeof(struct sockaddr_un));
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancelled(void)
{
	struct sockaddr_un address;
	pthread_t thread;
	void *result;

	listen_unix(&address, ".s.PGSQL.1", sizeof(address));
	pthread_create(&thread, NULL, fill, &address);
	usleep(50000);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	need(result == PTHREAD_CANCELED && cleaned, "cancel");
	puts("unix:.s.PGSQL.1");
}

static const struct way {
	const char *name;
	void (*go)(void);
} ways[] = {
	{ "tcp", tcp },
	{ "mapped", mapped },
	{ "ipv6", ipv6 },
	{ "port_5432", port_5432 },
	{ "refused", refused },
	{ "datagrams", datagrams },
	{ "many", many },
	{ "forks", forks },
	{ "server", server },
	{ "other_unix", other_unix },
	{ "abstract", abstract },
	{ "libpq", libpq },
	{ "libpq_here", libpq_here },
	{ "alarms", alarms },
	{ "cancelled", cancelled },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (argc > 1 && !strcmp(ways[i].name, argv[1])) {
			ways[i].go();
			return 0;
		}
	return 2;
}
