namespace Lkm.Distribution.Tests;

public sealed class LkmCacheTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_folder_appears_whole_or_not_at_all()
    {
        string place = _folder.At("thing");
        Assert.Equal("no luck", LkmCache.Make(place, partial =>
        {
            File.WriteAllText(Path.Combine(partial, "half"), "");
            return "no luck";
        }));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));

        Assert.Null(LkmCache.Make(place, partial =>
        {
            Assert.False(Directory.Exists(place));
            File.WriteAllText(Path.Combine(partial, "whole"), "");
            return null;
        }));
        Assert.True(File.Exists(Path.Combine(place, "whole")));
    }

    [Fact]
    public void What_a_killed_maker_left_is_removed()
    {
        Directory.CreateDirectory(_folder.At("thing.99999.partial"));
        Assert.Null(LkmCache.Make(_folder.At("thing"), _ => null));
        Assert.Equal([_folder.At("thing")], Directory.EnumerateDirectories(_folder.Path));
    }

    [Fact]
    public async Task A_second_maker_waits_for_the_first()
    {
        var cache = new LkmCache(_folder.Path);
        using var waiting = new ManualResetEventSlim();
        IDisposable first = cache.Lock("kernel");
        Task second = Task.Run(() => cache.Lock("kernel", waiting.Set).Dispose());
        Assert.True(waiting.Wait(TimeSpan.FromSeconds(10)));
        Assert.False(second.IsCompleted);
        first.Dispose();
        await second.WaitAsync(TimeSpan.FromSeconds(10));
    }
}
