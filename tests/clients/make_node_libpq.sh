#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make_node_libpq.sh FOLDER - makes FOLDER/node_modules/libpq, for a node that
# is not Debian's (whose addons need its own libnode): npm's, compiled with the
# headers that lie beside that node.  What is there already is left alone.
set -euo pipefail

node=$(command -v node) || exit 0
shared=$("$node" -p process.config.variables.node_shared)
addon=$1/node_modules/libpq/build/Release/addon.node
if [ "$shared" = true ] || [ -e "$addon" ]; then exit 0; fi

prefix=$("$node" -p 'path.resolve(process.execPath, "../..")')
if [ ! -e "$prefix/include/node/node.h" ]; then
	echo "make_node_libpq.sh: $node came without its headers" >&2
	exit 1
fi

echo "make_node_libpq.sh: building npm's libpq in $1"
mkdir -p "$1"
npm_config_nodedir=$prefix npm install --prefix "$1" --no-save --no-audit \
	--no-fund --loglevel=error libpq@1.11.0 >"$1/npm.log" 2>&1 </dev/null ||
	true
if [ ! -e "$addon" ]; then
	tail -n 20 "$1/npm.log" >&2
	echo "make_node_libpq.sh: npm could not build libpq" >&2
	exit 1
fi
