using System.Globalization;
using Lkm.Kernel.Processes;
using Lkm.Kernel.Shell;

namespace Lkm.Kernel.Tests.Shell;

/// <summary>The shell where it belongs: its system calls are answered by a booted kernel.</summary>
public sealed class BootedShellTests(BootedShell shell) : IClassFixture<BootedShell>
{
    [Fact]
    public void The_kernel_knows_each_command_by_its_name()
    {
        Assert.Equal("cat\n", shell.Output("cat /proc/self/comm"));
        Assert.Equal("head\n", shell.Output("head -n 1 /proc/self/comm"));
        Assert.Matches(@"(?m)^    2 0        \[kthreadd\]$", shell.Output("ps aux"));
        Assert.Matches(@"(?m)^ +(\d+) +1 S    (?:/bin/)?sh\n +\d+ +\1 R    ps -o pid,ppid,stat,args$", shell.Output("ps -o pid,ppid,stat,args"));
    }

    [Theory]
    [InlineData("cat < /proc/self/comm", "cat\n")]
    [InlineData("cat < /proc/self/comm | cat", "cat\n")]
    [InlineData("echo a | cat - /proc/self/comm | tail -n 1", "cat\n")]
    [InlineData("head -n 1 < /proc/self/comm > /tmp/comm; cat /tmp/comm", "head\n")]
    public void A_program_reads_what_the_shell_has_opened_in_its_own_name(string line, string output) => Assert.Equal(output, shell.Output(line));

    [Fact]
    public void The_writer_of_a_pipe_keeps_its_name_and_unknown_devices_are_said_as_busybox_says_them()
    {
        Assert.Equal("dd\n", shell.Output("dd bs=64 status=none < /proc/self/comm | cat"));
        Assert.Equal((1, "ip: SIOCGIFFLAGS: No such device\n"), shell.Run("ip link set nosuch up"));
        Assert.Equal((1, "ip: SIOCSIFMTU: No such device\n"), shell.Run("ip link set nosuch mtu 100"));
    }

    [Fact]
    public void Processes_are_found_by_their_names()
    {
        Assert.Equal("2\n", shell.Output("pidof kthreadd"));
        Assert.Equal("2 kthreadd\n", shell.Output("pgrep -l kthreadd"));
        Assert.Equal((1, "killall: nosuch: no process killed\n"), shell.Run("killall nosuch"));
        Assert.Equal("sleep\nsleep 100 \n", shell.Output("sleep 100 & sleep 0.1; cat /proc/$!/comm; tr '\\0' ' ' < /proc/$!/cmdline; echo; kill $!"));
        Assert.Equal("", shell.Output("sleep 1000 &"));
        Assert.Equal("sleep\n", shell.Output("cat /proc/$!/comm; kill %1")); // a later line may speak of it, though it is no child of that line's shell
        Assert.Equal("Killed\n137\n", shell.Output("sleep 100 & sleep 0.1; killall -9 sleep; wait $!; echo $?"));
        Assert.Equal("grep kthreadd\n", shell.Output("ps -o comm,args | grep kthreadd | cut -c 18- | tail -n 1"));
    }

    [Fact]
    public void A_command_may_be_run_by_another()
    {
        Assert.Equal("0\n", shell.Output("sudo -E id -u"));
        Assert.Equal((1, "sudo: a password is required\n"), shell.Run("su nobody -c 'sudo true'"));
        Assert.Matches(@"^real\t1m 5\.0\ds\nuser\t0m 0\.\d\ds\nsys\t0m 0\.\d\ds\n$", shell.Output("time sleep 65"));
    }

    [Fact]
    public void Interfaces_are_shown_with_their_counts()
    {
        Assert.Equal(
            "lo        Link encap:Local Loopback  \n          inet addr:127.0.0.1  Mask:255.0.0.0\n          inet6 addr: ::1/128 Scope:Host\n"
            + "          UP LOOPBACK RUNNING  MTU:65536  Metric:1\n          RX packets:4 errors:0 dropped:0 overruns:0 frame:0\n"
            + "          TX packets:4 errors:0 dropped:0 overruns:0 carrier:0\n          collisions:0 txqueuelen:1000 \n"
            + "          RX bytes:336 (336.0 B)  TX bytes:336 (336.0 B)\n\n",
            shell.Output("ip link set lo up; ifconfig lo 127.0.0.1; ping -c 2 127.0.0.1 > /dev/null; ifconfig lo"));
        Assert.Equal((1, "ifconfig: SIOCSIFADDR: No such device\n"), shell.Run("ifconfig nosuch 1.2.3.4"));
    }

