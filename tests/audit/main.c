/* SPDX-License-Identifier: MIT */
/*
 * audit SHIM FOLDER RUNS ENDING COMMAND [ARG]...
 *
 * Runs COMMAND, which keeps a journal (tests/programs/endings.c), RUNS times
 * with SHIM preloaded and its records in FOLDER.  It reads each record all the
 * time while the program works, and compares it with the journal afterwards.
 * ENDING is how each must end: `exit N`, `signal N`, or `kill N`: it is killed
 * at a random moment of the first N milliseconds of its work.  Prints figures;
 * ends with 1 if anything was wrong.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/audit/compare.h"

static const char *shim, *folder, *ending;
static char **command;
static struct journal *journal;
static int records;	      /* the folder, open */
static volatile pid_t victim; /* not reaped yet */
static int kill_within_ms;    /* 0: it ends by itself */

static void fail(const char *what)
{
	fprintf(stderr, "audit: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void make_journal(const char *path)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, sizeof(*journal)))
		fail(path);
	journal = mmap(NULL, sizeof(*journal), PROT_READ | PROT_WRITE,
		       MAP_SHARED, fd, 0);
	if (journal == MAP_FAILED)
		fail(path);
	close(fd);
	setenv("JOURNAL", path, 1);
}

static void start_victim(void)
{
	memset(journal, 0, sizeof(*journal));
	compare_begin(journal);
	victim = fork();
	if (victim < 0)
		fail("fork");
	if (victim)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("LD_PRELOAD", shim, 1);
	setenv("CONNLEAK_DIR", folder, 1);
	execvp(command[0], command);
	fail(command[0]);
}

/* Interrupts the reading at any moment. */
static void kill_victim(int number)
{
	(void)number;
	if (victim)
		kill(victim, SIGKILL);
}

static void kill_soon(void)
{
	const long us = 1 + random() % (1000L * kill_within_ms);
	const struct itimerval soon = {
		.it_value = { us / 1000000, us % 1000000 },
	};

	setitimer(ITIMER_REAL, &soon, NULL);
}

/* Its record, once there is one. */
static bool find_record(char *name, size_t size)
{
	DIR *list = opendir(folder);
	struct dirent *entry;
	char prefix[32];

	name[0] = 0;
	snprintf(prefix, sizeof(prefix), "%d-", (int)victim);
	while (list && !name[0] && (entry = readdir(list)))
		if (!strncmp(entry->d_name, prefix, strlen(prefix)) &&
		    strstr(entry->d_name, RECORD_SUFFIX))
			snprintf(name, size, "%s", entry->d_name);
	if (list)
		closedir(list);
	return name[0];
}

static struct reader *read_record(const char *name)
{
	struct reader *reader;
	const char *why;

	if (reader_open(records, name, &reader, &why))
		wrong("%s: %s", name, why);
	return reader;
}

static void read_live(char *name, size_t size)
{
	struct reader *reader;

	if (!name[0] && !find_record(name, size))
		return;
	reader = read_record(name);
	if (reader)
		compare_live(reader);
	reader_free(reader);
}

static bool has_ended(void)
{
	siginfo_t about = { .si_pid = 0 };

	if (waitid(P_PID, (id_t)victim, &about, WEXITED | WNOHANG | WNOWAIT))
		fail("waitid");
	return about.si_pid;
}

static void check_ending(void)
{
	const char *expected = kill_within_ms ? "signal 9" : ending;
	char actual[32];
	int status;

	if (waitpid(victim, &status, 0) != victim)
		fail("waitpid");
	victim = 0;
	if (WIFSIGNALED(status))
		snprintf(actual, sizeof(actual), "signal %d", WTERMSIG(status));
	else
		snprintf(actual, sizeof(actual), "exit %d",
			 WEXITSTATUS(status));
	if (strcmp(actual, expected))
		wrong("it ended by %s", actual);
}

static void run_once(void)
{
	bool is_to_be_killed = kill_within_ms;
	struct reader *reader = NULL;
	char name[256] = "";

	start_victim();
	while (!has_ended()) {
		read_live(name, sizeof(name));
		if (is_to_be_killed && journal->at_work) {
			kill_soon();
			is_to_be_killed = false;
		}
	}
	if (name[0] || find_record(name, sizeof(name)))
		reader = read_record(name);
	check_ending();
	compare_ended(reader);
	reader_free(reader);
}

static void print_figures(int runs)
{
	const struct figures *f = &figures;

	printf("%d endings by %s: %lu acquired, %lu released; "
	       "live: %lu reads of %lu slots, %lu in flight; "
	       "in the end: %lu out, %lu steps in doubt, %lu slots in flight, "
	       "at most %lu of a process; %lu wrong\n",
	       runs, ending, f->acquired, f->released, f->live_reads,
	       f->live_slots, f->live_in_flight, f->out, f->in_doubt,
	       f->in_flight, f->most_in_flight, f->wrong);
}

int main(int argc, char **argv)
{
	int runs;

	if (argc < 6) {
		fputs("usage: audit SHIM FOLDER RUNS ENDING COMMAND...\n",
		      stderr);
		return 2;
	}
	shim = argv[1];
	folder = argv[2];
	runs = atoi(argv[3]);
	ending = argv[4];
	sscanf(ending, "kill %d", &kill_within_ms);
	command = argv + 5;
	records = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (records < 0)
		fail(folder);
	make_journal("journal");
	srandom((unsigned)time(NULL));
	signal(SIGALRM, kill_victim);
	for (int i = 0; i < runs; i++)
		run_once();
	print_figures(runs);
	return figures.wrong != 0;
}
