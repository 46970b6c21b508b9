# SPDX-License-Identifier: MIT
#
# dbd_pg.pl clean|leak - DBI with DBD::Pg
#
# Perl would close what is left; POSIX::_exit does not let it.
use strict;
use warnings;
use DBI;
use POSIX ();

$| = 1;
my $conn = DBI->connect("dbi:Pg:", undef, undef, { RaiseError => 1 });
print $conn->selectrow_array("SELECT 6 * 7"), "\n";
POSIX::_exit(0) if $ARGV[0] eq "leak";
$conn->disconnect;
