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
    [InlineData("dmesg -n 3; cut -f1 /proc/sys/kernel/printk; dmesg -n 9 2>&1", "3\ndmesg: klogctl: Invalid argument\n", 1)]
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

    [Fact]
    public void A_loop_device_stands_for_a_file_until_it_is_let_go()
    {
        using var session = BootedKernel.Start();
        session.Run("modprobe loop; dd if=/dev/zero of=/tmp/i bs=1k count=448 2> /dev/null; mke2fs -F /tmp/i");
        Assert.Equal(("/dev/loop0\n/dev/loop0: 0 /tmp/i\n/dev/loop0: 0 /tmp/i\n/dev/loop1\n", 0), session.Run("losetup -f; losetup /dev/loop0 /tmp/i; losetup -a; losetup /dev/loop0; losetup -f"));
        Assert.Equal(("lost+found\n", 0), session.Run("mount -t ext2 /dev/loop0 /mnt; ls /mnt; umount /mnt"));
        Assert.Equal(("losetup: /dev/loop0: No such device or address\n", 1), session.Run("losetup -d /dev/loop0; losetup /dev/loop0 2>&1"));
        Assert.Equal(("/dev/loop0: 1024 /tmp/i\n", 0), session.Run("losetup -r -o 1024 -f /tmp/i; losetup -a; cat /sys/block/loop0/ro > /dev/null"));
    }

    [Theory]
    [InlineData("i2cdetect -l", "i2c-0\tsmbus     \tSMBus stub driver               \tSMBus adapter\n", 0)]
    [InlineData("i2cdetect -y 0 0x18 0x20 | sed -n 's/ *$//;2,5p'", "00:\n10:                         -- -- -- -- 1c -- -- --\n20: --\n30:\n", 0)]
    [InlineData("i2cdetect -F 0 | head -3", "Functionalities implemented by bus #0\nI2C                              no\nSMBus quick command              yes\n", 0)]
    [InlineData("i2cset -y 0 0x1c 0x10 0x41; i2cget -y 0 0x1c 0x10; i2cset -y 0 0x1c 0x20 0x1234 w; i2cget -y 0 0x1c 0x20 w", "0x41\n0x1234\n", 0)]
    [InlineData("i2cset -y -r -m 0x0f 0 0x1c 1 0xff; i2cset -y 0 0x1c 0x02; i2cget -y 0 0x1c", "Value 0x0f written, readback matched\n0x00\n", 0)]
    [InlineData("i2cset -y 0 0x1c 0x11 0x42; i2cdump -y 0 0x1c | head -3 | tail -1", "10: 00 42 00 00 00 00 00 00 00 00 00 00 00 00 00 00    .B..............\n", 0)]
    [InlineData("i2cget -y 0 0x1d 0 2>&1", "i2cget: read failed: No such device\n", 1)]
    [InlineData("i2cget -y 5 0x1d 0 2>&1", "i2cget: can't open '/dev/i2c/5': No such file or directory\n", 1)]
    [InlineData("i2cget -y 0 0x88 0 2>&1", "i2cget: number 0x88 is not in 3..119 range\n", 1)]
    public void A_chip_on_an_i2c_bus_is_read_and_written(string line, string output, int status)
    {
        using var session = BootedKernel.Start();
        session.Run("modprobe i2c-dev; modprobe i2c-stub chip_addr=0x1c");
        Assert.Equal((output, status), session.Run(line));
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

    [Fact]
    public void What_is_sent_arrives_where_nothing_comes_back()
    {
        using var session = BootedKernel.Start();
        Assert.Equal(("hi\n", 0), session.Run("echo hi > /tmp/text; nc -l -p 7000 < /dev/null > /tmp/got & sleep 0.1; nc 127.0.0.1 7000 < /tmp/text; sleep 0.1; cat /tmp/got"));
    }
}
