/* SPDX-License-Identifier: MIT */
/*
 * qt clean|leak - QSqlDatabase with QPSQL, a plugin
 *
 * Qt closes what is open when its own statics end; _Exit leaves it open.
 */
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <QCoreApplication>
#include <QSqlDatabase>
#include <QSqlQuery>
#include <QVariant>

static bool acquire()
{
	return QSqlDatabase::addDatabase("QPSQL").open();
}

int main(int argc, char **argv)
{
	QCoreApplication application(argc, argv);

	if (!acquire())
		return 1;
	QSqlQuery query("SELECT 6 * 7");
	query.next();
	std::cout << query.value(0).toInt() << std::endl;
	if (strcmp(argv[1], "leak") == 0)
		_Exit(0);
	QSqlDatabase::database().close();
	return 0;
}
