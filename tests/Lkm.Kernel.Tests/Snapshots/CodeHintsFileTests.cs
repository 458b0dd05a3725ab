using Lkm.Kernel.Snapshots;
using Lkm.Machine;

namespace Lkm.Kernel.Tests.Snapshots;

/// <summary>The file of hints gives back what was written, and of anything else nothing that is not in it.</summary>
public sealed class CodeHintsFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lkm-").FullName;

    private string FilePath => Path.Combine(_folder, "code");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_was_written_is_read()
    {
        var file = new CodeHintsFile(_folder);
        Assert.Null(file.Read());
        file.Write(new CodeHints([1, 2, ulong.MaxValue], [7]));
        var read = file.Read();
        Assert.NotNull(read);
        Assert.Equal([1, 2, ulong.MaxValue], read.Starts);
        Assert.Equal([7UL], read.Hooks);
        Assert.Equal([FilePath], Directory.GetFiles(_folder));
    }

    [Fact]
    public void Where_nothing_can_be_written_nothing_happens()
    {
        var file = new CodeHintsFile(Path.Combine(_folder, "gone"));
        file.Write(new CodeHints([1], []));
        Assert.Null(file.Read());
    }

    [Fact]
    public void Damaged_files_are_none_or_within_their_bounds()
    {
        var random = new System.Random(4);
        var file = new CodeHintsFile(_folder);
        file.Write(new CodeHints([1, 2, 3, 4], [5, 6]));
        var whole = File.ReadAllBytes(FilePath);
        for (var round = 0; round < 2000; round++)
        {
            var bytes = whole.AsSpan(0, random.Next(whole.Length + 1)).ToArray();
            for (var changes = random.Next(4); changes > 0 && bytes.Length > 0; changes--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(FilePath, bytes);
            if (file.Read() is { } hints)
                Assert.Equal((bytes.Length / sizeof(ulong)) - 2, hints.Starts.Length + hints.Hooks.Length);
        }
    }
}
