using System.Diagnostics;

namespace Lkm.Modules.Tests;

public class ModuleIndexTests
{
    private static ModuleIndex Read(byte[] bytes) => ModuleIndex.Parse(bytes, "test.bin", out _)!;

    private static byte[] Build(params (string Key, string Value, uint Priority)[] entries)
    {
        var builder = new IndexBuilder();
        foreach (var (key, value, priority) in entries)
        {
            builder.Add(key, value, priority);
        }
        return builder.ToBytes();
    }

    [Fact]
    public void Every_key_that_was_added_is_found_and_no_other()
    {
        var random = new Random(3);
        var keys = Enumerable.Range(0, 3000).Select(_ => new string([.. Enumerable.Range(0, random.Next(9)).Select(_ => "ab_:~"[random.Next(5)])])).Distinct().ToList();
        var index = Read(Build([.. keys.Select((key, i) => (key, $"value {i}", (uint)i))]));
        Assert.All(keys.Select((key, i) => (key, i)), entry => Assert.Equal($"value {entry.i}", index.Find(entry.key)));
        Assert.Null(index.Find("abx"));
        Assert.Null(index.Find(new string('a', 40)));
        Assert.Equal(keys.Order(StringComparer.Ordinal), index.ReadAll().Select(entry => entry.Key));
        Assert.Null(index.Problem);
    }

    [Fact]
    public void The_bytes_do_not_depend_on_the_order_of_keys()
    {
        (string, string, uint)[] entries = [("pci:v1*", "a", 1), ("pci:v12*", "b", 2), ("usb:*", "c", 0), ("", "root", 9), ("pci:", "d", 4)];
        var expected = Build(entries);
        for (var seed = 0; seed < 20; seed++)
        {
            var shuffled = entries.ToArray();
            new Random(seed).Shuffle(shuffled);
            Assert.Equal(expected, Build(shuffled));
        }
    }

    [Fact]
    public void Matching_keys_come_by_priority()
    {
        var index = Read(Build(("pci:v*d*", "third", 30), ("pci:v0001*", "first", 10), ("pci:v0001d?", "second", 20), ("pci:v0001d[1-3]", "fourth", 40), ("*", "last", 50), ("usb:*", "none", 0), ("pci:v0001d2", "exact", 5)));
        Assert.Equal(["exact", "first", "second", "third", "fourth", "last"], index.FindMatching("pci:v0001d2").Select(value => value.Text));
        Assert.Equal(["last"], index.FindMatching("").Select(value => value.Text));
    }

    [Fact]
    public void A_second_value_of_the_same_text_is_reported()
    {
        var builder = new IndexBuilder();
        Assert.True(builder.Add("key", "value", 1));
        Assert.True(builder.Add("key", "other", 2));
        Assert.False(builder.Add("key", "value", 3));
    }

    [Fact]
    public void An_empty_index_has_nothing()
    {
        var index = Read(Build());
        Assert.Null(index.Find(""));
        Assert.Empty(index.ReadAll());
        Assert.Empty(index.FindMatching("x"));
        Assert.Null(index.Problem);
    }

    [Fact]
    public void A_file_that_is_no_index_is_refused_with_offset_and_reason()
    {
        Assert.Null(ModuleIndex.Parse([1, 2, 3], "f.bin", out var problem));
        Assert.Equal("f.bin: at offset 3: the file is too short for an index header", problem!.ToString());
        Assert.Null(ModuleIndex.Parse(new byte[12], "f.bin", out problem));
        Assert.Contains("magic", problem!.Reason);
        var bytes = Build(("a", "b", 1));
        bytes[5] = 3;
        Assert.Null(ModuleIndex.Parse(bytes, "f.bin", out problem));
        Assert.Equal(4, problem!.Offset);
        bytes[5] = 2;
        bytes[7] = 99;
        Assert.Equal("b", Read(bytes).Find("a"));
    }

    [Fact]
    public void A_node_that_is_its_own_child_ends_with_a_problem()
    {
        // Root at 12: one child 'a', which is the root again.
        byte[] bytes = [0xB0, 0x07, 0xF4, 0x57, 0, 2, 0, 1, 0x20, 0, 0, 12, (byte)'*', (byte)'*', 0x20, 0, 0, 12];
        var index = Read(bytes);
        Assert.Empty(index.FindMatching("aaaa"));
        Assert.Empty(index.ReadAll());
        Assert.NotNull(index.Problem);
    }

    [Fact]
    public void Damaged_indexes_are_read_without_crash_or_hang()
    {
        var good = Build([.. Enumerable.Range(0, 60).Select(i => ($"pci:v{i:x}{(i % 3 == 0 ? "*" : "")}d[{i}]", $"module{i}", (uint)(i * 7 % 13)))]);
        var random = new Random(11);
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < 20_000 && clock.Elapsed < TimeSpan.FromSeconds(20); i++)
        {
            var bytes = good.AsSpan(0, random.Next(4) == 0 ? random.Next(good.Length) : good.Length).ToArray();
            for (var n = random.Next(6); n >= 0 && bytes.Length > 0; n--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }
            if (ModuleIndex.Parse(bytes, "damaged", out var problem) is not { } index)
            {
                Assert.NotNull(problem);
                continue;
            }
            index.Find("pci:v1d[1]");
            index.FindMatching("pci:v3abcd1");
            index.ReadAll();
        }
    }
}