    [Fact]
    public void Routes_are_shown_made_and_removed()
    {
        shell.Output("ip link set lo up; ip addr add 10.1.2.3/24 dev lo; ip route add 10.9.0.0/16 via 10.1.2.9; route add -net 10.8.0.0 netmask 255.255.0.0 lo; ip route add default dev lo");
        Assert.Equal("default dev lo scope link \n10.8.0.0/16 dev lo scope link \n10.9.0.0/16 via 10.1.2.9 dev lo \n", shell.Output("ip route"));
        Assert.Equal(
            "Kernel IP routing table\nDestination     Gateway         Genmask         Flags Metric Ref    Use Iface\n"
            + "0.0.0.0         0.0.0.0         0.0.0.0         U     0      0        0 lo\n"
            + "10.8.0.0        0.0.0.0         255.255.0.0     U     0      0        0 lo\n"
            + "10.9.0.0        10.1.2.9        255.255.0.0     UG    0      0        0 lo\n",
            shell.Output("route -n"));
        shell.Output("ip route del default; route del -net 10.8.0.0/16; ip route del 10.9.0.0/16; ip addr del 10.1.2.3/24 dev lo");
        Assert.Equal("", shell.Output("ip route"));
        Assert.Equal((2, "ip: RTNETLINK answers: Network is unreachable\n"), shell.Run("ip route add default via 10.7.7.7"));
        Assert.Equal((1, "route: SIOCDELRT: No such process\n"), shell.Run("route del 10.7.7.7"));
    }

    [Fact]
    public void Files_live_in_the_kernels_own_file_systems()
    {
        shell.Output("mount -t tmpfs -o size=1M none /mnt && mkdir /mnt/a && echo text > /mnt/a/f && mv /mnt/a/f /mnt/a/g");
        Assert.Equal("text\n", shell.Output("cat /mnt/a/*"));
        Assert.Matches(@"none on /mnt type tmpfs \(rw,relatime,size=1024k", shell.Output("mount | grep /mnt"));
        Assert.Equal((1, "dd: error writing '/mnt/big': No space left on device\n"), shell.Run("dd if=/dev/zero of=/mnt/big bs=2M status=none"));
        Assert.Equal((1, "rmdir: '/mnt/a': Directory not empty\n"), shell.Run("rmdir /mnt/a"));
        shell.Output("umount /mnt");
        Assert.Equal((1, "umount: can't unmount /mnt: Invalid argument\n"), shell.Run("umount /mnt"));
    }

    [Fact]
    public void Mappings_share_the_files_pages_and_leave_nothing_behind()
    {
        shell.Output("dmesg -C");
        shell.Output("truncate -s 8192 /tmp/map; echo hello > /tmp/map; truncate -s 8192 /tmp/map");
        Assert.StartsWith("00000000  68 65 6c 6c 6f 0a 00 00  de ad", shell.Output("mmap /tmp/map 0 8192 -w 8:dead | hexdump -C"));
        Assert.Equal("00000008  de ad                                             |..|\n0000000a\n", shell.Output("hexdump -C -s 8 -n 2 /tmp/map"));
        Assert.Equal((1, "mmap: /tmp/map: the mapping cannot be read at 0x0\n"), shell.Run("mmap /tmp/map 8192 4096"));
        Assert.Equal("", shell.Output("rm /tmp/map; dmesg"));
    }

    [Fact]
    public void Large_blocks_are_one_call_and_pipes_end_early()
    {
        Assert.Equal("1+0 records in\n1+0 records out\n", shell.Output("dd if=/dev/zero of=/dev/null bs=300000 count=1"));
        Assert.Equal("70000\n", shell.Output("cat /dev/zero | head -c 70000 | wc -c"));
    }

