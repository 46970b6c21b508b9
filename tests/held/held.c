/* SPDX-License-Identifier: MIT */
/* held.h says what this is; here are the places that C has. */
#include "tests/held/held.h"

#include <err.h>
#include <pthread.h>
#include <search.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
#define PAGE	 4096

/* Storage that a compiler may not think away. */
PGconn *global;
static PGconn *volatile file_static;
static __thread PGconn *volatile own_storage;

static void put_global(PGconn *conn) { global = conn; }
static void put_static(PGconn *conn) { file_static = conn; }
static void put_thread_local(PGconn *conn) { own_storage = conn; }

static void put_local_static(PGconn *conn)
{
	static PGconn *volatile place;

	place = conn;
}

static void put_far(PGconn *conn)
{
	static PGconn *volatile places[20000];

	places[19999] = conn;
}

static void put_data(PGconn *conn)
{
	static PGconn *volatile places[2] = { (PGconn *)1, NULL };

	places[1] = conn;
}

static void put_key(PGconn *conn)
{
	static pthread_key_t key;

	if (conn)
		pthread_key_create(&key, NULL);
	pthread_setspecific(key, conn);
}

/* The 33rd and later are in a block that is made for them. */
static void put_late_key(PGconn *conn)
{
	static pthread_key_t key;

	for (int i = 0; conn && i < 40; i++)
		pthread_key_create(&key, NULL);
	pthread_setspecific(key, conn);
}

/* Words as they are made by others. */
static void put_packed(PGconn *conn)
{
	static struct {
		char tag;
		PGconn *volatile conn;
	} __attribute__((packed)) place;

	place.conn = conn;
}

static void put_tag_below(PGconn *conn)
{
	static volatile uintptr_t place;

	place = conn ? (uintptr_t)conn | 5 : 0;
}

static void put_tag_above(PGconn *conn)
{
	static volatile uintptr_t place;

	place = conn ? (uintptr_t)conn | 0xfff9ul << 48 : 0;
}

static void put_interior(PGconn *conn)
{
	static char *volatile place;

	place = conn ? (char *)conn + 1024 : NULL;
}

static void put_digits(PGconn *conn)
{
	static volatile uint32_t digits[2] __attribute__((aligned(8)));

	digits[0] = (uint32_t)(uintptr_t)conn & 0x3fffffff;
	digits[1] = (uint32_t)((uintptr_t)conn >> 30);
}

/* Blocks of the heap. */
struct node {
	struct node *next;
	PGconn *conn;
};

static struct node *volatile head;

static void put_block(PGconn *conn)
{
	if (conn)
		head = calloc(1, sizeof(*head));
	head->conn = conn;
}

static void put_lost_block(PGconn *conn)
{
	if (!conn) {
		head = NULL;
		return;
	}
	head = calloc(1, sizeof(*head));
	head->conn = conn;
}

static void put_packed_block(PGconn *conn)
{
	static void *volatile place;
	char *block = conn ? calloc(1, 64) : NULL;

	if (conn)
		memcpy(block + 3, &conn, sizeof(conn));
	place = block;
}

/* A block whose only pointer is unaligned, or has a tag, or is within it. */
static void put_behind_packed(PGconn *conn)
{
	static struct {
		char tag;
		struct node *volatile node;
	} __attribute__((packed)) place;

	place.node = conn ? calloc(1, sizeof(struct node)) : NULL;
	if (conn)
		place.node->conn = conn;
}

static void put_behind_tag(PGconn *conn)
{
	static volatile uintptr_t place;
	struct node *node = conn ? calloc(1, sizeof(*node)) : NULL;

	if (conn)
		node->conn = conn;
	place = conn ? (uintptr_t)node | 3 | 0x7ffful << 48 : 0;
}

static void put_behind_interior(PGconn *conn)
{
	static char *volatile place;
	PGconn **block = conn ? calloc(100, sizeof(PGconn *)) : NULL;

	if (conn)
		block[0] = conn;
	place = conn ? (char *)&block[50] : NULL;
}

