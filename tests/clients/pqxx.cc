/* SPDX-License-Identifier: MIT */
/*
 * pqxx clean|leak - a connection of libpqxx, and whether its owner goes
 */
#include <cstring>
#include <iostream>
#include <memory>
#include <pqxx/pqxx>

static std::unique_ptr<pqxx::connection> acquire()
{
	return std::unique_ptr<pqxx::connection>(new pqxx::connection());
}

int main(int, char **argv)
{
	auto conn = acquire();

	pqxx::work work(*conn);
	std::cout << work.exec1("SELECT 6 * 7")[0].c_str() << std::endl;
	work.commit();
	if (strcmp(argv[1], "leak") == 0)
		conn.release();
}