    [Fact]
    public void Sleep_takes_virtual_time()
    {
        Assert.InRange(Seconds("sleep 100.5"), 100.49m, 100.6m);
        Assert.InRange(Seconds("true"), 0m, 0.1m);
    }

    [Theory]
    [InlineData("echo abc > /tmp/fd; exec 3<>/tmp/fd; dd bs=1 count=1 status=none <&3; echo x >&3; exec 3>&-; cat /tmp/fd", "aax\n\n")]
    [InlineData("exec 3</proc/version; readlink /proc/$$/fd/* | grep version; exec 3<&-; readlink /proc/$$/fd/* | grep -c version", "/proc/version\n0\n")]
    [InlineData("{ read a; read b; echo $b; } 3<&- < /etc/passwd", "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n")]
    [InlineData("cat <&5", "sh: 5: bad file descriptor\n")]
    [InlineData("sleep 5 & a=$!; sleep 1; kill %1; wait $a; echo $?; test $a -gt 1 && echo ok", "Terminated\n143\nok\n")]
    [InlineData("for i in 1 2 3; do echo $i > /tmp/made$i & done; wait; cat /tmp/made1 /tmp/made2 /tmp/made3", "1\n2\n3\n")]
    [InlineData("f() { sleep 0.1; echo $1 $x; }; x=then; f one & x=now; wait; echo $x", "one then\nnow\n")]
    [InlineData("sleep 0.2 && echo last & echo first; wait; false && echo no & wait; echo end", "first\nlast\nend\n")]
    [InlineData("(sleep 2; echo last) & echo first; wait; echo end", "first\nlast\nend\n")]
    [InlineData("each() { for w in \"$@\"; do echo \"<$w>\"; done; }; each 'a b' c ''; each; each() { for w; do echo $w; done; }; each d", "<a b>\n<c>\n<>\nd\n")]
    [InlineData("sh -c 'echo $0 $1 $#' a 'b c' d; echo 'echo $0 $2' > /tmp/script; sh /tmp/script 1 2; f() { dirname /a/b; }; f; f | cat", "a b c 2\n/tmp/script 2\n/a\n/a\n")]
    [InlineData("wait 1; echo $?; x=1; echo ${x:-2} ${y:-no value}", "127\n1 no value\n")]
    [InlineData("date -u +%s | grep -c '^[0-9]*$'; date '+%Y-%m-%d' | grep -c '^[0-9]*-[0-9][0-9]-[0-9][0-9]$'; date | grep -c ' UTC '", "1\n1\n1\n")]
    [InlineData("su nobody -c 'id; whoami; cat /sys/kernel/debug/gpio'; id -u", "uid=65534 gid=65534\nnobody\ncat: can't open '/sys/kernel/debug/gpio': Permission denied\n0\n")]
    [InlineData("echo 1 > /tmp/o; chown nobody:5 /tmp/o; stat -c '%u %g' /tmp/o; which cat nonesuch", "65534 5\n/bin/cat\n")]
    [InlineData("hostname lkm; hostname; uname -n", "lkm\nlkm\n")]
    [InlineData("echo one > /tmp/t; (timeout 3 tail -f /tmp/t) & sleep 0.5; echo two >> /tmp/t; sleep 5", "one\ntwo\nTerminated\n")]
    public void Lines_as_one_types_them(string line, string output) => Assert.Equal(output, shell.Run(line).Output);

    [Fact]
    public void Symbols_and_modules_are_listed()
    {
        Assert.Matches("^[0-9a-f]{16} t do_wp_page\n$", shell.Output("ksyms do_wp_pag?"));
        Assert.StartsWith("Module                  Size  Used by\n", shell.Output("lsmod"));
        Assert.Equal((1, "rmmod: ERROR: Module none is not currently loaded\n"), shell.Run("rmmod none"));
        Assert.Equal(1, shell.Run("modprobe no-such-module").Status);
    }

