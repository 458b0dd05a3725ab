#!/bin/bash
# Times the tools against kmod and an empty .NET program, all in one run: run.sh TOOLS TREE VERSION
#   TOOLS    directory with links depmod, modprobe, modinfo, lsmod to a published lkm (dotnet publish -c Release -r linux-x64)
#   TREE     directory with lib/modules/VERSION and its indexes
# Wall time in milliseconds, least of several runs taken in turns, and the ratio that is asked for. Memory is the largest resident set.
set -eu
tools=$1 tree=$2 version=$3
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
export PATH=$PATH:/usr/sbin:/sbin

least() { # runs, command...: sets wall (ms) and memory (KB)
    local runs=$1 i start end; shift
    wall=999999999 memory=0
    for ((i = 0; i < runs; i++)); do
        start=$(date +%s%N)
        "$@" >/dev/null 2>&1 || true
        end=$(date +%s%N)
        (( (end - start) / 10000 < wall )) && wall=$(( (end - start) / 10000 ))
    done
    memory=$(/usr/bin/time -f %M "$@" 2>&1 >/dev/null | tail -1)
}
report() { # what, wall, base wall, limit, memory
    awk -v w="$1" -v a="$2" -v b="$3" -v l="$4" -v m="$5" \
        'BEGIN { r = a / b; printf "%-28s %9.2f ms   ratio %5.2f (limit %s) %8d KB  %s\n", w, a / 100, r, l, m, r <= l ? "ok" : "MISSED" }'
}

mkdir "$work/empty"
cat >"$work/empty/empty.csproj" <<P
<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><OutputType>Exe</OutputType><TargetFramework>net10.0</TargetFramework><InvariantGlobalization>true</InvariantGlobalization></PropertyGroup></Project>
P
echo 'return;' >"$work/empty/Program.cs"
dotnet build "$work/empty" -c Release -o "$work/empty/out" >/dev/null

least 5 depmod -n -b "$tree" "$version"; base=$wall
least 5 "$tools/depmod" -n -b "$tree" "$version"; report "depmod -n, plain" "$wall" "$base" 0.6 "$memory"

mkdir -p "$work/xz/lib/modules"
cp -r "$tree/lib/modules/$version" "$work/xz/lib/modules/"
find "$work/xz" -name '*.ko' -print0 | xargs -0 -P"$(nproc)" -n 64 xz --check=crc32 -0
least 3 depmod -n -b "$work/xz" "$version"; base=$wall
least 3 "$tools/depmod" -n -b "$work/xz" "$version"; report "depmod -n, xz" "$wall" "$base" 0.55 "$memory"

module=$(find "$tree/lib/modules/$version" -name 'ext4.ko*' | head -1)
least 30 "$work/empty/out/empty"; base=$wall
least 30 "$tools/lsmod"; report "lsmod" "$wall" "$base" 1.3 "$memory"
least 30 "$tools/modinfo" "$module"; report "modinfo FILE" "$wall" "$base" 1.3 "$memory"
least 30 "$tools/modprobe" -d "$tree" -S "$version" -D ext4; report "modprobe -D" "$wall" "$base" 1.3 "$memory"