static void put_list(PGconn *conn)
{
	if (!conn)
		head = NULL;
	for (int i = 0; conn && i < 200; i++) {
		struct node *node = calloc(1, sizeof(*node));

		node->next = head;
		node->conn = i ? NULL : conn;
		head = node;
	}
}

/* A block with its own mapping. */
static void put_large(PGconn *conn)
{
	static PGconn **volatile block;

	block = conn ? calloc(100000, sizeof(PGconn *)) : NULL;
	if (conn)
		block[99999] = conn;
}

static void put_several_large(PGconn *conn)
{
	static PGconn **volatile blocks[8];

	for (int i = 0; i < 8; i++) {
		blocks[i] = conn ? calloc(30000, sizeof(PGconn *)) : NULL;
		if (conn && i == 4)
			blocks[i][77] = conn;
	}
}

static void put_realloc(PGconn *conn)
{
	static PGconn **volatile array;

	if (!conn) {
		array = NULL;
		return;
	}
	array = calloc(2, sizeof(conn));
	array[1] = conn;
	array = realloc(array, 5000 * sizeof(conn));
	memset(array + 2, 0, 4998 * sizeof(conn));
}

static void put_aligned(PGconn *conn)
{
	static PGconn **volatile place;

	place = conn ? aligned_alloc(512, 1024) : NULL;
	if (conn) {
		memset(place, 0, 1024);
		place[127] = conn;
	}
}

/* Malloc lets a block use the first field of what follows it. */
static void put_last_word(PGconn *conn)
{
	static PGconn **volatile place;

	place = conn ? calloc(3, sizeof(conn)) : NULL;
	if (conn)
		place[2] = conn;
}

static void *root;

static int compare(const void *a, const void *b)
{
	return (a > b) - (a < b);
}

static void put_tree(PGconn *conn)
{
	static PGconn *last;

	if (conn)
		tsearch(conn, &root, compare);
	else
		tdelete(last, &root, compare);
	last = NULL;
}

static void put_hash(PGconn *conn)
{
	static ENTRY entry = { .key = (char *)"conn" };

	if (conn)
		hcreate(100);
	entry.data = conn;
	hsearch(entry, ENTER)->data = conn;
	entry.data = NULL;
}

static void put_on_exit(PGconn *conn)
{
	static PGconn **place;

	if (conn) {
		place = calloc(1, sizeof(conn));
		on_exit((void (*)(int, void *))(uintptr_t)getpid, place);
	}
	*place = conn;
}

static void put_file(PGconn *conn)
{
	static const cookie_io_functions_t none;
	FILE *file = conn ? fopencookie(conn, "w", none) : NULL;

	(void)file;
}

/* What the handle itself has leads back to it, and nothing else. */
static void notice(void *unused, const char *text)
{
	(void)unused;
	(void)text;
}

static void put_cycle(PGconn *conn)
{
	struct node *node = calloc(1, sizeof(*node));

	if (conn) {
		node->conn = conn;
		PQsetNoticeProcessor(conn, notice, node);
		head = node;
	} else {
		head = NULL;
		free(node);
	}
}

/* A stale copy, in a block that was given back. */
static void put_freed(PGconn *conn)
{
	static struct node *volatile place;

	if (conn) {
		struct node *nodes[20];

		for (int i = 0; i < 20; i++) {
			nodes[i] = calloc(1, 200);
			((PGconn **)nodes[i])[20] = conn;
		}
		for (int i = 0; i < 20; i++)
			free(nodes[i]);
	}
	place = NULL;
}

/* Looks like malloc's own cache of free blocks, and is the program's. */
static void put_like_cache(PGconn *conn)
{
	static struct {
		uint16_t counts[64];
		void *lists[64];
	} *volatile pool;

	pool = conn ? calloc(1, sizeof(*pool)) : NULL;
	if (conn) {
		struct node *node = calloc(1, 24);

		node->conn = conn;
		pool->counts[0] = 1;
		pool->lists[0] = node;
	}
}

