using System.Globalization;
using Lkm.Distribution;

namespace Lkm.RealLinux;

/// <summary>The guest's root folder: busybox, kmod, the files asked for, and an init that takes commands (<see cref="GuestProtocol"/>).</summary>
internal static class GuestRoot
{
    private static readonly string[] KmodNames = ["insmod", "rmmod", "lsmod", "modprobe", "modinfo", "depmod"];

    /// <summary>busybox's shell would run its own applets of these names, whatever PATH says.</summary>
    private static readonly string KmodFunctions = string.Concat(KmodNames.Select(name => $"{name}() {{ /sbin/{name} \"$@\"; }}\n"));

    /// <summary>Commands of lkm's shell that busybox lacks, as far as a shell can do them.</summary>
    private const string LkmFunctions = """
        write() { if [ $# -gt 1 ]; then file=$1; shift; printf %s "$*" >"$file"; else cat >"$1"; fi; }
        sudo() { while case $1 in -*) ;; *) false ;; esac; do shift; done; "$@"; }

        """;

    /// <summary>Writes it as the kernel unpacks it.</summary>
    public static void Write(string path, IEnumerable<(string GuestPath, string HostPath)> files)
    {
        using FileStream stream = File.Create(path);
        var archive = new CpioArchive(stream);
        foreach (string folder in (ReadOnlySpan<string>)["bin", "sbin", "dev", "proc", "sys", "tmp", "run", "etc/modprobe.d", "root", "mnt", "lib/modules"])
            archive.AddFolder(folder);
        archive.AddCharacterDevice("dev/console", 5, 1);
        archive.AddCharacterDevice("dev/null", 1, 3);
        archive.AddFile("bin/busybox", File.ReadAllBytes(HostCommand.Find("busybox")!));
        archive.AddLink("bin/sh", "busybox");
        // The host's own kmod: busybox's modprobe reads neither softdeps nor the binary indexes.
        var libraries = new HashSet<string>();
        AddProgram(archive, "sbin/kmod", HostCommand.Find("kmod")!, KmodNames, libraries);
        using DeviceCommands? commands = DeviceCommands.Build();
        if (commands is not null)
            AddProgram(archive, "bin/device-commands", commands.Path, DeviceCommands.Names, libraries);
        foreach ((string guestPath, string hostPath) in files)
            archive.AddFile(guestPath, File.ReadAllBytes(hostPath));
        archive.AddFile("etc/functions", KmodFunctions + LkmFunctions);
        archive.AddFile("etc/session", Session);
        archive.AddFile("init", Init);
        archive.Finish();
    }

    /// <summary>A program of the host under the names that it goes by, with the shared libraries that no program before it has brought.</summary>
    private static void AddProgram(CpioArchive archive, string guestPath, string hostPath, IEnumerable<string> names, HashSet<string> libraries)
    {
        (string folder, string program) = (Path.GetDirectoryName(guestPath)!, Path.GetFileName(guestPath));
        archive.AddFile(guestPath, File.ReadAllBytes(hostPath));
        foreach (string name in names)
            archive.AddLink($"{folder}/{name}", program);
        foreach (string line in HostCommand.Run("ldd", [hostPath]).Output.Split('\n'))
        {
            // "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)" and "/lib64/ld-linux-x86-64.so.2 (0x…)"
            foreach (string word in line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries))
            {
                if (word.StartsWith('/') && libraries.Add(word))
                    archive.AddFile(word, File.ReadAllBytes(word));
            }
        }
    }

    /// <summary>A command goes on with the variables and in the folder that the one before it has left, as lines of one shell do.</summary>
    private const string Session = """
        [ ! -e /run/variables ] || . /run/variables
        cd "$PWD" 2>/dev/null
        trap 'set >/run/variables' EXIT

        """;

    /// <summary>
    /// The random number generator is waited for: it tells of being ready when it likes, which would be during some module's turn. The
    /// log stays as it is, for a command may look at it: what is new is what stands behind the lines that were there, and all when somebody cleared it. A command's
    /// output is kept out of the terminal, which is the kernel's console too, until the command has ended; what it has started ends with it when it takes too long. The terminal is raw while a file comes.
    /// </summary>
    internal static readonly string Init = string.Create(CultureInfo.InvariantCulture, $$"""
        #!/bin/sh
        export PATH=/sbin:/bin
        /bin/busybox mount -t proc proc /proc
        /bin/busybox mount -t sysfs sysfs /sys
        /bin/busybox mount -t devtmpfs devtmpfs /dev
        /bin/busybox mount -t debugfs debugfs /sys/kernel/debug
        /bin/busybox mount -t tracefs tracefs /sys/kernel/tracing
        /bin/busybox mount -t configfs configfs /sys/kernel/config 2>/dev/null
        /bin/busybox mount -t tmpfs tmpfs /tmp
        for applet in $(/bin/busybox --list); do [ -e /sbin/$applet ] || /bin/busybox ln -s /bin/busybox /bin/$applet 2>/dev/null; done
        printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n' >/etc/passwd
        printf 'root:x:0:\nnogroup:x:65534:\n' >/etc/group
        ifconfig lo 127.0.0.1 up
        head -c 1 /dev/random >/dev/null
        stty -opost -echo
        dmesg -r >/run/log
        first=$(head -n 1 /run/log)
        seen=$(wc -l </run/log)
        echo
        echo "{{GuestProtocol.Ready}}"
        while read -r verb one two three; do
            case $verb in
            begin)
                failed=
                ;;
            text)
                echo "$one" | base64 -d >>/run/command
                ;;
            run)
                echo
                if [ "$failed" ]; then
                    rm /run/command
                    echo "{{GuestProtocol.Mark}} left-out"
                    continue
                fi
                echo "{{GuestProtocol.Mark}} begin"
                timeout "$one" sh -c '. /etc/functions; . /etc/session; . /run/command' </dev/null >/run/output 2>&1
                status=$?
                [ -z "$two" ] || [ $status = 0 ] || failed=1
                [ $status -ne {{GuestProtocol.TimedOut}} ] || for task in /proc/[0-9]*; do
                    [ $task = /proc/1 ] || [ -z "$(head -c 1 $task/cmdline)" ] || kill -9 ${task#/proc/}
                done 2>/dev/null
                sleep 0.25
                echo
                echo "{{GuestProtocol.Mark}} output"
                cat /run/output
                rm /run/command /run/output
                echo
                echo "{{GuestProtocol.Mark}} status $status $(cat /proc/sys/kernel/tainted)"
                dmesg -r >/run/log
                [ "$first" = "$(head -n 1 /run/log)" ] || seen=0
                tail -n +$((seen+1)) /run/log
                first=$(head -n 1 /run/log)
                seen=$(wc -l </run/log)
                echo "{{GuestProtocol.Mark}} end"
                ;;
            file)
                terminal=$(stty -g)
                stty raw
                while [ "$two" -gt 0 ]; do
                    echo "{{GuestProtocol.Next}}" >/dev/console
                    dd bs={{GuestProtocol.BlockSize}} count=1 iflag=fullblock 2>/dev/null
                    two=$((two-1))
                done | head -c "$three" | gunzip >"$one"
                stty "$terminal"
                echo "{{GuestProtocol.Taken}}"
                ;;
            esac
        done
        poweroff -f

        """);
}
