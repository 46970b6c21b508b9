/* SPDX-License-Identifier: MIT */
/*
 * poco clean|leak - orders are taken through a pool of sessions of Poco
 *
 * A session goes back when its last copy does.  One that an order keeps does
 * not, when the database refuses the order: once in main, once in each of two
 * threads.  Then the pool throws.
 */
#include <Poco/Data/PostgreSQL/Connector.h>
#include <Poco/Data/PostgreSQL/PostgreSQLException.h>
#include <Poco/Data/Session.h>
#include <Poco/Data/SessionPool.h>
#include <Poco/Data/Statement.h>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <thread>
#include <vector>

using namespace Poco::Data;

static bool tidy;
static SessionPool *pool;

struct order {
	explicit order(int table)
	    : session(new Session(pool->get())), table(table) /* at: order */
	{
	}

	void serve()
	{
		int answer = 0;

		*session << "SELECT 6 / " << std::to_string(table),
			Keywords::into(answer), Keywords::now;
	}

	/* Closed first, as some do: the end of the last copy closes as well. */
	void pay()
	{
		session->close();
		delete session;
	}

	Session *session;
	int table;
};

/* Table 0 is one that the database refuses. */
static void take_orders()
{
	for (int table = 3; table >= 0; table--) {
		order one(table);

		try {
			one.serve();
			one.pay();
		} catch (const Poco::Exception &) {
			if (tidy)
				one.pay();
		}
	}
}

/* Copies of it are no further sessions. */
static void take_all()
{
	std::vector<Session> all, copies;

	try {
		while (true)
			all.push_back(pool->get());
	} catch (const SessionPoolExhaustedException &error) {
		std::cout << error.name() << " after " << all.size()
			  << std::endl;
	}
	copies = all;
}

int main(int, char **argv)
{
	std::string where = std::string("host=") + getenv("PGHOST") +
			    " port=" + getenv("PGPORT") +
			    " user=" + getenv("PGUSER") +
			    " dbname=" + getenv("PGDATABASE");

	tidy = strcmp(argv[1], "clean") == 0;
	PostgreSQL::Connector::registerConnector();
	pool = new SessionPool("PostgreSQL", where, 1, 4, 600);
	take_orders();
	for (int i = 0; i < 2; i++)
		std::thread(take_orders).join();
	take_all();
	std::cout << pool->used() << " used" << std::endl;
	if (tidy)
		delete pool;
	else /* its janitor would hold up the end for ten seconds */
		std::quick_exit(0);
}