/* Memory that is not malloc's. */
static void *map(size_t size, int flags, int fd)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    flags | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	if (memory == MAP_FAILED)
		err(3, "mmap");
	return memory;
}

static PGconn **volatile region;

static void put_region(PGconn *conn)
{
	if (conn)
		region = map(1 << 20, MAP_PRIVATE, -1);
	region[70000] = conn;
}

static void put_nowhere_region(PGconn *conn)
{
	static PGconn **hidden;

	if (conn)
		hidden = (void *)~(uintptr_t)map(1 << 20, MAP_PRIVATE, -1);
	((PGconn **)~(uintptr_t)hidden)[3] = conn;
}

static void put_shared(PGconn *conn)
{
	if (conn)
		region = map(PAGE, MAP_SHARED, -1);
	region[3] = conn;
}

static void put_memfd(PGconn *conn)
{
	const int fd = conn ? (int)syscall(SYS_memfd_create, "x", 0) : -1;

	if (conn && !ftruncate(fd, PAGE))
		region = map(PAGE, MAP_SHARED, fd);
	region[3] = conn;
}

static void put_shm(PGconn *conn)
{
	if (conn) {
		const int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);

		region = shmat(id, NULL, 0);
		shmctl(id, IPC_RMID, NULL);
	}
	region[3] = conn;
}

static void put_file_mapping(PGconn *conn)
{
	FILE *file = conn ? tmpfile() : NULL;

	if (conn && !ftruncate(fileno(file), PAGE))
		region = map(PAGE, MAP_PRIVATE, fileno(file));
	region[3] = conn;
}

static void put_sparse(PGconn *conn)
{
	if (conn)
		region = map((size_t)64 << 30, MAP_PRIVATE | MAP_NORESERVE, -1);
	region[(size_t)7 << 30] = conn;
}

static void put_read_only(PGconn *conn)
{
	if (conn)
		region = map(PAGE, MAP_PRIVATE, -1);
	mprotect(region, PAGE, PROT_READ | PROT_WRITE);
	region[3] = conn;
	mprotect(region, PAGE, PROT_READ);
}

static void put_read_only_data(PGconn *conn)
{
	static struct {
		PGconn *conn;
		char rest[PAGE - 8];
	} page __attribute__((aligned(PAGE))) = { (PGconn *)1, "x" };

	mprotect(&page, PAGE, PROT_READ | PROT_WRITE);
	page.conn = conn;
	mprotect(&page, PAGE, PROT_READ);
}

static void put_read_only_heap(PGconn *conn)
{
	static PGconn **volatile page;

	if (conn) {
		page = aligned_alloc(PAGE, 2 * PAGE);
		memset(page, 0, 2 * PAGE);
	}
	mprotect(page, PAGE, PROT_READ | PROT_WRITE);
	page[3] = conn;
	mprotect(page, PAGE, PROT_READ);
}

static void put_no_access(PGconn *conn)
{
	if (conn)
		region = map(PAGE, MAP_PRIVATE, -1);
	mprotect(region, PAGE, PROT_READ | PROT_WRITE);
	region[3] = conn;
	mprotect(region, PAGE, PROT_NONE);
}

static void put_sbrk(PGconn *conn)
{
	static PGconn **volatile place;

	if (conn)
		place = sbrk(PAGE);
	*place = conn;
}

/* Objects in pages of their own, in a list through them, from a global. */
static void put_pool(PGconn *conn)
{
	struct node *node = conn ? map(PAGE, MAP_PRIVATE, -1) : NULL;

	head = node;
	for (int i = 0; conn && i < 20; i++, node++) {
		node->next = node + 1;
		node->conn = i == 19 ? conn : NULL;
	}
}

/* What the kernel keeps. */
static void put_epoll(PGconn *conn)
{
	static int set, fd;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = conn };

	if (conn) {
		set = epoll_create1(0);
		fd = eventfd(0, 0);
	}
	epoll_ctl(set, conn ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &event);
}

