#!/bin/sh
# usage: nginx_back.sh FILE MAIN_CONF ERROR_LOG PID_FILE TO FROM
#
# What an operator's own script does in an emergency: swap the two server lines, test, reload, and wait until no
# worker of before takes connections any more (ended, or marked as shutting down).
set -eu
file=$1 conf=$2 log=$3 pid_file=$4 to=$5 from=$6
master=$(cat "$pid_file")
old=$(cat "/proc/$master/task/$master/children")
cp "$file" "$file.bak"
sed -i "s/server $to max_fails=0 down;/server $to max_fails=0;/; s/server $from max_fails=0;/server $from max_fails=0 down;/" "$file"
if ! nginx -t -q -c "$conf" -e "$log"; then
    cp "$file.bak" "$file"
    exit 1
fi
nginx -s reload -c "$conf" -e "$log"
tries=0
while :; do
    serving=0
    for worker in $old; do
        if [ -r "/proc/$worker/cmdline" ]; then
            read -r title < "/proc/$worker/cmdline" 2>/dev/null || :
            case ${title:-} in
            '' | *'shutting down'*) ;;
            *) serving=1 ;;
            esac
            title=
        fi
    done
    [ "$serving" -eq 0 ] && exit 0
    tries=$((tries + 1))
    [ "$tries" -lt 2000 ] || exit 1
    sleep 0.004
done