    [Fact]
    public void Modprobe_tells_what_it_would_load_and_loads_many()
    {
        Assert.Matches(@"^insmod \S+/dm-mod\.ko \ninsmod \S+/dm-zero\.ko a=1\n$", shell.Output("modprobe -D dm-zero a=1"));
        Assert.Equal("builtin zswap\n", shell.Output("modprobe --show-depends zswap"));
        Assert.Equal((1, ""), shell.Run("modprobe -q no-such-module"));
        Assert.DoesNotContain("dm_zero", shell.Output("lsmod"));
        shell.Output("modprobe -a dm-zero crc7");
        Assert.Matches(@"(?s)dm_zero.*crc7|crc7.*dm_zero", shell.Output("lsmod"));
        shell.Output("modprobe -r dm-zero crc7");
        Assert.DoesNotContain("dm_mod", shell.Output("lsmod"));
        Assert.StartsWith("modprobe: FATAL: Module none not found", shell.Run("modprobe -D none").Output);
    }

    [Fact]
    public void A_device_mapper_table_is_made_used_and_removed()
    {
        shell.Output("modprobe brd rd_size=1024 && dmsetup create test --table '0 1024 linear /dev/ram0 8'");
        Assert.Equal("0 1024 linear 1:0 8\n", shell.Output("dmsetup table test"));
        Assert.Contains("Number of targets: 1\n", shell.Output("dmsetup info test"));
        shell.Output("echo hello | dd of=/dev/mapper/test conv=sync,fsync status=none");
        Assert.Equal("hello\n", shell.Output("dd if=/dev/ram0 bs=512 skip=8 count=1 status=none | head -c 6"));
        Assert.Matches(@"(?m)^brd +\d+  1$", shell.Output("lsmod"));
        Assert.Equal((1, "rmmod: ERROR: Module brd is in use\n"), shell.Run("rmmod brd"));
        shell.Output("dmsetup remove test && rmmod brd && modprobe -r dm_mod");
        Assert.Equal((1, "dmsetup: reload ioctl on bad failed: Invalid argument\n"), shell.Run("dmsetup create bad --table '0 8 nosuch'"));
        Assert.Equal("No devices found\n", shell.Output("dmsetup ls"));
        Assert.Empty(shell.Findings);
    }

    [Fact]
    public void Signals_stop_continue_and_end_a_process()
    {
        var parent = Start("sleep 1000");
        var listed = System.Text.RegularExpressions.Regex.Match(shell.Output("ps -o pid,ppid,stat,comm"), $@"(?m)^ *(\d+) +{parent} S    sleep$");
        Assert.True(listed.Success);
        var other = listed.Groups[1].Value;
        shell.Output($"kill -STOP {other}; sleep 0.1");
        Assert.Matches($@"(?m)^ *{other} +{parent} T    sleep$", shell.Output("ps -o pid,ppid,stat,comm"));
        shell.Output($"kill -CONT {other}; sleep 0.1");
        Assert.Matches($@"(?m)^ *{other} +{parent} S    sleep$", shell.Output("ps -o pid,ppid,stat,comm"));
        shell.Output($"kill {other}; sleep 0.1");
        Assert.DoesNotMatch($@"(?m)^ *({other}|{parent}) ", shell.Output("ps -o pid,stat | grep -v Z"));
    }

    /// <summary>The seconds that a line takes by the kernel's own clock.</summary>
    private decimal Seconds(string line)
    {
        var readings = shell.Output($"cat /proc/uptime; {line}; cat /proc/uptime").Split('\n');
        return decimal.Parse(readings[1].Split(' ')[0], CultureInfo.InvariantCulture) - decimal.Parse(readings[0].Split(' ')[0], CultureInfo.InvariantCulture);
    }

    /// <summary>Starts a line as a process that nobody waits for.</summary>
    private int Start(string line)
    {
        var pid = 0;
        var kernel = shell.Kernel;
        kernel.Init.Post(async () => pid = await kernel.Threads.Start(async () =>
        {
            var process = await UserProcess.Create(kernel);
            return await new KernelShell(new ShellFixture(), kernel.Log).Run(process, line, new ShellStreams(Stream.Null, Stream.Null));
        }));
        shell.Output("sleep 0.1");
        Assert.True(pid > 0);
        return pid;
    }
}