static void put_timer(PGconn *conn)
{
	static timer_t timer;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGALRM,
				  .sigev_value.sival_ptr = conn };

	if (conn)
		timer_create(CLOCK_MONOTONIC, &event, &timer);
	else
		timer_delete(timer);
	memset(&event, 0, sizeof(event));
}

/* Other threads, which wait.  The handle is handed over by `given`. */
static PGconn *volatile given;
static sem_t taken, never, lost;

static void start(void *(*run)(void *), const pthread_attr_t *how)
{
	pthread_t thread;

	sem_init(&taken, 0, 0);
	sem_init(&never, 0, 0);
	sem_init(&lost, 0, 0);
	if (pthread_create(&thread, how, run, NULL))
		errx(3, "no thread");
	sem_wait(&taken);
	given = NULL;
}

static void tell_lost(void)
{
	sem_post(&lost);
	sem_wait(&taken);
}

static void sleep_for_ever(void)
{
	for (;;)
		sem_wait(&never);
}

static void *keep_on_stack(void *unused)
{
	PGconn *volatile mine = given;

	sem_post(&taken);
	sem_wait(&lost);
	mine = NULL;
	sem_post(&taken);
	sleep_for_ever();
	return mine ? unused : NULL;
}

static void *keep_in_storage(void *unused)
{
	own_storage = given;
	sem_post(&taken);
	sem_wait(&lost);
	own_storage = NULL;
	sem_post(&taken);
	sleep_for_ever();
	return unused;
}

static pthread_key_t threads_key;

static void *keep_in_key(void *unused)
{
	pthread_setspecific(threads_key, given);
	sem_post(&taken);
	sem_wait(&lost);
	pthread_setspecific(threads_key, NULL);
	sem_post(&taken);
	sleep_for_ever();
	return unused;
}

static void *keep_in_block(void *unused)
{
	head = calloc(1, sizeof(*head));
	head->conn = given;
	sem_post(&taken);
	sem_wait(&lost);
	head = NULL;
	sem_post(&taken);
	sleep_for_ever();
	return unused;
}

static void put_by(void *(*run)(void *), const pthread_attr_t *how,
		   PGconn *conn)
{
	if (conn) {
		given = conn;
		start(run, how);
	} else {
		tell_lost();
	}
}

static void put_other_stack(PGconn *conn) { put_by(keep_on_stack, 0, conn); }
static void put_other_storage(PGconn *conn) { put_by(keep_in_storage, 0, conn); }
static void put_other_arena(PGconn *conn) { put_by(keep_in_block, 0, conn); }

static void put_other_key(PGconn *conn)
{
	if (conn)
		pthread_key_create(&threads_key, NULL);
	put_by(keep_in_key, NULL, conn);
}

/* Nowhere but in the register RBX of a thread that waits, or that runs. */
static volatile int go_on = 1;

static void *keep_in_register(void *unused)
{
	PGconn *mine = given;

	given = NULL;
	sem_post(&taken);
	__asm__ volatile("mov %0, %%rbx\n\txor %0, %0\n"
			 "1:\tmov $34, %%eax\n\tsyscall\n\tjmp 1b"
			 : "+r"(mine)
			 :
			 : "rax", "rbx", "rcx", "r11", "memory");
	return unused;
}

static void *keep_in_running_register(void *unused)
{
	PGconn *mine = given;

	given = NULL;
	sem_post(&taken);
	__asm__ volatile("mov %0, %%rbx\n\txor %0, %0\n1:\tpause\n"
			 "\tcmpl $0, %1\n\tjne 1b"
			 : "+r"(mine)
			 : "m"(go_on)
			 : "rbx", "memory");
	return unused;
}

/* Now in memory, now in a register, half of the time each. */
static PGconn *volatile moving;

