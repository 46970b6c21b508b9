<?php
/* SPDX-License-Identifier: MIT */
/*
 * pdo.php plain|persistent clean|forget|leak
 *
 * PHP closes what is forgotten, persistent or not; _exit does not let it.
 */
$conn = new PDO('pgsql:', null, null,
	[PDO::ATTR_PERSISTENT => $argv[1] == 'persistent']);
echo $conn->query('SELECT 6 * 7')->fetchColumn(), "\n";
if ($argv[2] == 'leak') {
	FFI::cdef('void _exit(int status);')->_exit(0);
}
if ($argv[2] == 'clean') {
	$conn = null;
}
