/* SPDX-License-Identifier: MIT */
/*
 * own - a pool that is a class: it throws when it is empty
 *
 * Two functions of one name acquire, by other parameters.  As in own.c, four
 * customers are refused by the database, whose connection is not given back:
 * two in main, one in each of two threads.
 */
#include <chrono>
#include <condition_variable>
#include <iostream>
#include <libpq-fe.h>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace shop
{
class sold_out : public std::runtime_error
{
public:
	sold_out() : std::runtime_error("sold out")
	{
	}
};

class pool
{
public:
	explicit pool(std::size_t size);
	PGconn *take(std::chrono::milliseconds patience);
	PGconn *take();
	void drop(PGconn *conn);

private:
	std::mutex lock;
	std::condition_variable dropped;
	std::vector<PGconn *> free;
	std::size_t unopened;
};

pool::pool(std::size_t size) : unopened(size)
{
}

PGconn *pool::take(std::chrono::milliseconds patience)
{
	std::unique_lock<std::mutex> held(lock);
	PGconn *conn;

	if (free.empty() && unopened) {
		unopened--;
		return PQconnectdb("");
	}
	if (!dropped.wait_for(held, patience, [&] { return !free.empty(); }))
		throw sold_out();
	conn = free.back();
	free.pop_back();
	return conn;
}

PGconn *pool::take()
{
	return take(std::chrono::milliseconds(20));
}

void pool::drop(PGconn *conn)
{
	std::lock_guard<std::mutex> held(lock);

	free.push_back(conn);
	dropped.notify_one();
}
} // namespace shop

static shop::pool pool(4);

static void ask(PGconn *conn, int customer)
{
	std::string query = "SELECT 6 / " + std::to_string(customer);
	PGresult *result = PQexec(conn, query.c_str());
	bool answered = PQresultStatus(result) == PGRES_TUPLES_OK;

	PQclear(result);
	if (!answered)
		throw std::runtime_error("refused");
}

static void serve(int customer)
{
	PGconn *conn = pool.take(); /* at: class */

	ask(conn, customer);
	pool.drop(conn);
}

static void shift()
{
	try {
		for (int customer = 3; customer >= 0; customer--)
			serve(customer);
	} catch (const std::runtime_error &error) {
		std::cout << error.what() << std::endl;
	}
}

/* It waits for as long as it takes: until somebody else has dropped one. */
static void wait_for_one()
{
	PGconn *conn = pool.take(std::chrono::minutes(1));

	ask(conn, 1);
	pool.drop(conn);
}

int main()
{
	PGconn *last;

	shift();
	for (int i = 0; i < 2; i++)
		std::thread(shift).join();
	last = pool.take();
	std::thread waiter(wait_for_one);
	std::this_thread::sleep_for(std::chrono::milliseconds(200));
	pool.drop(last);
	waiter.join();
	shift();
	shift();
}