static void *keep_on_the_move(void *unused)
{
	given = NULL;
	sem_post(&taken);
	while (go_on)
		__asm__ volatile("xor %%ebx, %%ebx\n\txchg %0, %%rbx\n"
				 "mov $30000, %%ecx\n1:\tpause\n"
				 "\tdec %%ecx\n\tjnz 1b\n"
				 "xchg %0, %%rbx\n\txor %%ebx, %%ebx\n"
				 "mov $30000, %%ecx\n2:\tpause\n"
				 "\tdec %%ecx\n\tjnz 2b\n"
				 : "+m"(moving)
				 :
				 : "rbx", "rcx", "memory");
	return unused;
}

static void put_register(PGconn *conn) { put_by(keep_in_register, 0, conn); }

static void put_running_register(PGconn *conn)
{
	put_by(keep_in_running_register, NULL, conn);
}

static void put_moving(PGconn *conn)
{
	moving = conn;
	put_by(keep_on_the_move, NULL, conn);
}

static void *keep_and_block_signals(void *unused)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	return keep_in_register(unused);
}

static void put_blocking_register(PGconn *conn)
{
	put_by(keep_and_block_signals, NULL, conn);
}

static void nothing(int number) { (void)number; }

static void put_all_handlers(PGconn *conn)
{
	for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
		signal(number, nothing);
	put_by(keep_in_register, NULL, conn);
}

/* Threads on memory that the program gave them. */
static pthread_attr_t *on(void *stack, size_t size)
{
	static pthread_attr_t how;

	pthread_attr_init(&how);
	pthread_attr_setstack(&how, stack, size);
	return &how;
}

static void put_stack_in_heap(PGconn *conn)
{
	pthread_attr_t *how =
		conn ? on(aligned_alloc(PAGE, 65536), 65536) : NULL;

	put_by(keep_on_stack, how, conn);
}

/* The program's own data lie below the stack, in one mapping. */
static void put_below_stack(PGconn *conn)
{
	if (conn) {
		region = map(1 << 20, MAP_PRIVATE, -1);
		given = conn;
		start(keep_in_storage, on((char *)region + (1 << 19), 1 << 19));
		tell_lost();
	}
	region[3] = conn;
}

/* The memory of a thread's stack that is used for something else now. */
static void *end_at_once(void *unused) { return unused; }

static void put_in_old_stack(PGconn *conn)
{
	pthread_t thread;

	if (conn) {
		region = map(1 << 20, MAP_PRIVATE, -1);
		pthread_create(&thread, on(region, 1 << 20), end_at_once, NULL);
		pthread_join(thread, NULL);
	}
	region[3] = conn;
}

/* Stacks that nothing divides: two threads, one mapping. */
static void put_no_guard(PGconn *conn)
{
	pthread_attr_t how;
	PGconn *const it = conn;

	if (!conn) {
		tell_lost();
		return;
	}
	pthread_attr_init(&how);
	pthread_attr_setguardsize(&how, 0);
	pthread_attr_setstacksize(&how, 1 << 18);
	for (int i = 0; i < 4; i++) {
		given = i == 3 ? it : NULL;
		start(keep_on_stack, &how);
	}
}

/* Stacks that a thread changes to and from. */
static ucontext_t back, there;

static void keep_in_context(void)
{
	PGconn *volatile mine = given;

	given = NULL;
	swapcontext(&there, &back);
	mine = NULL;
	swapcontext(&there, &back);
	given = mine;
}

static void switch_to(void *stack, size_t size, PGconn *conn)
{
	if (conn) {
		given = conn;
		getcontext(&there);
		there.uc_stack.ss_sp = stack;
		there.uc_stack.ss_size = size;
		there.uc_link = &back;
		makecontext(&there, keep_in_context, 0);
	}
	swapcontext(&back, &there);
	memset(&back, 0, sizeof(back));
}

static void put_context(PGconn *conn)
{
	static char stack[65536] __attribute__((aligned(64)));

	switch_to(stack, sizeof(stack), conn);
}

