using Lkm.Kernel.Snapshots;

namespace Lkm.Kernel.Tests.Snapshots;

/// <summary>A file beside a snapshot gives back what was written.</summary>
public sealed class HintFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lkm-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_was_written_is_read()
    {
        var file = new HintFile(_folder, HintFile.Code);
        Assert.Null(file.Open());
        file.Write([1, 2, 3]);
        Assert.Equal([1, 2, 3], file.Open()?.ToArray());
        Assert.Equal([Path.Combine(_folder, "code")], Directory.GetFiles(_folder));
    }

    [Fact]
    public void Where_nothing_can_be_written_nothing_happens()
    {
        var file = new HintFile(Path.Combine(_folder, "gone"), HintFile.Code);
        file.Write([1]);
        Assert.Null(file.Open());
    }
}
