/* SPDX-License-Identifier: MIT */
#include "analyzer/sockets.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <limits.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 1024 /* sockets of a process that are looked at */

/* In /proc/net/tcp. */
#define STATE_SYN_SENT 2
#define STATE_LISTEN   10

struct inodes {
	uint32_t list[MOST];
	size_t count;
};

static void read_descriptor(const char *folder, const char *name,
			    struct inodes *out)
{
	char path[64 + NAME_MAX + 2], target[64];
	ssize_t length;
	unsigned inode;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	length = readlink(path, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = 0;
	if (out->count < MOST && sscanf(target, "socket:[%u]", &inode) == 1)
		out->list[out->count++] = inode;
}

static void read_descriptors(pid_t pid, struct inodes *out)
{
	char folder[64];
	struct dirent *entry;
	DIR *dir;

	out->count = 0;
	snprintf(folder, sizeof(folder), "/proc/%d/fd", (int)pid);
	dir = opendir(folder);
	if (!dir)
		return;
	while ((entry = readdir(dir)))
		read_descriptor(folder, entry->d_name, out);
	closedir(dir);
}

static bool take(struct inodes *inodes, uint32_t inode)
{
	for (size_t i = 0; i < inodes->count; i++)
		if (inodes->list[i] == inode) {
			inodes->list[i] = inodes->list[--inodes->count];
			return true;
		}
	return false;
}

/* In these files an address is words of the machine's own byte order. */
static bool write_address(char *out, size_t size, const char *hex,
			  unsigned port)
{
	char text[INET6_ADDRSTRLEN];
	uint32_t words[4] = { 0 };
	const size_t count = strlen(hex) / 8;
	const void *address = words;
	bool is_ipv4 = count == 1;

	if (count != 1 && count != 4)
		return false;
	for (size_t i = 0; i < count; i++)
		if (sscanf(hex + 8 * i, "%8x", &words[i]) != 1)
			return false;
	/* IPv4 is IPv4, also in the form of IPv6. */
	if (count == 4 && IN6_IS_ADDR_V4MAPPED((struct in6_addr *)words)) {
		address = &words[3];
		is_ipv4 = true;
	}
	if (!inet_ntop(is_ipv4 ? AF_INET : AF_INET6, address, text,
		       sizeof(text)))
		return false;
	snprintf(out, size, "tcp:%s:%u", text, port);
	return true;
}

/*
 * "0: LOCAL:PORT REMOTE:PORT STATE QUEUES TIMER RETRANSMITS USER TIMEOUT INODE"
 */
static void read_internet_line(const char *line, struct inodes *inodes,
			       sockets_visit *visit, void *data)
{
	unsigned port, state, inode;
	char hex[33], address[64];

	if (sscanf(line,
		   " %*u: %*[0-9A-F]:%*x %32[0-9A-F]:%x %x %*s %*s %*s "
		   "%*u %*u %u",
		   hex, &port, &state, &inode) != 4 ||
	    state == STATE_LISTEN || state == STATE_SYN_SENT ||
	    !take(inodes, inode))
		return;
	if (write_address(address, sizeof(address), hex, port))
		visit(data, address);
}

static void read_internet(pid_t pid, const char *name, struct inodes *inodes,
			  sockets_visit *visit, void *data)
{
	char path[64], line[512];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)pid, name);
	file = fopen(path, "re");
	if (!file)
		return;
	while (inodes->count && fgets(line, sizeof(line), file))
		read_internet_line(line, inodes, visit, data);
	fclose(file);
}

/* What the kernel says of one Unix socket. */
struct unix_socket {
	uint32_t peer;	/* the inode of what it is connected to; 0 if none */
	char name[160]; /* "" if it has none */
};

static void read_attribute(const struct rtattr *at, struct unix_socket *out)
{
	const char *bytes = RTA_DATA(at);
	const size_t size = RTA_PAYLOAD(at);

	if (at->rta_type == UNIX_DIAG_PEER && size >= sizeof(out->peer))
		memcpy(&out->peer, bytes, sizeof(out->peer));
	if (at->rta_type == UNIX_DIAG_NAME && size < sizeof(out->name)) {
		memcpy(out->name, bytes, size);
		out->name[size] = 0;
		if (size && !out->name[0]) /* it is abstract */
			out->name[0] = '@';
	}
}

static bool read_answer(struct nlmsghdr *head, size_t got,
			struct unix_socket *out)
{
	const size_t fixed = NLMSG_SPACE(sizeof(struct unix_diag_msg));
	struct rtattr *at;
	size_t left;

	if (!NLMSG_OK(head, got) || head->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    head->nlmsg_len < fixed)
		return false;
	at = (struct rtattr *)((char *)head + fixed);
	left = head->nlmsg_len - fixed;
	for (; RTA_OK(at, left); at = RTA_NEXT(at, left))
		read_attribute(at, out);
	return true;
}

/* The answer is there when the question has been sent. */
static bool ask(int netlink, uint32_t inode, struct unix_socket *out)
{
	const struct {
		struct nlmsghdr head;
		struct unix_diag_req request;
	} question = {
		.head = { .nlmsg_len = sizeof(question),
			  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			  .nlmsg_flags = NLM_F_REQUEST },
		.request = { .sdiag_family = AF_UNIX,
			     .udiag_states = UINT32_MAX,
			     .udiag_ino = inode,
			     .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER,
			     .udiag_cookie = { UINT32_MAX, UINT32_MAX } },
	};
	union {
		struct nlmsghdr head;
		char bytes[4096];
	} answer;
	ssize_t got;

	memset(out, 0, sizeof(*out));
	if (send(netlink, &question, sizeof(question), 0) < 0)
		return false;
	got = recv(netlink, &answer, sizeof(answer), MSG_DONTWAIT);
	return got > 0 && read_answer(&answer.head, (size_t)got, out);
}

/* A client has no name; what it is connected to has the server's. */
static void read_unix(const struct inodes *inodes, sockets_visit *visit,
		      void *data)
{
	const int netlink =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	struct unix_socket own, peer;
	char address[sizeof(peer.name) + 8];

	if (netlink < 0)
		return;
	for (size_t i = 0; i < inodes->count; i++) {
		if (!ask(netlink, inodes->list[i], &own) || !own.peer ||
		    !ask(netlink, own.peer, &peer) || !peer.name[0])
			continue;
		snprintf(address, sizeof(address), "unix:%s", peer.name);
		visit(data, address);
	}
	close(netlink);
}

void sockets_list(pid_t pid, sockets_visit *visit, void *data)
{
	struct inodes inodes;

	read_descriptors(pid, &inodes);
	if (inodes.count)
		read_internet(pid, "tcp", &inodes, visit, data);
	if (inodes.count)
		read_internet(pid, "tcp6", &inodes, visit, data);
	if (inodes.count)
		read_unix(&inodes, visit, data);
}
