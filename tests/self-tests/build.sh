#!/bin/sh
# Builds the kernel's own self-tests as external modules: build.sh FOLDER [SOURCE]
# SOURCE is Debian's linux-source-6.1, unpacked or as the package's linux-source-6.1.tar.xz; without it, apt fetches the package.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
lkm=${LKM:-$here/../../lkm}
folder=${1:?usage: build.sh FOLDER [SOURCE]}
source=${2:-}
mkdir -p "$folder"
folder=$(CDPATH='' cd -- "$folder" && pwd)

headers='tools/testing/selftests/kselftest_module.h lib/crc32defs.h lib/kstrtox.h drivers/mtd/tests/mtd_test.h'
modules=$(grep -v '^#' "$here/modules.txt")

if [ -z "$source" ]; then
	package=$(mktemp -d)
	trap 'rm -rf "$package"' EXIT
	(cd "$package" && apt-get -q download linux-source-6.1 && dpkg-deb -x linux-source-6.1_*.deb .)
	source=$package/usr/src/linux-source-6.1.tar.xz
fi
if [ -d "$source" ]; then
	# shellcheck disable=SC2086 # lists of names without spaces
	tar -C "$source" -cf - $headers $modules | tar -C "$folder" -xf -
else
	# shellcheck disable=SC2086
	tar -C "$folder" -xJf "$source" --strip-components=1 $(printf 'linux-source-6.1/%s\n' $headers $modules)
fi

for module in $modules; do
	echo "obj-m += ${module%.c}.o"
done >"$folder/Makefile"
exec "$lkm" build "$folder" --kernel debian:6.1
