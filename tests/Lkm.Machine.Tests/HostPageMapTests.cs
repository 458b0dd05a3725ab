using Xunit;

namespace Lkm.Machine.Tests;

public sealed unsafe class HostPageMapTests
{
    private const ulong Pages = 3000; // more than are read at once

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_pages_that_were_touched_are_named_and_no_others(bool scan)
    {
        var memory = HostMemory.Reserve(Pages * HostMemory.PageSize);
        var touched = new SortedSet<ulong> { 0, 1, 2, 700, 2046, 2047, 2048, 2049, Pages - 1 };
        for (ulong page = 900; page < 1900; page += 2) // more runs than are given at once
            touched.Add(page);
        foreach (var page in touched)
            memory[page * HostMemory.PageSize] = 1;

        var found = new SortedSet<ulong>();
        using (var map = new HostPageMap(memory, Pages * HostMemory.PageSize, scan))
        {
            while (map.Next(out var start, out var size, out var isOfFile))
            {
                Assert.False(isOfFile);
                for (ulong at = 0; at < size; at += HostMemory.PageSize)
                    Assert.True(found.Add((ulong)(start + at - memory) / HostMemory.PageSize));
            }
        }

        Assert.Equal(touched, found);
        HostMemory.Unmap(memory, Pages * HostMemory.PageSize);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Pages_that_were_read_of_a_file_are_told_from_copies(bool scan)
    {
        var path = Path.GetTempFileName();
        File.WriteAllBytes(path, new byte[8 * HostMemory.PageSize]);
        using var file = HostMemory.Open(path);
        var memory = HostMemory.Map(null, 8 * HostMemory.PageSize, HostMemory.MapPrivate, (int)file.DangerousGetHandle(), 0);
        Assert.Equal(0, memory[0]);
        memory[5 * HostMemory.PageSize] = 1;

        var copies = new List<ulong>();
        var isFirstOfFile = false;
        using (var map = new HostPageMap(memory, 8 * HostMemory.PageSize, scan))
        {
            while (map.Next(out var start, out var size, out var isOfFile))
            {
                isFirstOfFile |= isOfFile && start == memory;
                if (!isOfFile)
                    copies.Add((ulong)(start - memory) / HostMemory.PageSize * 100 + size / HostMemory.PageSize);
            }
        }

        Assert.True(isFirstOfFile);
        Assert.Equal([501UL], copies);
        HostMemory.Unmap(memory, 8 * HostMemory.PageSize);
        File.Delete(path);
    }
}
