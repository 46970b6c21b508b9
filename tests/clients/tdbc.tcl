# SPDX-License-Identifier: MIT
#
# tdbc.tcl clean|leak - tdbc::postgres, which finds libpq's functions by name
#
# Nobody closes what is forgotten.
package require tdbc::postgres

tdbc::postgres::connection create conn
puts [conn allrows -as lists "SELECT 6 * 7"]
if {[lindex $argv 0] eq "clean"} {conn close}
