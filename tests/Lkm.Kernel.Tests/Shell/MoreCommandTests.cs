namespace Lkm.Kernel.Tests.Shell;

/// <summary>Commands that look at the machine, its block devices and its network, in a booted kernel: their output is busybox's.</summary>
public class MoreCommandTests
{
    [Theory]
    [InlineData("printf 'abc' > /tmp/a; printf 'abd' > /tmp/b; cmp /tmp/a /tmp/b", "/tmp/a /tmp/b differ: char 3, line 1\n", 1)]
    [InlineData("printf 'abc' > /tmp/a; cmp /tmp/a /tmp/a", "", 0)]
    [InlineData("printf 'ab' > /tmp/a; printf 'abd' > /tmp/b; cmp /tmp/a /tmp/b", "cmp: EOF on /tmp/a\n", 1)]
    [InlineData("echo hi | md5sum", "764efa883dda1e11db47671c4a3bbd9e  -\n", 0)]
    [InlineData("seq 3 | tac | xargs -n 1 echo n", "n 3\nn 2\nn 1\n", 0)]
    [InlineData("printf 'a b\\nc\\n' | xargs -I @ echo '<@>'", "<a b>\n<c>\n", 0)]
    [InlineData("echo abc | rev", "cba\n", 0)]
    [InlineData("printf 'ab\\001long text\\002' | strings", "long text\n", 0)]
    [InlineData("yes no | head -2", "no\nno\n", 0)]
    [InlineData("env A=1 /bin/echo run", "run\n", 0)]
    [InlineData("nproc; taskset -p $$ | cut -d' ' -f3-; taskset 1 echo on it", "1\ncurrent affinity mask: 1\non it\n", 0)]
    [InlineData("mkfifo /tmp/f; ls -l /tmp/f | cut -c1-10; realpath /bin/../bin/sh", "prw-r--r--\n/bin/busybox\n", 0)]
    [InlineData("df /tmp | tail -1 | awk '{ print $1, $6 }'; free | wc -l; uptime | cut -d, -f1 | cut -c10-", "tmpfs /tmp\n3\n up 0 min\n", 0)]
    [InlineData("sh -c 'exec echo it; echo not'; exec false; echo nor", "it\n", 1)]
    [InlineData("exec nonesuch", "sh: nonesuch: not found; \"help\" lists the commands\n", 127)]
    [InlineData("dmesg | grep -c 'random: crng init done'", "1\n", 0)]
    public void A_command_prints_what_busyboxs_does(string line, string output, int status)
    {
        using var session = BootedKernel.Start();
        Assert.Equal((output, status), session.Run(line));
    }

    [Fact]
    public void Swap_space_is_made_and_used()
    {
        using var session = BootedKernel.Start();
        var (output, status) = session.Run(
            "modprobe brd rd_nr=1 rd_size=1024; blockdev --getsize64 /dev/ram0; blockdev --getsz /dev/ram0; mkswap /dev/ram0 | head -1; swapon /dev/ram0; tail -1 /proc/swaps | awk '{ print $1, $3 }'; swapoff /dev/ram0");
        Assert.Equal(("1048576\n2048\nSetting up swapspace version 1, size = 1044480 bytes\n/dev/ram0 1020\n", 0), (output, status));
    }

    [Fact]
    public void A_file_is_mounted_through_a_loop_device()
    {
        const string image = "dd if=/dev/zero of=/tmp/i bs=512 count=100 2> /dev/null; "
            + @"printf '\xeb\x3c\x90lkm     \x00\x02\x01\x01\x00\x01\x10\x00\x64\x00\xf8\x01\x00' | dd of=/tmp/i conv=notrunc 2> /dev/null; "
            + @"printf '\xf8\xff\xff' | dd of=/tmp/i bs=512 seek=1 conv=notrunc 2> /dev/null";
        const string attached = "cat /sys/block/loop0/loop/backing_file 2> /dev/null || echo free";
        using var session = BootedKernel.Start();
        Assert.Equal(("/tmp/i\n", 0), session.Run($"{image}; mount -t vfat -o loop /tmp/i /mnt && echo text > /mnt/file; {attached}")); // the driver comes on demand
        Assert.Equal(("free\n", 0), session.Run($"umount /mnt; {attached}"));
        Assert.Equal(("text\nfree\n", 0), session.Run($"mount -t vfat /tmp/i /mnt; cat /mnt/file; umount /mnt; {attached}"));
        Assert.Equal("mount: mounting /dev/loop0 on /mnt failed: Invalid argument\nfree\n", session.Run($"mount -t ext4 /tmp/i /mnt; {attached}").Output);
    }

    [Theory]
    [InlineData("mount -t ext4 /dev/ram0 /mnt", 0)]
    [InlineData("mount -t ext4 -o loud /dev/ram0 /mnt", 1)]
    public void A_file_system_that_is_not_there_is_told_of_only_when_asked_for(string mount, int told)
    {
        using var session = BootedKernel.Start();
        Assert.Equal(255, session.Run($"modprobe brd rd_nr=1 rd_size=1024; {mount} 2> /dev/null").Status);
        Assert.Equal($"{told}\n", session.Run("dmesg | grep -c \"Can't find ext4\"").Output);
    }

    [Fact]
    public void A_text_goes_from_one_connection_to_another()
    {
        using var session = BootedKernel.Start();
        Assert.Equal(
            ("there\nto\nnc: can't connect to remote host (127.0.0.1): Connection refused\n", 1),
            session.Run("(echo to; sleep 0.2) | nc -l -p 7000 > /tmp/got & sleep 0.1; (echo there; sleep 0.5) | nc 127.0.0.1 7000 > /tmp/back; cat /tmp/got /tmp/back; nc 127.0.0.1 7001 < /dev/null"));
    }
}