static void put_context_in_heap(PGconn *conn)
{
	switch_to(conn ? malloc(65536) : NULL, 65536, conn);
}

static void put_context_in_region(PGconn *conn)
{
	switch_to(conn ? map(65536, MAP_PRIVATE, -1) : NULL, 65536, conn);
}

/* Ends there, while the handle is in a stack that lies below it. */
static PGconn *volatile *below;

static void end_here(void)
{
	exit(7);
}

static void put_below_context(PGconn *conn)
{
	char *memory = map(1 << 18, MAP_PRIVATE, -1);

	below = (PGconn *volatile *)memory;
	below[7] = conn;
	getcontext(&there);
	there.uc_stack.ss_sp = memory + (1 << 17);
	there.uc_stack.ss_size = 1 << 17;
	there.uc_link = &back;
	makecontext(&there, end_here, 0);
	conn = NULL;
	swapcontext(&back, &there);
}

/* The same where malloc has several blocks side by side. */
static void put_below_large_context(PGconn *conn)
{
	PGconn **volatile low = NULL;
	char *stack = malloc(1 << 18);

	low = malloc(1 << 18);
	memset(low, 0, 1 << 18);
	below = (PGconn *volatile *)low;
	below[7] = conn;
	getcontext(&there);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = 1 << 18;
	there.uc_link = &back;
	makecontext(&there, end_here, 0);
	conn = NULL;
	low = NULL;
	swapcontext(&back, &there);
}

/* A handler's stack in a block that only the kernel knows of. */
static void end_in_handler(int number)
{
	PGconn *volatile mine = given;

	given = NULL;
	(void)number;
	exit(mine ? 7 : 8);
}

static void put_in_handler(PGconn *conn)
{
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
	struct sigaction action = { .sa_handler = end_in_handler,
				    .sa_flags = SA_ONSTACK };

	sigaltstack(&stack, NULL);
	memset(&stack, 0, sizeof(stack));
	sigaction(SIGUSR1, &action, NULL);
	given = conn;
	conn = NULL;
	raise(SIGUSR1);
}

/* What a copy of the process does not have, or has empty. */
static void put_advised(PGconn *conn, int advice)
{
	if (conn) {
		region = map(PAGE, MAP_PRIVATE, -1);
		madvise(region, PAGE, advice);
		given = conn;
		start(keep_in_storage, NULL);
		tell_lost();
	}
	region[3] = conn;
}

static void put_dontfork(PGconn *conn) { put_advised(conn, MADV_DONTFORK); }
static void put_wipeonfork(PGconn *conn) { put_advised(conn, MADV_WIPEONFORK); }

static void put_io_uring(PGconn *conn)
{
	char params[120] = { 0 };

	if (conn)
		syscall(SYS_io_uring_setup, 4, params);
}

/* The main thread has ended, and another one ends the process. */
static void *end_alone(void *unused)
{
	usleep(20000);
	exit(7);
	return unused;
}

static void put_epoll_without_main(PGconn *conn)
{
	pthread_t thread;

	put_epoll(conn);
	pthread_create(&thread, NULL, end_alone, NULL);
	given = NULL;
	pthread_create(&thread, NULL, keep_on_stack, NULL);
	conn = NULL;
	pthread_exit(NULL);
}

