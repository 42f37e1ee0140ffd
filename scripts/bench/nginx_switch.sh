#!/bin/sh
# usage: nginx_switch.sh FILE MAIN_CONF ERROR_LOG TO FROM
#
# What people write by hand: swap the two server lines, test, reload. It ends before nginx has changed over.
set -eu
cp "$1" "$1.bak"
sed -i "s/server $4 max_fails=0 down;/server $4 max_fails=0;/; s/server $5 max_fails=0;/server $5 max_fails=0 down;/" "$1"
if ! nginx -t -q -c "$2" -e "$3"; then
    cp "$1.bak" "$1"
    exit 1
fi
nginx -s reload -c "$2" -e "$3"
