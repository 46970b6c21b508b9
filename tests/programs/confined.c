/* SPDX-License-Identifier: MIT */
/*
 * confined LIMIT... [-- PROGRAM ARG...] - takes something away from itself, and
 * then connects once, and 500 times in vain, and finishes only the first; or it
 * executes PROGRAM.  A LIMIT is
 *
 *	CALL		a system call that fails from here on (see the table)
 *	kill:CALL	the same, but to call it is death by SIGSYS
 *	trap:CALL	the same, but a handler of SIGSYS lets it fail
 *	nofile:N	that many descriptors
 *	full		descriptors: all that are left are in use
 *	fsize:N		files of that many bytes
 *	as:KILOBYTES	that much more memory than now
 *	do:COMMAND	what a shell does with this
 *	few		only 50 connects in vain
 */
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

/* Only with one of `bits` in its fourth argument, if there are any. */
static const struct call {
	const char *name;
	unsigned number;
	unsigned bits;
	int error;
} calls[] = {
	{ "open", SYS_openat, 0, EPERM },
	{ "open", SYS_open, 0, EPERM },
	{ "allocate", SYS_fallocate, 0, EPERM },
	{ "truncate", SYS_ftruncate, 0, EPERM },
	{ "map", SYS_mmap, MAP_SHARED, ENODEV },
	{ "rename", SYS_rename, 0, EPERM },
	{ "advise", SYS_madvise, 0, EPERM },
	{ "clone", SYS_clone, 0, EPERM },
	{ "clone", SYS_clone3, 0, EPERM },
	{ "clone", SYS_fork, 0, EPERM },
	{ "clone", SYS_vfork, 0, EPERM },
	{ "trace", SYS_ptrace, 0, EPERM },
	{ "trace", SYS_process_vm_readv, 0, EPERM },
	{ "random", SYS_getrandom, 0, ENOSYS },
	{ "limit", SYS_prlimit64, 0, EPERM },
	{ "unlink", SYS_unlink, 0, EPERM },
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static int vain = 500;

static void fail(const char *what)
{
	perror(what);
	exit(9);
}

/* Loads a word of struct seccomp_data. */
#define LOAD(member)               \
	BPF_STMT(BPF_LD | BPF_ABS, \
		 (unsigned)offsetof(struct seccomp_data, member))

static unsigned action_for(const struct call *call, const char *how)
{
	if (!strcmp(how, "kill"))
		return SECCOMP_RET_KILL_PROCESS;
	if (!strcmp(how, "trap"))
		return SECCOMP_RET_TRAP;
	return SECCOMP_RET_ERRNO | ((unsigned)call->error & SECCOMP_RET_DATA);
}

static void forbid_one(const struct call *call, const char *how)
{
	struct sock_filter filter[] = {
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JEQ, call->number, 0, 3),
		LOAD(args[3]),
		BPF_JUMP(BPF_JMP | BPF_JSET, call->bits, 0, !!call->bits),
		BPF_STMT(BPF_RET, action_for(call, how)),
		BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]),
				      filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		fail("seccomp");
}

static int forbid(const char *name, const char *how)
{
	int known = 0;

	for (size_t i = 0; i < CALLS; i++)
		if (!strcmp(calls[i].name, name)) {
			forbid_one(&calls[i], how);
			known = 1;
		}
	return known;
}

/* As a sandbox does that makes some calls for the program. */
static void let_fail(int number, siginfo_t *info, void *context)
{
	ucontext_t *machine = context;

	(void)number;
	(void)info;
	machine->uc_mcontext.gregs[REG_RAX] = -EPERM;
}

static void handle_traps(void)
{
	const struct sigaction action = { .sa_sigaction = let_fail,
					  .sa_flags = SA_SIGINFO };

	sigaction(SIGSYS, &action, NULL);
}

static void set_limit(__rlimit_resource_t what, rlim_t value)
{
	const struct rlimit limit = { value, value };

	if (setrlimit(what, &limit))
		fail("setrlimit");
}

/* In bytes; what is reserved for the heap counts. */
static rlim_t memory_now(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (!file || fscanf(file, "%lu", &pages) != 1)
		fail("/proc/self/statm");
	fclose(file);
	return pages * 4096;
}

static void set(const char *limit)
{
	const char *colon = strchr(limit, ':');
	const rlim_t number = colon ? strtoul(colon + 1, NULL, 10) : 0;

	if (!strncmp(limit, "trap:", 5))
		handle_traps();
	if (colon ? (!strncmp(limit, "kill:", 5) ||
		     !strncmp(limit, "trap:", 5)) &&
			    forbid(colon + 1, limit[0] == 'k' ? "kill" : "trap")
		  : forbid(limit, "fail"))
		return;
	if (!strncmp(limit, "do:", 3)) {
		if (system(colon + 1))
			exit(9);
	} else if (!strcmp(limit, "few"))
		vain = 50;
	else if (!strcmp(limit, "full"))
		while (open("/dev/null", O_RDONLY) >= 0)
			continue;
	else if (!strncmp(limit, "nofile:", 7))
		set_limit(RLIMIT_NOFILE, number);
	else if (!strncmp(limit, "fsize:", 6))
		set_limit(RLIMIT_FSIZE, number);
	else if (!strncmp(limit, "as:", 3))
		set_limit(RLIMIT_AS, memory_now() + number * 1024);
	else
		exit(2);
}

/* Whatever the limit on memory, libpq is to have what it needs. */
static void reserve_heap(void)
{
	void *volatile heap;

	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	heap = malloc(30 << 20);
	free(heap);
}

static void use(void)
{
	PGconn *conn = PQconnectdb("");
	int refused = 0, errors = 0;

	printf("connected: %s\n",
	       PQstatus(conn) == CONNECTION_OK ? "yes" : PQerrorMessage(conn));
	PQfinish(conn);
	for (int i = 0; i < vain; i++) {
		errno = 0;
		conn = PQconnectdb("port=abc");
		errors += errno;
		refused += conn && PQstatus(conn) == CONNECTION_BAD;
	}
	printf("%d refused, errno adds up to %d\n", refused, errors);
}

int main(int argc, char **argv)
{
	int i;

	reserve_heap();
	for (i = 1; i < argc && strcmp(argv[i], "--"); i++)
		set(argv[i]);
	if (i < argc) {
		execv(argv[i + 1], argv + i + 1);
		fail(argv[i + 1]);
	}
	use();
	return 0;
}
