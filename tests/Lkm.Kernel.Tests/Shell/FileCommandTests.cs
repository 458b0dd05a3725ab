using Lkm.Kernel.Shell.Commands;

namespace Lkm.Kernel.Tests.Shell;

public sealed class FileCommandTests : IDisposable
{
    private readonly ShellFixture _shell = new();

    public void Dispose() => _shell.Dispose();

    [Theory]
    [InlineData("cat /no/x", "cat: can't open '/no/x': No such file or directory\n")]
    [InlineData("ls /no/x", "ls: /no/x: No such file or directory\n")]
    [InlineData("mkdir @", "mkdir: can't create directory '@': File exists\n")]
    [InlineData("rmdir /no/x", "rmdir: '/no/x': No such file or directory\n")]
    [InlineData("rm /no/x", "rm: can't remove '/no/x': No such file or directory\n")]
    [InlineData("rm @", "rm: '@' is a directory\n")]
    [InlineData("mv /no/x /no/y", "mv: can't rename '/no/x': No such file or directory\n")]
    [InlineData("cp /no/x /no/y", "cp: can't stat '/no/x': No such file or directory\n")]
    [InlineData("cp @ /no/y", "cp: omitting directory '@'\n")]
    [InlineData("ln -s a @/no/x", "ln: @/no/x: No such file or directory\n")]
    [InlineData("stat -f /no/x", "stat: can't read file system information for '/no/x': No such file or directory\n")]
    [InlineData("chgrp nosuch /no/x", "chgrp: unknown group nosuch\n")]
    [InlineData("stat /no/x", "stat: can't stat '/no/x': No such file or directory\n")]
    [InlineData("head /no/x", "head: /no/x: No such file or directory\n")]
    [InlineData("touch /no/x", "touch: /no/x: No such file or directory\n")]
    [InlineData("chmod 600 /no/x", "chmod: /no/x: No such file or directory\n")]
    [InlineData("truncate -s 0 /no/x", "truncate: /no/x: open: No such file or directory\n")]
    [InlineData("mknod /no/x p", "mknod: /no/x: No such file or directory\n")]
    [InlineData("rm -z", "rm: invalid option -- 'z'\nUsage: rm [-rf] PATH...\n")]
    [InlineData("ioctl /no/x 1", "ioctl: can't open '/no/x': No such file or directory\n")]
    public void Failures_are_said_as_busybox_says_them(string line, string errors) => Assert.Equal(_shell.At(errors), _shell.Errors(line));

    [Fact]
    public void Files_are_made_listed_renamed_copied_and_removed()
    {
        _shell.Output("mkdir -p @/a/b/c; echo text > @/a/f; ln -s f @/a/link; cp @/a/f @/a/b; mv @/a/b/f @/a/b/g");
        Assert.Equal("b\nf\nlink\n", _shell.Output("ls @/a"));
        Assert.Equal("f\n", _shell.Output("readlink @/a/link"));
        Assert.Equal("text\n", _shell.Output("cat @/a/b/g"));
        _shell.Output("cp -r @/a @/copy");
        Assert.Equal("c\ng\n", _shell.Output("ls @/copy/b"));
        Assert.Equal("f\n", _shell.Output("readlink @/copy/link"));
        Assert.Equal(".\n..\nc\ng\n", _shell.Output("ls -a @/copy/b"));
        Assert.Equal(_shell.At("@/a/b:\nc\ng\n\n@/a/b/c:\n"), _shell.Output("ls @/a/b @/a/b/c"));
        _shell.Output("rm -r @/a @/copy; rm -f @/none");
        Assert.Equal("", _shell.Output("ls @"));
    }

    [Fact]
    public void Directories_are_listed_with_what_is_below()
    {
        _shell.Output("mkdir -p @/t/b/c @/t/a; touch @/t/f @/t/b/g @/t/b/.h");
        Assert.Equal(_shell.At("@/t:\na\nb\nf\n\n@/t/a:\n\n@/t/b:\nc\ng\n\n@/t/b/c:\n"), _shell.Output("ls -R @/t"));
        Assert.Equal(_shell.At(".:\nc\ng\n\n./c:\n"), _shell.Output("ls -R @/t/b").Replace(_shell.At("@/t/b"), "."));
        Assert.Equal(_shell.At("@/t:\n.\n..\na\nb\nf\n\n@/t/a:\n.\n..\n\n@/t/b:\n.\n..\n.h\nc\ng\n\n@/t/b/c:\n.\n..\n"), _shell.Output("ls -aR @/t"));
    }

