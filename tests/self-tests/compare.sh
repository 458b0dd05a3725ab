#!/bin/sh
# Runs self-tests that build.sh has built in lkm and in real Linux under QEMU: compare.sh FOLDER [NAME ...]
# Says for each whether all was the same, log and return code; the differences are in FOLDER/NAME.difference. Fails when there is one.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
lkm=${LKM:-$here/../../lkm}
folder=${1:?usage: compare.sh FOLDER [NAME ...]}
shift
# shellcheck disable=SC2046 # names without spaces
[ $# -gt 0 ] || set -- $(grep -v '^#' "$here/modules.txt" | sed 's|.*/||; s|\.c$||')

different=0
for name; do
	module=$(find "$folder" -name "$name.ko")
	difference=$folder/$name.difference
	if "$lkm" compare "$module" --kernel debian:6.1 --timeout 600 >"$difference" 2>&1; then
		rm "$difference"
		echo "same       $name"
	else
		different=$((different + 1))
		echo "different  $name"
	fi
done
echo "$# self-tests, $different different"
[ "$different" -eq 0 ]
