namespace Lkm.Modules.Tests;

/// <summary>What is kept of things that can be made again: those used last, within the limit, and those in use.</summary>
public class CachedFoldersTests
{
    private const string Held = "memory";
    private const int Size = 1 << 20;

    private static string Add(TemporaryFolder folder, string name, int daysAgo)
    {
        folder.Write($"{name}/{Held}", new byte[Size]);
        folder.Write($"{name}/state", "state");
        string path = folder.PathOf(name);
        Directory.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddDays(-daysAgo));
        return path;
    }

    [Fact]
    public void Those_used_longest_ago_go()
    {
        using var folder = new TemporaryFolder();
        foreach ((string name, int age) in new[] { ("old", 5), ("new", 1), ("older", 9), ("newer", 0) })
            Add(folder, name, age);
        Assert.Equal(["old", "older"], new CachedFolders(folder.Path, Held).Trim((2 * Size) + (Size / 2)));
        Assert.Equal(["new", "newer"], Directory.GetDirectories(folder.Path).Select(path => Path.GetFileName(path)).Order());
    }

    [Fact]
    public void Use_is_remembered()
    {
        using var folder = new TemporaryFolder();
        Add(folder, "new", 1);
        Assert.True(CachedFolders.MarkUsed(Add(folder, "old", 5)));
        Assert.Equal(["new"], new CachedFolders(folder.Path, Held).Trim(Size));
        Assert.False(CachedFolders.MarkUsed(folder.PathOf("new")));
    }

    [Fact]
    public void The_one_used_last_stays_whatever_its_size_and_one_in_use_whatever_its_age()
    {
        using var folder = new TemporaryFolder();
        Add(folder, "last", 0);
        string used = Add(folder, "used", 9);
        Add(folder, "unused", 5);
        using (new FileStream(Path.Combine(used, Held), FileMode.Open, FileAccess.Read, FileShare.Read))
            Assert.Equal(["unused"], new CachedFolders(folder.Path, Held).Trim(limit: 0));
        Assert.Equal(["used"], new CachedFolders(folder.Path, Held).Trim(limit: 0));
    }

    [Fact]
    public void Holes_take_nothing()
    {
        using var folder = new TemporaryFolder();
        Add(folder, "last", 0);
        using (FileStream file = File.Open(Path.Combine(Add(folder, "sparse", 1), Held), FileMode.Create))
            file.SetLength(1L << 40);
        Assert.Empty(new CachedFolders(folder.Path, Held).Trim(2 * Size));
    }

    [Fact]
    public void What_a_killed_program_left_goes_and_what_is_being_made_and_the_rest_stay()
    {
        using var folder = new TemporaryFolder();
        string abandoned = Add(folder, ".abandoned", 2), making = Add(folder, ".making", 0);
        folder.Write("index/entry", "old");
        Add(folder, "last", 0);
        Assert.Empty(new CachedFolders(folder.Path, Held).Trim(limit: 0));
        Assert.False(Directory.Exists(abandoned));
        Assert.True(Directory.Exists(making));
        Assert.True(File.Exists(folder.PathOf("index/entry")));
    }

    [Fact]
    public void Several_that_trim_at_once_do_not_mind_each_other()
    {
        using var folder = new TemporaryFolder();
        for (int i = 0; i < 40; i++)
            Add(folder, $"n{i}", i);
        Parallel.For(0, 8, _ => new CachedFolders(folder.Path, Held).Trim(limit: 0));
        new CachedFolders(folder.Path, Held).Trim(limit: 0);
        Assert.Equal([folder.PathOf("n0")], Directory.GetDirectories(folder.Path));
    }
}
