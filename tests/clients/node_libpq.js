// SPDX-License-Identifier: MIT
//
// node_libpq.js clean|leak - the addon libpq
//
// Nobody closes what is forgotten.
const Libpq = require('libpq');

const conn = new Libpq();
conn.connectSync('');
conn.exec('SELECT 6 * 7');
console.log(conn.getvalue(0, 0));
if (process.argv[2] == 'clean')
	conn.finish();
