# SPDX-License-Identifier: MIT
#
# pgtcl.tcl clean|leak - libpgtcl
#
# There is no end of Tcl's that does not close what is left.
package require Pgtcl

set conn [pg_connect -conninfo ""]
set result [pg_exec $conn "SELECT 6 * 7"]
puts [pg_result $result -getTuple 0]
pg_result $result -clear
if {[lindex $argv 0] eq "leak"} exit
pg_disconnect $conn
