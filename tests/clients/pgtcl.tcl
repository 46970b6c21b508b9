# SPDX-License-Identifier: MIT
#
# pgtcl.tcl clean|forget|leak - libpgtcl
#
# Tcl closes what is forgotten at each of its ends, unless it is killed.
package require Pgtcl

set conn [pg_connect -conninfo ""]
set result [pg_exec $conn "SELECT 6 * 7"]
puts [pg_result $result -getTuple 0]
pg_result $result -clear
if {[lindex $argv 0] eq "leak"} {exec kill -KILL [pid]}
if {[lindex $argv 0] eq "clean"} {pg_disconnect $conn}
