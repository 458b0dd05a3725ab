namespace Lkm.Machine.Tests;

/// <summary>What guest memory promises: contents, shadow, snapshots, aliases.</summary>
public class GuestMemoryTests
{
    private const ulong Base = GuestMemory.WindowStart + 0x10_0000;

    [Fact]
    public void Trusted_access_ignores_the_shadow_and_reads_back()
    {
        using var memory = GuestMemory.Create();
        memory.WriteUInt64(Base, 0x1122334455667788);
        Assert.Equal(0x55667788u, memory.ReadUInt32(Base));
        Assert.Equal(0x11, memory.ReadByte(Base + 7));
        Assert.Equal(Shadow.Unmapped, memory.ShadowAt(Base));
        Assert.Equal(0UL, memory.ReadUInt64(ulong.MaxValue - 7));
        Assert.Throws<GuestAddressException>(() => memory.ReadUInt64(ulong.MaxValue - 6));
        Assert.Throws<GuestAddressException>(() => memory.ReadByte(GuestMemory.WindowStart - 1));
    }

    [Fact]
    public void Strings_end_at_NUL_or_the_limit()
    {
        using var memory = GuestMemory.Create();
        "grüße\0x"u8.CopyTo(memory.Span(Base, 16));
        Assert.Equal("grüße", memory.ReadString(Base));
        Assert.Equal("gr", memory.ReadString(Base, 2));
        memory.WriteByte(Base + 2, 0xFF);
        Assert.Equal(7, memory.ReadString(Base).Length);
    }

    [Fact]
    public void Allow_is_exact_to_the_byte()
    {
        using var memory = GuestMemory.Create();
        memory.SetAccess(Base, 64, Shadow.Redzone);
        memory.Allow(Base, 13);
        Assert.True(memory.IsAccessible(Base, 13, true, out _));
        Assert.False(memory.IsAccessible(Base + 8, 6, false, out var bad));
        Assert.Equal(Base + 13, bad);
        Assert.False(memory.IsAccessible(Base + 15, 2, false, out bad));
        Assert.Equal(Base + 15, bad);
        Assert.Equal(Shadow.Redzone, memory.ShadowAt(Base + 16));
        memory.SetAccess(Base, 8, Shadow.ReadOnly);
        Assert.True(memory.IsAccessible(Base, 8, false, out _));
        Assert.False(memory.IsAccessible(Base + 3, 2, true, out bad));
        Assert.Equal(Base + 3, bad);
        Assert.False(memory.IsAccessible(ulong.MaxValue - 3, 8, false, out _));
    }

    [Fact]
    public void A_snapshot_holds_contents_shadow_and_aliases()
    {
        var path = Path.GetTempFileName();
        try
        {
            using (var memory = GuestMemory.Create())
            {
                memory.WriteUInt64(Base, 42);
                memory.WriteUInt64(GuestMemory.WindowStart + (9UL << 30), 43);
                memory.Allow(Base, 20);
                memory.Alias(Base + 0x10000, [0x10_0000]);
                memory.Save(path);
            }
            using var first = GuestMemory.Restore(path);
            Assert.Equal(42UL, first.ReadUInt64(Base));
            Assert.Equal(43UL, first.ReadUInt64(GuestMemory.WindowStart + (9UL << 30)));
            Assert.Equal((Shadow)4, first.ShadowAt(Base + 16));
            first.WriteUInt64(Base + 0x10000, 44);
            Assert.Equal(44UL, first.ReadUInt64(Base));
            first.WriteUInt64(Base + 0x5000, 45);
            using (var second = GuestMemory.Restore(path))
                Assert.Equal(42UL, second.ReadUInt64(Base));
            first.Save(path + "2"); // what came from the file below is kept too
            using var third = GuestMemory.Restore(path + "2");
            Assert.Equal(44UL, third.ReadUInt64(Base + 0x10000));
            Assert.Equal(43UL, third.ReadUInt64(GuestMemory.WindowStart + (9UL << 30)));
            Assert.Equal(45UL, third.ReadUInt64(Base + 0x5000));
            third.Discard(GuestMemory.WindowStart + (9UL << 30), 0x1000);
            Assert.Equal(0UL, third.ReadUInt64(GuestMemory.WindowStart + (9UL << 30)));
        }
        finally
        {
            File.Delete(path);
            File.Delete(path + "2");
        }
    }

    [Fact]
    public void What_one_run_of_a_snapshot_wrote_can_be_made_ready_for_the_next()
    {
        var path = Path.GetTempFileName();
        const ulong far = GuestMemory.WindowStart + (9UL << 30);
        try
        {
            using (var memory = GuestMemory.Create())
            {
                memory.WriteUInt64(Base, 42);
                memory.Save(path);
            }

            byte[] touched;
            using (var first = GuestMemory.Restore(path))
            {
                _ = first.ReadUInt64(Base);
                Assert.Empty(first.ChangedPages(Base, 0x10000));
                first.WriteUInt64(Base + 0x2000, 1);
                first.WriteUInt64(Base + 0x3000, 1);
                first.WriteUInt64(far, 1);
                first.Allow(Base, 0x10000);
                touched = first.TouchedPages();
            }

            using var second = GuestMemory.Restore(path);
            second.MakeReady(touched);
            Assert.Equal([new PageRun(Base + 0x2000, 0x2000)], second.ChangedPages(Base, 0x10000));
            Assert.Equal([new PageRun(far, 0x1000)], second.ChangedPages(far, 0x10000));
            Assert.Equal((42UL, 0UL, 0UL), (second.ReadUInt64(Base), second.ReadUInt64(Base + 0x2000), second.ReadUInt64(far)));
            Assert.Equal(Shadow.Unmapped, second.ShadowAt(Base));
            for (var i = 0; i < touched.Length; i++) // damaged, it does no harm
            {
                var damaged = touched.ToArray();
                damaged[i] ^= 0xFF;
                second.MakeReady(damaged.AsSpan(0, touched.Length - (i & 7)));
            }
            Assert.Equal((42UL, 0UL), (second.ReadUInt64(Base), second.ReadUInt64(far)));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Restoring_what_is_no_snapshot_says_so()
    {
        var path = Path.GetTempFileName();
        File.WriteAllText(path, "not a snapshot at all, but long enough");
        Assert.Contains("not a snapshot", Assert.Throws<InvalidDataException>(() => GuestMemory.Restore(path)).Message, StringComparison.Ordinal);
        File.Delete(path);
    }

    [Fact]
    public void Aliases_show_the_same_page_until_undone()
    {
        using var memory = GuestMemory.Create();
        memory.WriteUInt64(GuestMemory.WindowStart + 0x5000, 7);
        memory.Alias(Base, [0x5000, 0x7000]);
        Assert.Equal(7UL, memory.ReadUInt64(Base));
        memory.WriteUInt64(Base + 0x1000, 8);
        Assert.Equal(8UL, memory.ReadUInt64(GuestMemory.WindowStart + 0x7000));
        memory.Discard(GuestMemory.WindowStart + 0x7000, 0x1000);
        Assert.Equal(0UL, memory.ReadUInt64(Base + 0x1000));
        memory.Unalias(Base, 2);
        Assert.Equal(0UL, memory.ReadUInt64(Base));
        Assert.Equal(7UL, memory.ReadUInt64(GuestMemory.WindowStart + 0x5000));
    }
}
