#!/bin/bash
# Compares the tools with the installed kmod on a whole tree of modules: compare-with-kmod.sh TOOLS TREE VERSION
#   TOOLS    directory with links depmod, modprobe, modinfo to lkm
#   TREE     directory with lib/modules/VERSION; it is copied, not changed
# Prints one line for each comparison and exits with 1 if any differs. What came after kmod 30 (build-id, modules.weakdep) is left out.
set -u
tools=$1 tree=$2 version=$3
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
export PATH=$PATH:/usr/sbin:/sbin
failed=0

compare() { # what, file of kmod, file of lkm
    if cmp -s "$2" "$3"; then
        echo "same    $1 ($(wc -l <"$2") lines)"
    else
        echo "DIFFERS $1"; diff "$2" "$3" | head -5; failed=1
    fi
}

for side in kmod lkm; do
    mkdir -p "$work/$side/lib/modules"
    cp -r "$tree/lib/modules/$version" "$work/$side/lib/modules/"
    rm -f "$work/$side/lib/modules/$version"/modules.{dep,alias,symbols,softdep,weakdep,devname}*
    rm -f "$work/$side/lib/modules/$version"/{build,source}
done
depmod -b "$work/kmod" "$version"
"$tools/depmod" -b "$work/lkm" "$version"
kmod=$work/kmod/lib/modules/$version lkm=$work/lkm/lib/modules/$version
for file in dep alias softdep symbols devname; do
    compare "modules.$file" "$kmod/modules.$file" "$lkm/modules.$file"
done

modprobe -c -d "$work/kmod" -S "$version" >"$work/a"
modprobe -c -d "$work/lkm" -S "$version" >"$work/b"
compare "indexes of lkm read by kmod" "$work/a" "$work/b"
"$tools/modprobe" -c -d "$work/kmod" -S "$version" >"$work/b"
compare "indexes of kmod read by lkm" "$work/a" "$work/b"

find "$kmod" -name '*.ko*' | sort >"$work/files"
xargs modinfo <"$work/files" | grep -av '^build-id:' >"$work/a"
xargs "$tools/modinfo" <"$work/files" | grep -av '^build-id:' >"$work/b"
compare "modinfo of every module" "$work/a" "$work/b"

sed 's|.*/||; s|\.ko.*||' "$work/files" >"$work/names"
awk '/^alias/ { print $2 }' "$kmod/modules.alias" >"$work/aliases"
sed -E 's/\[(.)[^]]*\]/\1/g; s/\*/0/g; s/\?/1/g' "$work/aliases" >"$work/filled"
for list in names aliases filled; do
    for option in -D -R; do
        xargs -d '\n' -n 400 modprobe -d "$work/kmod" -S "$version" -a $option <"$work/$list" >"$work/a" 2>"$work/ae"
        xargs -d '\n' -n 400 "$tools/modprobe" -d "$work/kmod" -S "$version" -a $option <"$work/$list" >"$work/b" 2>"$work/be"
        compare "modprobe $option of $list" "$work/a" "$work/b"
        compare "messages of modprobe $option of $list" "$work/ae" "$work/be"
    done
done
exit $failed
