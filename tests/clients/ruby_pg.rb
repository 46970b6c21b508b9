# SPDX-License-Identifier: MIT
#
# ruby_pg.rb clean|leak - the gem pg
#
# Ruby would close what is left; exit! does not let it.
require 'pg'

$stdout.sync = true
conn = PG.connect
puts conn.exec('SELECT 6 * 7').getvalue(0, 0)
exit!(0) if ARGV[0] == 'leak'
conn.finish