    [Theory]
    [InlineData("", "@/t @/t/a @/t/b @/t/b/.h @/t/b/c @/t/b/g @/t/f @/t/l")]
    [InlineData("-name '*'", "@/t @/t/a @/t/b @/t/b/.h @/t/b/c @/t/b/g @/t/f @/t/l")]
    [InlineData("-type f", "@/t/b/.h @/t/b/g @/t/f")]
    [InlineData("-type d -name '[bc]'", "@/t/b @/t/b/c")]
    [InlineData("-type l -print", "@/t/l")]
    [InlineData("-maxdepth 1 ! -type d", "@/t/f @/t/l")]
    [InlineData("-maxdepth 0", "@/t")]
    [InlineData("-mindepth 2", "@/t/b/.h @/t/b/c @/t/b/g")]
    [InlineData("-path '*/b/*'", "@/t/b/.h @/t/b/c @/t/b/g")]
    [InlineData("-iname G", "@/t/b/g")]
    public void Find_lists_what_passes_all_tests(string tests, string paths)
    {
        _shell.Output("mkdir -p @/t/b/c @/t/a; touch @/t/f @/t/b/g @/t/b/.h; ln -s b @/t/l");
        Assert.Equal(_shell.At(paths).Replace(' ', '\n') + "\n", _shell.Output($"find @/t {tests} | sort"));
    }

    [Theory]
    [InlineData("find /no/x", "find: /no/x: No such file or directory\n")]
    [InlineData("find @ -nope", "find: unrecognized: -nope\n")]
    [InlineData("find @ -type x", "find: invalid argument 'x' to '-type'\n")]
    public void Find_says_what_it_cannot_do(string line, string errors) => Assert.Equal(_shell.At(errors), _shell.Errors(line));

    [Fact]
    public void The_hardware_clock_is_a_device()
    {
        Assert.Equal("hwclock: can't open '/no/rtc': No such file or directory\n", _shell.Errors("hwclock -r -f /no/rtc"));
        Assert.Equal("hwclock: RTC_RD_TIME: Inappropriate ioctl for device\n", _shell.Errors("hwclock -f /dev/null"));
        byte[] time = [.. new[] { 53, 55, 3, 2, 10, 126, 0, 0, 0 }.SelectMany(BitConverter.GetBytes)];
        Assert.Equal("Mon Nov  2 03:55:53 2026", ClockCommand.Format(time));
        Assert.EndsWith(" Dec 31 23:59:59 9998", ClockCommand.Format([.. Enumerable.Repeat(int.MaxValue - 1900, 9).SelectMany(BitConverter.GetBytes)]));
    }

    [Fact]
    public void Long_listings_show_the_status()
    {
        _shell.Output("echo text > @/f; chmod 4751 @/f; ln -s f @/link; mknod -m 600 @/pipe p");
        var lines = _shell.Output("ls -l @").Split('\n');
        Assert.StartsWith("total ", lines[0]);
        Assert.Matches(@"^-rwsr-x--x    1 \S+ +\S+ +5 [A-Z][a-z]{2} [ \d]\d \d\d:\d\d f$", lines[1]);
        Assert.Matches(@"^lrwxrwxrwx .* link -> f$", lines[2]);
        Assert.Matches(@"^prw------- ", lines[3]);
        Assert.Matches(@"^crw-rw-rw- +1 root     root        1,   3 .* /dev/null$", _shell.Output("ls -l /dev/null").TrimEnd());
        Assert.Matches(@"^crw-rw-rw- +1 0        0           1,   3 .* /dev/null$", _shell.Output("ls -ln /dev/null").TrimEnd());
    }

    [Fact]
    public void Stat_prints_what_a_files_file_system_is()
    {
        var lines = _shell.Output("stat -f /proc").Split('\n');
        Assert.Equal("  File: \"/proc\"", lines[0]);
        Assert.Matches("^    ID: [0-9a-f]+ +Namelen: 255     Type: proc$", lines[1]);
        Assert.Equal(["Block size: 4096      ", "Blocks: Total: 0          Free: 0          Available: 0", "Inodes: Total: 0          Free: 0", ""], lines[2..]);
        Assert.Equal("proc 9fa0 255 4096 /proc\n", _shell.Output("stat -f -c '%T %t %l %s %n' /proc"));
    }

    [Fact]
    public void Stat_prints_what_a_file_is()
    {
        _shell.Output("echo text > @/f; chmod 640 @/f");
        var lines = _shell.Output("stat @/f").Split('\n');
        Assert.Equal(_shell.At("  File: @/f"), lines[0]);
        Assert.Matches(@"^  Size: 5         \tBlocks: \d+ +IO Block: 4096   regular file$", lines[1]);
        Assert.Matches(@"^Access: \(0640/-rw-r-----\)  Uid: \( ", lines[3]);
        Assert.Matches(@"^Modify: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9} \+0000$", lines[5]);
        Assert.Contains("Links: 1     Device type: 1,3\n", _shell.Output("stat /dev/null"));
    }

