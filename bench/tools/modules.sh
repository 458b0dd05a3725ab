#!/bin/bash
# Times what real modules do when they are loaded: bench/tools/modules.sh [CASE...]
#   CASE   a module of the kernel's and its parameters, in one word; without any, those below
# Three times each, in turns, and the least counts: `lkm run` with both tiers and with the interpreter alone, and modprobe in the same kernel
# under QEMU's translator. All is processor time of the host: of lkm's what is beyond the run of a module that does nothing, of QEMU's what
# passes between two lines of the guest. Needs qemu-system-x86, busybox-static and cpio; without them that column is left out.
# A module that measures by the clock, as raid6_pq does, takes as long in QEMU as it wants to: there - stands for the figure.
set -euo pipefail
cd "$(dirname "$0")/../.."
cases=("$@")
[ $# -gt 0 ] || cases=(raid6_pq "tcrypt mode=9" "tcrypt mode=200 sec=0" "tcrypt mode=207 sec=0" test_bpf)
rounds=3
nothing=crc7
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

./lkm run "$nothing" >/dev/null
image=$(./lkm kernels --json | grep -oE '"[^"]*/vmlinuz-6\.1\.0-[0-9]+-amd64"' | head -n 1 | tr -d '"')
release=${image##*/vmlinuz-}
modules=${image%/boot/*}/lib/modules/$release

# in_lkm ENGINE CASE: hundredths of a second
in_lkm() {
	# shellcheck disable=SC2086 # a case is several words
	LKM_ENGINE=$1 /usr/bin/time -f '%U %S' -o "$work/time" ./lkm run $2 >/dev/null 2>&1 || true # tcrypt fails by design
	awk 'END { printf "%d\n", ($1 + $2) * 100 + 0.5 }' "$work/time"
}

# ticks PID: what a process has used, in hundredths of a second
ticks() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print int(($12 + $13) * 100 / hz) }' "/proc/$1/stat"; }

make_guest() {
	local root=$work/root
	mkdir -p "$root/bin" "$root/sbin" "$root/proc" "$root/lib/modules/$release/kernel/arch/x86"
	cp "$(command -v busybox)" "$root/bin/busybox"
	ln -s ../bin/busybox "$root/sbin/modprobe"
	cp "$modules"/modules.* "$root/lib/modules/$release/"
	cp -r "$modules/kernel/crypto" "$modules/kernel/lib" "$root/lib/modules/$release/kernel/"
	cp -r "$modules/kernel/arch/x86/crypto" "$root/lib/modules/$release/kernel/arch/x86/"
	{
		printf '#!/bin/busybox sh\n/bin/busybox mount -t proc proc /proc\necho begin\n/sbin/modprobe %s\necho end\n' "$1"
		printf 'while :; do /bin/busybox sleep 60; done\n' # until it is ended from outside, when its time was read
	} >"$root/init"
	chmod +x "$root/init"
	(cd "$root" && find . | cpio -o -H newc 2>/dev/null) >"$work/initrd"
	rm -rf "$root"
}

# in_qemu CASE: hundredths of a second between the guest's two lines
in_qemu() {
	local line start=0 end=0
	make_guest "$1"
	coproc guest { exec qemu-system-x86_64 -accel tcg -m 1024 -nographic -no-reboot -kernel "$image" -initrd "$work/initrd" \
		-append "console=ttyS0 quiet loglevel=0 panic=-1 rdinit=/init no_timer_check" 2>/dev/null; }
	local pid=$guest_PID
	while read -r line <&"${guest[0]}"; do
		case $line in
		*begin*) start=$(ticks "$pid") ;;
		*end*)
			end=$(ticks "$pid")
			break
			;;
		esac
	done
	kill "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	[ "$end" -eq 0 ] || echo $((end - start)) # nothing, where the guest came to nothing
}

# least FUNCTION ARGUMENT...: of the rounds
least() { for ((i = 0; i < rounds; i++)); do "$@"; done | sort -n | head -n 1; }

has_qemu=
command -v qemu-system-x86_64 >/dev/null && command -v busybox >/dev/null && command -v cpio >/dev/null && has_qemu=1
row() {
	awk -v name="$1" -v mixed="$2" -v interpreter="$3" -v qemu="$4" 'BEGIN {
		if (mixed < 1) mixed = 1
		printf "| `%s` | %.2f s | %.2f | %s |\n", name, mixed / 100, interpreter / mixed, qemu == "-" ? "-" : sprintf("%.2f", qemu / mixed)
	}'
}

start_mixed=$(least in_lkm mixed "$nothing")
start_interpreter=$(least in_lkm interpreter "$nothing")
printf '| | lkm | interpreter | qemu system |\n|---|---|---|---|\n'
for case in "${cases[@]}"; do
	mixed=$(($(least in_lkm mixed "$case") - start_mixed))
	interpreter=$(($(least in_lkm interpreter "$case") - start_interpreter))
	qemu=-
	[ -z "$has_qemu" ] || [ "${case%% *}" = raid6_pq ] || qemu=$(least in_qemu "$case")
	qemu=${qemu:--}
	row "$case" "$mixed" "$interpreter" "$qemu"
done
