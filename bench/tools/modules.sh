#!/bin/bash
# Times modules' own work in the interpreter and with the translator: modules.sh LKM MODULE...
#   LKM      the lkm program
# Processor time (user and system, all threads) of `lkm run MODULE`, least of three runs with each engine taken in turns, and how many times
# as long the interpreter takes.
set -eu
lkm=$1; shift

seconds() { # engine, module
    LKM_ENGINE=$1 /usr/bin/time -f '%U %S' -o "$times" "$lkm" run "$2" >/dev/null 2>&1 || true
    awk 'END { print $1 + $2 }' "$times"
}
times=$(mktemp); trap 'rm -f "$times"' EXIT
for module; do
    mixed=999999 interpreter=999999
    for _ in 1 2 3; do
        mixed=$(awk -v a="$mixed" -v b="$(seconds mixed "$module")" 'BEGIN { print a < b ? a : b }')
        interpreter=$(awk -v a="$interpreter" -v b="$(seconds interpreter "$module")" 'BEGIN { print a < b ? a : b }')
    done
    awk -v m="$module" -v a="$mixed" -v b="$interpreter" 'BEGIN { printf "%-20s mixed %7.2f s   interpreter %7.2f s   ratio %5.2f\n", m, a, b, b / a }'
done
