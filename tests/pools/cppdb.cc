/* SPDX-License-Identifier: MIT */
/*
 * cppdb clean|leak - letters are written through a pool of cppdb
 *
 * A session goes back when its last copy does; one whose query was refused is
 * closed instead.  A letter that the database refuses keeps its session: once
 * in main, once in each of two threads.
 */
#include <cppdb/frontend.h>
#include <cppdb/conn_manager.h>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <thread>
#include <vector>

static bool tidy;
static std::string where;

static void write(int address)
{
	cppdb::session *session = new cppdb::session(where); /* at: write */
	int answer = 0;

	try {
		*session << "SELECT 6 / ?" << address << cppdb::row >> answer;
	} catch (const cppdb::cppdb_error &) {
		if (!tidy)
			return;
	}
	delete session;
}

static void write_letters()
{
	for (int address = 3; address >= 0; address--)
		write(address);
}

int main(int, char **argv)
{
	tidy = strcmp(argv[1], "clean") == 0;
	where = std::string("postgresql:host=") + getenv("PGHOST") +
		";port=" + getenv("PGPORT") + ";user=" + getenv("PGUSER") +
		";dbname=" + getenv("PGDATABASE") + ";@pool_size=4";
	write_letters();
	for (int i = 0; i < 2; i++)
		std::thread(write_letters).join();
	{
		std::vector<cppdb::session> open;

		for (int i = 0; i < 2; i++)
			open.push_back(cppdb::session(where));
		std::cout << open.size() << " open" << std::endl;
	}
	if (tidy)
		cppdb::connections_manager::instance().gc();
}
