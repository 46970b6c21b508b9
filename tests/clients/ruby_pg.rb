# SPDX-License-Identifier: MIT
#
# ruby_pg.rb clean|forget|leak - the gem pg
#
# Ruby closes what is forgotten; exit! does not let it.
require 'pg'

$stdout.sync = true
conn = PG.connect
puts conn.exec('SELECT 6 * 7').getvalue(0, 0)
exit!(0) if ARGV[0] == 'leak'
conn.finish if ARGV[0] == 'clean'
