#!/bin/sh
# Runs a command where a new, empty root folder holds the programs' folders, read-only.
# Usage, inside of a mount namespace: enter_root.sh FOLDER COMMAND...
set -e
root=$1
shift
mount -t tmpfs -o size=256m tmpfs "$root"
mkdir "$root/work" "$root/dev"
touch "$root/dev/null"
mount --bind /dev/null "$root/dev/null"
for folder in usr bin sbin lib lib64; do
    if [ -L "/$folder" ]; then
        ln -s "$(readlink "/$folder")" "$root/$folder"
    elif [ -d "/$folder" ]; then
        mkdir "$root/$folder"
        mount --rbind "/$folder" "$root/$folder"
        mount -o remount,bind,ro "$root/$folder"
    fi
done
exec "$@"
