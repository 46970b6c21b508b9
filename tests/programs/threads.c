/* SPDX-License-Identifier: MIT */
/*
 * threads WAY - threads that do to libpq what threads do:
 *
 *	handover	200 threads connect, and finish what others connected
 *	cancel TYPE	one is cancelled in a connect that nobody answers, then
 *			300 are, each somewhere in libpq; with the TYPE
 *			`deferred` (not `async`) one goes on to connect
 *	jumps		one leaves libpq 100 times by longjmp out of a notice
 *	smallest	threads with the smallest stack there is
 *	handler		a signal handler on a stack of its own
 *
 * What hangs ends by SIGALRM.
 */
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAILING "port=abc" /* refused at once, without a socket */

static int bad;

static PGconn *connect_as(const char *info)
{
	PGconn *conn = PQconnectdb(info);
	const int wanted =
		strcmp(info, FAILING) ? CONNECTION_OK : CONNECTION_BAD;

	if ((int)PQstatus(conn) != wanted)
		bad++;
	return conn;
}

/* A handle that one thread leaves here is finished by another. */
#define BOXES 16
#define PEERS 200
static _Atomic(PGconn *) boxes[BOXES];

static void *hand_over(void *number)
{
	unsigned seed = (unsigned)(size_t)number;

	for (int round = 0; round < 50; round++) {
		/* A few are real; more would be the server's test. */
		const int real = round == 0 && seed % 4 == 0;
		PGconn *conn = PQconnectdb(real ? "" : FAILING);

		conn = atomic_exchange(&boxes[rand_r(&seed) % BOXES], conn);
		PQfinish(conn);
	}
	return NULL;
}

static void handover(void)
{
	pthread_t threads[PEERS];

	for (size_t i = 0; i < PEERS; i++)
		pthread_create(&threads[i], NULL, hand_over, (void *)i);
	for (int i = 0; i < PEERS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < BOXES - 3; i++)
		PQfinish(boxes[i]);
	printf("%d connected, 3 are left\n", PEERS * 50);
}

static int cancel_type;
static char silent[64]; /* leads to a port that takes and never answers */
static atomic_int begun;

static void listen_silently(void)
{
	struct sockaddr_in here = { .sin_family = AF_INET };
	socklen_t size = sizeof(here);
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&here, size) || listen(fd, 100) ||
	    getsockname(fd, (struct sockaddr *)&here, &size))
		abort();
	snprintf(silent, sizeof(silent), "host=127.0.0.1 port=%d",
		 ntohs(here.sin_port));
}

static void *wait_in_connect(void *unused)
{
	pthread_setcanceltype(cancel_type, NULL);
	begun = 1;
	PQfinish(PQconnectdb(silent));
	return unused;
}

static void *poll_for_ever(void *conn)
{
	pthread_setcanceltype(cancel_type, NULL);
	begun = 1;
	for (;;) {
		PQconnectPoll(conn);
		pthread_testcancel();
	}
	return NULL;
}

static void cancel_one(void *(*begin)(void *), void *argument, unsigned us)
{
	pthread_t thread;
	void *result;

	begun = 0;
	pthread_create(&thread, NULL, begin, argument);
	while (!begun)
		usleep(10);
	usleep(us);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	bad += result != PTHREAD_CANCELED;
}

static PGconn *handles[300];

/*
 * The cancellation waits for a place where it may be obeyed: libpq has none
 * in a connect that is refused so early.
 */
static void *connect_while_cancelled(void *unused)
{
	begun = 1;
	pthread_cancel(pthread_self());
	for (int i = 0; i < 300; i++)
		handles[i] = PQconnectdb(FAILING);
	pthread_testcancel();
	return unused;
}

/* Its blocked poll is reached soon after it has begun. */
static void cancel(void)
{
	PGconn *conn = connect_as(FAILING);

	listen_silently();
	cancel_one(wait_in_connect, NULL, 100000);
	for (unsigned i = 0; i < 300; i++)
		cancel_one(poll_for_ever, conn, i % 50);
	PQfinish(conn);
	if (cancel_type == PTHREAD_CANCEL_DEFERRED)
		cancel_one(connect_while_cancelled, NULL, 0);
	for (int i = 0; i < 300; i++)
		PQfinish(handles[i]);
	PQfinish(connect_as(""));
	if (fork() == 0) {
		alarm(20);
		PQfinish(connect_as(""));
		_exit(bad);
	}
	wait(&bad);
}

static jmp_buf out;

static void jump(void *unused, const char *message)
{
	(void)unused;
	(void)message;
	longjmp(out, 1);
}

static void poll_until_up(PGconn *conn)
{
	while (PQconnectPoll(conn) != PGRES_POLLING_OK)
		usleep(100);
}

/*
 * Out of a query, and out of a poll.  A connection is of no use after that, but
 * to be finished.
 */
static void jumps(void)
{
	for (volatile int i = 0; i < 50; i++) {
		PGconn *volatile conn = connect_as("");

		PQsetNoticeProcessor(conn, jump, NULL);
		if (!setjmp(out))
			PQexec(conn, "do $$ begin raise notice 'hi'; end $$");
		PQfinish(conn);

		conn = PQconnectStart(
			"options='-c client_min_messages=debug5'");
		PQsetNoticeProcessor(conn, jump, NULL);
		if (!setjmp(out)) {
			poll_until_up(conn);
			bad++;
		}
		PQfinish(conn);
	}
}

static void *connect_and_finish(void *info)
{
	PQfinish(connect_as(info));
	return NULL;
}

static void smallest(void)
{
	static char nowhere[] = "", nothing[] = FAILING;
	char *const infos[] = { nothing, nowhere, nothing };
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	bad += pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
	for (int i = 0; i < 3; i++) {
		bad += pthread_create(&thread, &attributes, connect_and_finish,
				      infos[i]);
		pthread_join(thread, NULL);
	}
	/* Its first call makes a record. */
	if (fork() == 0) {
		bad += pthread_create(&thread, &attributes, connect_and_finish,
				      nowhere);
		pthread_join(thread, NULL);
		_exit(bad);
	}
	wait(&bad);
}

static PGconn *kept;

static void handle(int number)
{
	(void)number;
	PQfinish(connect_as(FAILING));
	PQfinish(connect_as(""));
	kept = connect_as(FAILING);
}

static void handler(void)
{
	stack_t stack = { .ss_size = (size_t)SIGSTKSZ };
	struct sigaction action = { .sa_handler = handle,
				    .sa_flags = SA_ONSTACK };

	stack.ss_sp = malloc(stack.ss_size);
	bad += sigaltstack(&stack, NULL) != 0;
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "";

	alarm(100);
	cancel_type = argc > 2 && !strcmp(argv[2], "async")
			      ? PTHREAD_CANCEL_ASYNCHRONOUS
			      : PTHREAD_CANCEL_DEFERRED;
	if (!strcmp(way, "handover"))
		handover();
	else if (!strcmp(way, "cancel"))
		cancel();
	else if (!strcmp(way, "jumps"))
		jumps();
	else if (!strcmp(way, "smallest"))
		smallest();
	else if (!strcmp(way, "handler"))
		handler();
	else
		return 2;
	printf("%d bad\n", bad);
	return bad != 0;
}
