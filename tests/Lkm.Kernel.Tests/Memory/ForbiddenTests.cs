namespace Lkm.Kernel.Tests.Memory;

/// <summary>Memory that must not be executed or written, and copies that reach over an object: what real Linux logs.</summary>
public sealed class ForbiddenTests(MemoryModules modules) : IClassFixture<MemoryModules>
{
    [Theory]
    [InlineData("data", "PGD TABLE P4D TABLE PUD TABLE PMD TABLE PTE ENTRY")]
    [InlineData("stack", "PGD TABLE P4D TABLE PUD TABLE PMD TABLE PTE ENTRY")]
    [InlineData("vmalloc", "PGD TABLE P4D TABLE PUD TABLE PMD TABLE PTE ENTRY")]
    [InlineData("kmalloc", "PGD TABLE P4D TABLE PUD TABLE PMD ENTRY ")]
    public void What_is_no_code_is_not_executed(string what, string tables)
    {
        using var session = BootedKernel.Start();
        var log = Do(session, $"echo {what} > /sys/kernel/debug/forbidden", 137);
        Assert.Equal("forbidden: executing", log[0]);
        Assert.Equal("kernel tried to execute NX-protected page - exploit attempt? (uid: 0)", log[1]);
        Assert.StartsWith("BUG: unable to handle page fault for address: ", log[2], StringComparison.Ordinal);
        Assert.Equal(["#PF: supervisor instruction fetch in kernel mode", "#PF: error_code(0x0011) - permissions violation"], log[3..5]);
        Assert.Equal(tables, Anonymous(log[5]));
        Assert.StartsWith("Oops: 0011 [#1]", log[6], StringComparison.Ordinal);
        Assert.DoesNotContain(log, line => line.Contains("KASAN", StringComparison.Ordinal) || line == "forbidden: executed");
    }

    [Fact]
    public void A_constant_is_not_written()
    {
        using var session = BootedKernel.Start();
        var log = Do(session, "echo constant > /sys/kernel/debug/forbidden", 137);
        Assert.StartsWith("BUG: unable to handle page fault for address: ", log[0], StringComparison.Ordinal);
        Assert.Equal(["#PF: supervisor write access in kernel mode", "#PF: error_code(0x0003) - permissions violation"], log[1..3]);
        Assert.Equal("PGD TABLE P4D TABLE PUD TABLE PMD TABLE PTE ENTRY", Anonymous(log[3]));
        Assert.StartsWith("Oops: 0003 [#1]", log[4], StringComparison.Ordinal);
    }

    [Fact]
    public void A_copy_that_reaches_over_an_object_is_told_of_with_who_made_it()
    {
        using var session = BootedKernel.Start();
        var log = Do(session, "cat /sys/kernel/debug/forbidden", 139);
        Assert.Equal("usercopy: Kernel memory exposure attempt detected from SLUB object 'kmalloc-128' (offset 0, size 1000)!", log[0]);
        var trace = log.SkipWhile(line => line != " <TASK>").Skip(1).Select(line => line.Trim().Split('+')[0]);
        Assert.Equal(["__check_heap_object", "__check_object_size", "forbidden_read"], trace.Take(3));
    }

    [Fact]
    public void A_copy_behind_an_object_is_one_of_the_next_object_to_the_check_of_copies()
    {
        using var session = BootedKernel.Start();
        var log = Do(session, "echo behind > /sys/kernel/debug/forbidden", 139);
        Assert.Contains("forbidden: copied 7 bytes", log);
        Assert.Contains("usercopy: Kernel memory overwrite attempt detected to SLUB object 'kmalloc-128' (offset 22, size 128)!", log);
        Assert.Single(session.Findings, finding => finding.Kind == "slab-out-of-bounds"); // of the first copy, which Linux without KASAN lets pass
    }

    private List<string> Do(Lkm.Kernel.Sessions.KernelSession session, string line, int status)
    {
        Assert.True(session.Load(modules.Files["forbidden"], "").Result.Succeeded);
        var start = session.Kernel.Log.Next;
        Assert.Equal(status, session.Run(line).Status);
        return [.. session.LogSince(start)];
    }

    /// <summary>A line of page table entries, of which those of pages have _PAGE_ACCESSED and _PAGE_GLOBAL or _PAGE_NX.</summary>
    private static string Anonymous(string line) =>
        System.Text.RegularExpressions.Regex.Replace(line, "[0-9a-f]+(1[6e][13]|(067))(?= |$)", match => match.Groups[2].Success ? "TABLE" : "ENTRY");
}
