#!/bin/sh
# usage: haproxy_back.sh SOCKET TO FROM
#
# What an operator's own script does in an emergency: two weights through the socket, and both read back.
set -eu
answer=$(echo "set server app/$2 weight 100; set server app/$3 weight 0; get weight app/$2; get weight app/$3" | socat - "UNIX-CONNECT:$1")
case $answer in
*'100 (initial '*'0 (initial '*) ;;
*) echo "$answer" >&2; exit 1 ;;
esac
