/* SPDX-License-Identifier: MIT */
/*
 * annotated - a pool of two connections in the program's own source, which
 * tells connleak itself what it hands out.  Each argument is one step:
 *
 *	take		acquires one, and waits for it as long as it takes
 *	try		acquires one, or none
 *	poll		tries every 5 ms, until there is one
 *	quick		acquires one without having said that it waits
 *	forget		begins to wait, and goes away without a word
 *	soon		30 ms from now another thread releases the oldest
 *	drop		releases the newest
 *	elsewhere	the same, by another thread
 *	again		releases once more what was released last
 *	stray		releases what was never acquired
 *	thread		another thread acquires one, and ends
 *	query, begin, fail, send, listen	what is done with the newest
 *	keep		another thread acquires one, and stays
 *	ready		says so, and goes on when standard input has ended
 *	reconnect	the newest gets another connection
 *	design		the newest is meant to be kept
 *	child		the next steps are a child's, which this one waits for
 *	grow		the pool has three
 *	kill		itself
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/connleak.h"

struct member {
	int number, busy;
	PGconn *conn;
};

static struct pool {
	pthread_mutex_t lock;
	pthread_cond_t freed;
	int size;
	struct member members[3];
} pool = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 2, { { 0 } } };

static void need(int good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "annotated: %s\n", what);
	exit(2);
}

static void fill_pool(void)
{
	for (int i = 0; i < 3; i++) {
		pool.members[i].number = i;
		pool.members[i].conn = PQconnectdb("");
		need(PQstatus(pool.members[i].conn) == CONNECTION_OK,
		     "no connection");
	}
	connleak_capacity(&pool, pool.size);
}

/* What is out is not to be finished. */
static void empty_pool(void)
{
	for (int i = 0; i < 3; i++)
		if (!pool.members[i].busy)
			PQfinish(pool.members[i].conn);
}

static struct member *find_free(void)
{
	for (int i = 0; i < pool.size; i++)
		if (!pool.members[i].busy)
			return &pool.members[i];
	return NULL;
}

static __attribute__((noinline)) struct member *pool_take(int wait, int say)
{
	struct member *member;

	if (say)
		connleak_waiting(&pool);
	pthread_mutex_lock(&pool.lock);
	while (!(member = find_free()) && wait)
		pthread_cond_wait(&pool.freed, &pool.lock);
	if (member)
		member->busy = 1;
	connleak_acquired(&pool, member);
	pthread_mutex_unlock(&pool.lock);
	return member;
}

static __attribute__((noinline)) void pool_drop(struct member *member)
{
	connleak_releasing(&pool, member);
	pthread_mutex_lock(&pool.lock);
	member->busy = 0;
	pthread_cond_signal(&pool.freed);
	pthread_mutex_unlock(&pool.lock);
}

static struct member *taken[64], *dropped, stray;
static int count;
static pthread_t thread;
static int has_thread;

static void keep(struct member *member)
{
	if (member)
		taken[count++] = member;
}

static struct member *newest(void)
{
	need(count > 0, "nothing was taken");
	return taken[count - 1];
}

/* One function for each way, so that each is a site. */
static __attribute__((noinline)) void serve_order(void)
{
	keep(pool_take(1, 1));
}

static __attribute__((noinline)) void try_order(void)
{
	keep(pool_take(0, 1));
}

static __attribute__((noinline)) void poll_order(void)
{
	const int before = count;

	while (keep(pool_take(0, 1)), count == before)
		usleep(5000);
}

static __attribute__((noinline)) void quick_order(void)
{
	keep(pool_take(0, 0));
}

static void forget_order(void)
{
	connleak_waiting(&pool);
}

static void drop(void)
{
	dropped = newest();
	count--;
	pool_drop(dropped);
}

static void drop_again(void)
{
	pool_drop(dropped);
}

static void drop_stray(void)
{
	pool_drop(&stray);
}

static void *drop_soon(void *unused)
{
	(void)unused;
	usleep(30000);
	pool_drop(taken[0]);
	return NULL;
}

static void start_dropping(void)
{
	need(!pthread_create(&thread, NULL, drop_soon, NULL), "no thread");
	has_thread = 1;
}

static void *run(void *step)
{
	void (*what)(void);

	memcpy(&what, step, sizeof(what));
	what();
	return NULL;
}

/* In a thread, until its end. */
static void elsewhere(void (*what)(void))
{
	pthread_t other;

	need(!pthread_create(&other, NULL, run, &what), "no thread");
	pthread_join(other, NULL);
}

static void drop_elsewhere(void)
{
	elsewhere(drop);
}

static void take_elsewhere(void)
{
	elsewhere(serve_order);
}

static void ask(const char *query)
{
	PQclear(PQexec(newest()->conn, query));
}

static void query(void)
{
	ask("select 1");
}

static void begin(void)
{
	ask("begin");
}

static void fail(void)
{
	ask("select 1/0");
}

static void send_query(void)
{
	need(PQsendQuery(newest()->conn, "select 1"), "not sent");
}

static void listen_to(void)
{
	ask("listen orders");
}

static pthread_barrier_t kept;

static void *take_and_stay(void *unused)
{
	(void)unused;
	keep(pool_take(1, 1));
	pthread_barrier_wait(&kept);
	for (;;)
		pause();
	return NULL;
}

static void keep_elsewhere(void)
{
	pthread_t other;

	pthread_barrier_init(&kept, NULL, 2);
	need(!pthread_create(&other, NULL, take_and_stay, NULL), "no thread");
	pthread_barrier_wait(&kept);
}

static void be_ready(void)
{
	char byte;

	need(write(STDOUT_FILENO, "ready\n", 6) == 6, "not ready");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

static void reconnect(void)
{
	PQfinish(newest()->conn);
	newest()->conn = PQconnectdb("");
}

static void mean_it(void)
{
	connleak_by_design(newest());
}

static void be_child(void)
{
	const pid_t pid = fork();
	int status;

	if (!pid)
		return;
	waitpid(pid, &status, 0);
	need(WIFEXITED(status) && !WEXITSTATUS(status), "the child failed");
	_exit(0);
}

static void grow(void)
{
	pool.size = 3;
	connleak_capacity(&pool, pool.size);
}

static void kill_self(void)
{
	kill(getpid(), SIGKILL);
}

static const struct step {
	const char *name;
	void (*take)(void);
} steps[] = {
	{ "take", serve_order },
	{ "try", try_order },
	{ "poll", poll_order },
	{ "quick", quick_order },
	{ "forget", forget_order },
	{ "soon", start_dropping },
	{ "drop", drop },
	{ "elsewhere", drop_elsewhere },
	{ "again", drop_again },
	{ "stray", drop_stray },
	{ "thread", take_elsewhere },
	{ "query", query },
	{ "begin", begin },
	{ "fail", fail },
	{ "send", send_query },
	{ "listen", listen_to },
	{ "keep", keep_elsewhere },
	{ "ready", be_ready },
	{ "reconnect", reconnect },
	{ "design", mean_it },
	{ "child", be_child },
	{ "grow", grow },
	{ "kill", kill_self },
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

static void take_step(const char *name)
{
	for (size_t i = 0; i < STEPS; i++)
		if (!strcmp(name, steps[i].name)) {
			steps[i].take();
			return;
		}
	need(0, name);
}

int main(int argc, char **argv)
{
	fill_pool();
	for (int i = 1; i < argc; i++)
		take_step(argv[i]);
	if (has_thread)
		pthread_join(thread, NULL);
	empty_pool();
	return 0;
}