    [Theory]
    [InlineData("644", 0u, 0x1a4u)]
    [InlineData("u+x", 0x1a4u, 0x1e4u)]
    [InlineData("go-r", 0x1a4u, 0x180u)]
    [InlineData("a=r", 0x1ffu, 0x124u)]
    [InlineData("u=rw,go=", 0x1ffu, 0x180u)]
    [InlineData("+x", 0u, 0x49u)]
    [InlineData("u+s", 0x1edu, 0x9edu)]
    [InlineData("+X", 0x180u, 0x180u)]
    public void Modes(string mode, uint old, uint expected)
    {
        Assert.True(ModeCommand.TryApply(mode, old, isDirectory: false, out var permissions));
        Assert.Equal(expected, permissions);
    }

    [Theory]
    [InlineData("89")]
    [InlineData("u")]
    [InlineData("z+x")]
    [InlineData("u+q")]
    [InlineData("77777777")]
    public void What_is_no_mode_is_refused(string mode) => Assert.False(ModeCommand.TryApply(mode, 0, isDirectory: false, out _));

    [Fact]
    public void Truncate_sets_sizes()
    {
        _shell.Output("truncate -s 4K @/f");
        Assert.Equal(4096, new FileInfo(_shell.Folder + "/f").Length);
        _shell.Output("truncate -s -96 @/f; truncate -c -s 1 @/none");
        Assert.Equal(4000, new FileInfo(_shell.Folder + "/f").Length);
        Assert.False(File.Exists(_shell.Folder + "/none"));
    }

    [Theory]
    [InlineData("[ -d @ ]", 0)]
    [InlineData("[ -f @ ]", 1)]
    [InlineData("[ -e /no/x ]", 1)]
    [InlineData("[ ! -e /no/x ]", 0)]
    [InlineData("test -c /dev/null -a 1 -lt 2", 0)]
    [InlineData("[ a = b -o a != b ]", 0)]
    [InlineData("[ '(' a = b ')' ]", 1)]
    [InlineData("[ -n '' ]", 1)]
    [InlineData("[ -z '' ]", 0)]
    [InlineData("[ text ]", 0)]
    [InlineData("[ ]", 1)]
    [InlineData("[ ! '' ]", 0)]
    [InlineData("[ 1 -eq x ]", 2)]
    [InlineData("[ a", 2)]
    [InlineData("[ a b ]", 2)]
    public void Test(string line, int status) => Assert.Equal(status, _shell.Run(line).Status);

    [Fact]
    public void Put_and_get_copy_between_host_and_kernel()
    {
        File.WriteAllText(_shell.Folder + "/host", "text");
        _shell.Output("mkdir @/in; put host @/in; get @/in/host out");
        Assert.Equal("text", File.ReadAllText(_shell.Folder + "/out"));
        Assert.StartsWith("put: can't open the host's 'none': ", _shell.Errors("put none @/in"));
        Assert.Equal("get: can't open '/no/x': No such file or directory\n", _shell.Errors("get /no/x out"));
    }

    [Fact]
    public void Mapped_files_are_changed_and_printed()
    {
        _shell.Output("truncate -s 4096 @/f");
        Assert.StartsWith("00000000  00 00 de ad 00", _shell.Output("mmap @/f 0 4096 -w 2:dead | hexdump -C"));
        Assert.Equal(0xde, File.ReadAllBytes(_shell.Folder + "/f")[2]);
        Assert.Equal("mmap: @/f: Invalid argument\n".Replace("@", _shell.Folder), _shell.Errors("mmap @/f 1 4096"));
        Assert.StartsWith("mmap: invalid change", _shell.Errors("mmap @/f 0 16 -w 15:0000"));
    }

    [Fact]
    public void Ioctl_prints_the_result_and_the_bytes()
    {
        const string fionread = "0x541b";
        _shell.Output("echo text > @/f");
        Assert.Equal("0\nhex:05000000\n", _shell.Output($"ioctl @/f {fionread} hex:00000000"));
        Assert.Equal("ioctl: /dev/null: Inappropriate ioctl for device\n", _shell.Errors("ioctl /dev/null '_IOR(k,1,4)' hex:00000000"));
        Assert.StartsWith("ioctl: invalid request", _shell.Errors("ioctl /dev/null frob"));
    }

    [Theory]
    [InlineData("_IO(k,1)", 0x6b01UL)]
    [InlineData("_IOR('k', 2, 4)", 0x80046b02UL)]
    [InlineData("_IOW(0xfd,3,312)", 0x4138fd03UL)]
    [InlineData("_IOWR(a,0,8)", 0xc0086100UL)]
    [InlineData("0x5401", 0x5401UL)]
    public void Ioctl_requests(string text, ulong expected)
    {
        Assert.True(IoctlRequest.TryParse(text, out var request));
        Assert.Equal(expected, request);
    }

    [Fact]
    public void Poll_prints_what_is_ready()
    {
        Assert.Equal("in out\n", _shell.Output("poll /dev/null in,out"));
        Assert.Equal(new LineResult(1, "timeout\n", ""), _shell.Run("mknod @/pipe p; poll @/pipe in 1"));
        Assert.StartsWith("poll: invalid event 'x'", _shell.Errors("poll /dev/null x"));
    }
}
