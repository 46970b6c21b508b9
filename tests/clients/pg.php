<?php
/* SPDX-License-Identifier: MIT */
/*
 * pg.php pg_connect|pg_pconnect clean|forget|leak
 *
 * PHP closes what is forgotten, persistent or not; _exit does not let it.
 */
$conn = $argv[1](' ');
echo pg_fetch_result(pg_query($conn, 'SELECT 6 * 7'), 0, 0), "\n";
if ($argv[2] == 'leak') {
	FFI::cdef('void _exit(int status);')->_exit(0);
}
if ($argv[2] == 'clean') {
	pg_close($conn);
}
