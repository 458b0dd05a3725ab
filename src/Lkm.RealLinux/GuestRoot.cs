using System.Globalization;
using Lkm.Distribution;

namespace Lkm.RealLinux;

/// <summary>The guest's root folder: busybox, kmod, the files asked for, and an init that runs the commands between marks.</summary>
internal static class GuestRoot
{
    private static readonly string[] KmodNames = ["insmod", "rmmod", "lsmod", "modprobe", "modinfo", "depmod"];

    /// <summary>busybox's shell would run its own applets of these names, whatever PATH says.</summary>
    private static readonly string KmodFunctions = string.Concat(KmodNames.Select(name => $"{name}() {{ /sbin/{name} \"$@\"; }}\n"));

    /// <summary>What the machine lacks, and the packages that have it; null when nothing.</summary>
    public static string? MissingTool()
    {
        foreach ((string tool, string package) in (ReadOnlySpan<(string, string)>)
            [("qemu-system-x86_64", "qemu-system-x86"), ("busybox", "busybox-static"), ("kmod", "kmod"), ("modprobe", "kmod"), ("ldd", "libc-bin")])
        {
            if (HostCommand.Find(tool) is null)
                return $"{tool} is not installed; real Linux is run with: apt-get install qemu-system-x86 busybox-static kmod (missing: {package})";
        }
        return null;
    }

    public static void Write(string path, IEnumerable<(string GuestPath, string HostPath)> files, IReadOnlyList<string> commands, TimeSpan timeout)
    {
        using FileStream stream = File.Create(path);
        var archive = new CpioArchive(stream);
        foreach (string folder in (ReadOnlySpan<string>)["bin", "sbin", "dev", "proc", "sys", "tmp", "run", "etc/modprobe.d", "root", "mnt", "lib/modules"])
            archive.AddFolder(folder);
        archive.AddCharacterDevice("dev/console", 5, 1);
        archive.AddCharacterDevice("dev/null", 1, 3);
        archive.AddFile("bin/busybox", File.ReadAllBytes(HostCommand.Find("busybox")!));
        archive.AddLink("bin/sh", "busybox");
        AddKmod(archive);
        foreach ((string guestPath, string hostPath) in files)
            archive.AddFile(guestPath, File.ReadAllBytes(hostPath));
        for (int i = 0; i < commands.Count; i++)
            archive.AddFile($"commands/{i}", KmodFunctions + commands[i] + "\n");
        archive.AddFile("init", Init(commands.Count, timeout));
        archive.Finish();
    }

    /// <summary>The host's own kmod with its shared libraries: busybox's modprobe reads neither softdeps nor the binary indexes.</summary>
    private static void AddKmod(CpioArchive archive)
    {
        string kmod = HostCommand.Find("kmod")!;
        archive.AddFile("sbin/kmod", File.ReadAllBytes(kmod));
        foreach (string name in KmodNames)
            archive.AddLink($"sbin/{name}", "kmod");
        foreach (string line in HostCommand.Run("ldd", [kmod]).Output.Split('\n'))
        {
            // "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)" and "/lib64/ld-linux-x86-64.so.2 (0x…)"
            foreach (string word in line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries))
            {
                if (word.StartsWith('/'))
                    archive.AddFile(word, File.ReadAllBytes(word));
            }
        }
    }

    private static string Init(int commands, TimeSpan timeout)
    {
        string seconds = timeout.TotalSeconds.ToString("0", CultureInfo.InvariantCulture);
        return $$"""
            #!/bin/sh
            export PATH=/sbin:/bin
            /bin/busybox mount -t proc proc /proc
            /bin/busybox mount -t sysfs sysfs /sys
            /bin/busybox mount -t devtmpfs devtmpfs /dev
            /bin/busybox mount -t debugfs debugfs /sys/kernel/debug
            /bin/busybox mount -t tmpfs tmpfs /tmp
            for applet in $(/bin/busybox --list); do [ -e /sbin/$applet ] || /bin/busybox ln -s /bin/busybox /bin/$applet 2>/dev/null; done
            ifconfig lo 127.0.0.1 up
            stty -opost
            dmesg -c >/dev/null
            i=0
            while [ $i -lt {{commands}} ]; do
                echo
                echo "{{GuestProtocol.Mark}} begin $i"
                timeout {{seconds}} sh /commands/$i </dev/null 2>&1
                status=$?
                echo
                echo "{{GuestProtocol.Mark}} status $status $(cat /proc/sys/kernel/tainted)"
                dmesg -r -c
                echo "{{GuestProtocol.Mark}} end"
                i=$((i+1))
            done
            poweroff -f

            """;
    }
}
