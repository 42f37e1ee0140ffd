#!/bin/sh
# Puts every snippet of this folder into a whole configuration, in a temporary folder, and has the real nginx and
# HAProxy read it. Changes nothing, opens no port, needs no root. Exit code 0: all that could be read is accepted.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$PATH:/usr/sbin:/usr/local/sbin
failed=0

verdict() { # name, exit code, output
    if [ "$2" -eq 0 ]; then
        echo "ok      $1"
    else
        echo "REFUSED $1"
        sed 's/^/        /' "$3"
        failed=1
    fi
}

# The part of a two-part snippet for `http { … }`, and the one for `server { … }`.
http_part() { sed '/^#----/,$d' "$1"; }
server_part() { sed '1,/^#----/d' "$1"; }

nginx_accepts() { # name, files for http, …, "--", files for server, …
    name=$1
    shift
    conf=$work/nginx.conf
    {
        echo "pid $work/nginx.pid; error_log stderr; events { }"
        echo "http {"
        echo "access_log off;"
        for kind in client_body proxy fastcgi uwsgi scgi; do echo "${kind}_temp_path $work/$kind;"; done
        while [ $# -gt 0 ] && [ "$1" != "--" ]; do
            http_part "$1"
            shift
        done
        echo "server { listen unix:$work/nginx.sock;"
        while [ $# -gt 0 ]; do
            [ "$1" = "--" ] || server_part "$1"
            shift
        done
        echo "} }"
    } >"$conf"
    code=0
    nginx -t -q -p "$work/" -c "$conf" >"$work/said" 2>&1 || code=$?
    # A warning is a mistake in a snippet that people copy; that one speaks of who runs this script.
    if grep -v 'the "user" directive' "$work/said" | grep -q '\[warn\]'; then code=1; fi
    verdict "$name" "$code" "$work/said"
}

haproxy_accepts() { # name, files …
    name=$1
    shift
    conf=$work/haproxy.cfg
    {
        echo "defaults"
        echo "    mode http"
        echo "    timeout connect 1s"
        echo "    timeout client 30s"
        echo "    timeout server 30s"
        cat "$@" | sed "s|/etc/haproxy/|$work/|g; s|/run/haproxy/|$work/|g; s|bind 127.0.0.1:|bind unix@$work/|"
    } >"$conf"
    code=0
    # -dW: warnings count as errors.
    haproxy -c -dW -f "$conf" >"$work/said" 2>&1 || code=$?
    verdict "$name" "$code" "$work/said"
}

if command -v nginx >/dev/null; then
    nginx_accepts upstream.conf "$here/upstream.conf"
    nginx_accepts proxy.conf "$here/upstream.conf" "$here/proxy.conf" -- "$here/proxy.conf"
    nginx_accepts ab-map.conf "$here/ab-map.conf"
    nginx_accepts switchboard.conf "$here/upstream.conf" "$here/switchboard.conf" -- "$here/switchboard.conf"
    nginx_accepts log-format.conf "$here/log-format.conf"
else
    echo "skipped nginx: not installed"
fi

if command -v haproxy >/dev/null; then
    echo "12345 mina_ab_green" >"$work/mina-ab.map"
    echo "green 0" >"$work/mina-canary.map"
    haproxy_accepts haproxy/backend.cfg "$here/haproxy/backend.cfg"
    haproxy_accepts haproxy/runtime-socket.cfg "$here/haproxy/runtime-socket.cfg" "$here/haproxy/backend.cfg"
    haproxy_accepts haproxy/log-format.cfg "$here/haproxy/log-format.cfg" "$here/haproxy/backend.cfg"
    haproxy_accepts haproxy/ab-map.cfg "$here/haproxy/ab-map.cfg"
    haproxy_accepts haproxy/sticky-canary.cfg "$here/haproxy/sticky-canary.cfg"
    mkdir "$work/.bgdeploy"
    echo "green 20250" >"$work/.bgdeploy/mina.share.map"
    echo "12345 1" >"$work/.bgdeploy/mina.users.map"
    echo 'core.register_converters("bgdeploy_mina", function(key) return #key % 1000 end)' \
        >"$work/.bgdeploy/mina.bucket.lua"
    haproxy_accepts haproxy/map-mode.cfg "$here/haproxy/map-mode.cfg"
else
    echo "skipped HAProxy: not installed"
fi

exit "$failed"