static const struct held_case cases[] = {
	{ "global", put_global, "held", "lost" },
	{ "static", put_static, "held", "lost" },
	{ "local_static", put_local_static, "held", "lost" },
	{ "far", put_far, "held", "lost" },
	{ "data", put_data, "held", "lost" },
	{ "thread_local", put_thread_local, "held", "lost" },
	{ "key", put_key, "held", "lost" },
	{ "late_key", put_late_key, "held", "lost" },
	{ "packed", put_packed, "held,maybe", "lost" },
	{ "tag_below", put_tag_below, "held", "lost" },
	{ "tag_above", put_tag_above, "held", "lost" },
	{ "interior", put_interior, "held", "lost" },
	{ "digits", put_digits, "held", "lost" },
	{ "block", put_block, "held", "lost" },
	{ "lost_block", put_lost_block, "held", "lost" },
	{ "packed_block", put_packed_block, "held,maybe", "lost" },
	{ "behind_packed", put_behind_packed, "held,maybe", "lost" },
	{ "behind_tag", put_behind_tag, "held", "lost" },
	{ "behind_interior", put_behind_interior, "held", "lost" },
	{ "list", put_list, "held", "lost" },
	{ "large", put_large, "held", "lost" },
	{ "several_large", put_several_large, "held", "lost" },
	{ "realloc", put_realloc, "held", "lost" },
	{ "aligned", put_aligned, "held", "lost" },
	{ "last_word", put_last_word, "held", "lost" },
	{ "tree", put_tree, "held", "-" },
	{ "hash", put_hash, "held", "lost" },
	{ "on_exit", put_on_exit, "held", "lost" },
	{ "file", put_file, "held", "-" },
	{ "cycle", put_cycle, "held", "lost" },
	{ "freed", put_freed, "-", "lost" },
	{ "like_cache", put_like_cache, "held,maybe", "lost" },
	{ "region", put_region, "held,maybe", "lost" },
	{ "nowhere_region", put_nowhere_region, "maybe", "lost" },
	{ "shared", put_shared, "held,maybe", "lost" },
	{ "memfd", put_memfd, "held,maybe", "lost" },
	{ "shm", put_shm, "held,maybe", "lost" },
	{ "file_mapping", put_file_mapping, "held,maybe", "lost" },
	{ "sparse", put_sparse, "held,maybe,none", "lost,maybe,none" },
	{ "read_only", put_read_only, "held,maybe", "lost" },
	{ "read_only_data", put_read_only_data, "held", "lost" },
	{ "read_only_heap", put_read_only_heap, "held,maybe", "lost,maybe" },
	{ "no_access", put_no_access, "maybe", "maybe" },
	{ "sbrk", put_sbrk, "held,maybe", "lost,maybe" },
	{ "pool", put_pool, "held,maybe", "maybe" },
	{ "epoll", put_epoll, "held", "lost" },
	{ "timer", put_timer, "held", "lost" },
	{ "other_stack", put_other_stack, "held", "lost" },
	{ "other_storage", put_other_storage, "held", "lost" },
	{ "other_key", put_other_key, "held", "lost" },
	{ "other_arena", put_other_arena, "held", "lost" },
	{ "register", put_register, "held", "-" },
	{ "running_register", put_running_register, "held", "-" },
	{ "moving", put_moving, "held", "-" },
	{ "blocking_register", put_blocking_register, "held,maybe", "-" },
	{ "all_handlers", put_all_handlers, "held,maybe", "-" },
	{ "stack_in_heap", put_stack_in_heap, "held", "lost" },
	{ "below_stack", put_below_stack, "held,maybe", "lost,maybe" },
	{ "in_old_stack", put_in_old_stack, "held,maybe", "lost" },
	{ "no_guard", put_no_guard, "held,maybe", "-" },
	{ "context", put_context, "held", "lost,held,maybe" },
	{ "context_in_heap", put_context_in_heap, "held", "lost,held,maybe" },
	{ "context_in_region", put_context_in_region, "held,maybe", "lost,held,maybe" },
	{ "below_context", put_below_context, "held,maybe", "-" },
	{ "below_large_context", put_below_large_context, "held,maybe", "-" },
	{ "in_handler", put_in_handler, "held,maybe", "-" },
	{ "dontfork", put_dontfork, "maybe", "maybe" },
	{ "wipeonfork", put_wipeonfork, "maybe", "lost,maybe" },
	{ "io_uring", put_io_uring, "maybe,lost", "-" },
	{ "epoll_without_main", put_epoll_without_main, "held,maybe", "-" },
	{ NULL, NULL, NULL, NULL },
};

int main(int argc, char **argv)
{
	return held_main(cases, argc, argv);
}
