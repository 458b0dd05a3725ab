using Lkm.Cli.Comparing;

namespace Lkm.Cli.Tests.Comparing;

public class NormalizerTests
{
    [Theory]
    [InlineData("cache 00000000f3a1b2c4 at ffff8880aabbccdd", "cache 000000001d2c3b4a at fffffffc3f503000")]
    [InlineData("base 0xffffffffc0123000", "base 0xffffffffa0000000")]
    [InlineData("xor: measuring took 17 ms", "xor: measuring took 2 ms")]
    [InlineData("raid6: sse2x4   gen() 12345 MB/s", "raid6: sse2x4   gen()   890 MB/s")]
    [InlineData("CPU: 0 PID: 4711 Comm: modprobe", "CPU: 0 PID: 31 Comm: modprobe")]
    [InlineData("BUG: scheduling while atomic: insmod/380/0x00000002", "BUG: scheduling while atomic: insmod/66/0x00000002")]
    [InlineData("note: insmod[394] exited with irqs disabled", "note: insmod[67] exited with irqs disabled")]
    [InlineData("thread (pid 12) started", "thread (pid 3456) started")]
    [InlineData("-rw-r--r-- 1 root Nov 21 13:17 file", "-rw-r--r-- 1 root Jan  1 1970 file")]
    [InlineData("set to 2026-11-21 13:17:03 UTC", "set to 2000-01-01 00:00:00 UTC")]
    [InlineData("RAX: 0000000000000000 RBX: 0000000000000001 RCX: c0000000fffdffff", "RAX: 0000000000000000 RBX: 0000000000000001 RCX: ffffffff824143b8")]
    [InlineData("<4>Code: 48 89 e7 <0f> 0b", "<4>Code: 48 89 e8 <0f> 0b")]
    [InlineData("Hardware name: QEMU Standard PC", "Hardware name: lkm User-mode PC")]
    [InlineData("RIP: 0033:0x47b7a0", "RIP: 0033:0x4000ea")]
    [InlineData("RIP: 0033:0x7f8d8bf82829", "RIP: 0033:0x5555555540ea")]
    [InlineData("PGD 22598067 P4D 22598067 PUD 22597067 PMD 0 ", "PGD 3ebdb067 P4D 3ebdb067 PUD 3ebdc067 PMD 0 ")]
    [InlineData("trailing blanks  ", "trailing blanks")]
    public void What_differs_from_run_to_run_is_the_same(string one, string other) =>
        Assert.Equal(Normalizer.Normalize(one), Normalizer.Normalize(other));

    [Theory]
    [InlineData("brd: module loaded", "brd: module unloaded")]
    [InlineData("at 00000000f3a1b2c4", "at (null)")]
    [InlineData("16384 ram0", "4096 ram0")]
    [InlineData("registered 3 devices", "registered 4 devices")]
    [InlineData("flags 0x1f", "flags 0x1e")]
    [InlineData("took 17 ms", "took 17 s")]
    [InlineData("Pid 12", "Pad 12")]
    [InlineData("exit code 1", "exit code 2")]
    [InlineData("func+0x12/0x340 [brd]", "func+0x13/0x340 [brd]")]
    [InlineData("<4>Code: 48", "<6>Code: 48")]
    [InlineData("RIP: 0010:ida_free+0xe2/0x140", "RIP: 0010:ida_free+0xe4/0x140")]
    [InlineData("PGD 0 P4D 0", "PGD 3f509067 P4D 3f509067 PUD 3f50c067 PMD 0")]
    [InlineData("  indented", "indented")]
    public void What_a_module_means_to_say_is_not(string one, string other) =>
        Assert.NotEqual(Normalizer.Normalize(one), Normalizer.Normalize(other));
}
