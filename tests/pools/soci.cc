/* SPDX-License-Identifier: MIT */
/*
 * soci clean|leak|die - guests are seated through a pool of SOCI
 *
 * A lease there is a number, and the same numbers in two pools are other
 * leases.  A query that throws passes the give_back(): once in main, once in
 * each of two threads that have ended.  try_lease() says no in the end,
 * give_back() of what is free throws, and a thread waits in the constructor of
 * a session until main gives one back.  `die` aborts with one more out.
 */
#include <csignal>
#include <cstring>
#include <iostream>
#include <soci/soci-config.h>
#undef SOCI_HAVE_BOOST /* Debian's needs 150 MB of it, we do not */
#include <soci/soci.h>
#include <thread>
#include <vector>

#include "wait.h"

static const std::size_t capacity = 4;
static bool tidy;
static int refused;

class restaurant
{
public:
	explicit restaurant(std::size_t size) : tables(size)
	{
		for (std::size_t i = 0; i < size; i++)
			tables.at(i).open("postgresql", "");
	}

	/* Table 0 is one that the database refuses. */
	void seat(int table)
	{
		std::size_t pos = tables.lease(); /* at: seat */
		int answer;

		try {
			tables.at(pos) << "SELECT 6 / " << table,
				soci::into(answer);
		} catch (const soci::soci_error &) {
			__atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
			if (!tidy)
				throw;
		}
		tables.give_back(pos);
	}

	void evening()
	{
		try {
			for (int table = 3; table >= 0; table--)
				seat(table);
		} catch (const soci::soci_error &) {
		}
	}

	/* The pool's way for scopes: it cannot be forgotten. */
	void wait_for_one()
	{
		going_to_wait();
		soci::session session(tables);
		int answer;

		session << "SELECT 6 * 7", soci::into(answer);
	}

	void last_orders()
	{
		std::vector<std::size_t> taken;
		std::size_t pos;

		while (tables.try_lease(pos, 20))
			taken.push_back(pos);
		std::cout << "no more after " << taken.size() << std::endl;
		std::thread guest(&restaurant::wait_for_one, this);
		until_it_waits();
		for (std::size_t one : taken)
			tables.give_back(one);
		guest.join();
		try {
			tables.give_back(taken[0]);
		} catch (const soci::soci_error &error) {
			std::cout << error.what() << std::endl;
		}
	}

	void abandon()
	{
		tables.lease(); /* at: abandon */
		abort();
	}

private:
	soci::connection_pool tables;
};

int main(int, char **argv)
{
	tidy = strcmp(argv[1], "clean") == 0;
	restaurant *there = new restaurant(capacity), *beside;

	beside = new restaurant(1);
	beside->seat(1);
	there->evening();
	std::thread one(&restaurant::evening, there);
	std::thread other(&restaurant::evening, there);
	one.join();
	other.join();
	there->last_orders();
	beside->seat(2);
	std::cout << refused << " refused" << std::endl;
	if (strcmp(argv[1], "die") == 0)
		there->abandon();
	if (tidy) {
		delete beside;
		delete there;
	}
}
