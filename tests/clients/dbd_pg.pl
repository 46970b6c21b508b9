# SPDX-License-Identifier: MIT
#
# dbd_pg.pl clean|forget|leak - DBI with DBD::Pg
#
# Perl closes what is forgotten; POSIX::_exit does not let it.
use strict;
use warnings;
use DBI;
use POSIX ();

$| = 1;
our $conn = DBI->connect("dbi:Pg:", undef, undef, { RaiseError => 1 });
print $conn->selectrow_array("SELECT 6 * 7"), "\n";
POSIX::_exit(0) if $ARGV[0] eq "leak";
$conn->disconnect if $ARGV[0] eq "clean";
