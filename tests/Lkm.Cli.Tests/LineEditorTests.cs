using System.Text;
using Lkm.Cli.Daemon;
using Lkm.Cli.Editing;

namespace Lkm.Cli.Tests;

public sealed class LineEditorTests
{
    private static readonly ConsoleKeyInfo s_enter = Key(ConsoleKey.Enter, '\r');

    private static ConsoleKeyInfo Key(ConsoleKey key, char character = '\0', bool control = false) => new(character, key, shift: false, alt: false, control);

    private static ConsoleKeyInfo Control(ConsoleKey key) => Key(key, '\0', control: true);

    private static IEnumerable<ConsoleKeyInfo> Typed(string text) => text.Select(c => Key(ConsoleKey.None, c));

    private static string? Read(LineHistory? history, params IEnumerable<ConsoleKeyInfo>[] keys) => Read(history, _ => [], keys).Line;

    private static (string? Line, string Screen) Read(LineHistory? history, Func<string, IReadOnlyList<string>> complete, params IEnumerable<ConsoleKeyInfo>[] keys)
    {
        var terminal = new FakeTerminal(keys.SelectMany(some => some));
        string? line = new LineEditor(terminal, history ?? new LineHistory(null), complete).Read("# ");
        return (line, terminal.Screen);
    }

    [Fact]
    public void A_line_is_edited_in_place()
    {
        Assert.Equal("lsmod", Read(null, Typed("lsod"), [Key(ConsoleKey.LeftArrow), Key(ConsoleKey.LeftArrow)], Typed("m"), [s_enter]));
        Assert.Equal("x", Read(null, Typed("abc"), [Control(ConsoleKey.U)], Typed("x"), [s_enter]));
        Assert.Equal("cat ", Read(null, Typed("cat /proc"), [Control(ConsoleKey.W), s_enter]));
        Assert.Equal("b", Read(null, Typed("abc"), [Key(ConsoleKey.Backspace), Key(ConsoleKey.Home), Key(ConsoleKey.Delete), s_enter]));
        Assert.Equal("ab", Read(null, Typed("abcd"), [Control(ConsoleKey.A), Key(ConsoleKey.RightArrow), Control(ConsoleKey.F), Control(ConsoleKey.K), s_enter]));
    }

    [Fact]
    public void Ctrl_C_gives_a_line_up_and_Ctrl_D_ends_the_input()
    {
        Assert.Equal("", Read(null, Typed("abc"), [Control(ConsoleKey.C)]));
        Assert.Null(Read(null, [Control(ConsoleKey.D)]));
        Assert.Equal("ac", Read(null, Typed("abc"), [Key(ConsoleKey.Home), Key(ConsoleKey.RightArrow), Control(ConsoleKey.D), s_enter]));
    }

    [Fact]
    public void The_history_brings_lines_back_and_outlives_the_session()
    {
        string file = Path.Combine(Directory.CreateTempSubdirectory("lkm-history-").FullName, "lkm", "history");
        var history = new LineHistory(file);
        Read(history, Typed("one"), [s_enter]);
        Read(history, Typed("two"), [s_enter]);
        Read(history, Typed("two"), [s_enter]);
        Assert.Equal("one", Read(new LineHistory(file), Typed("draft"), [Key(ConsoleKey.UpArrow), Key(ConsoleKey.UpArrow), s_enter]));
        Assert.Equal("draft", Read(history, Typed("draft"), [Key(ConsoleKey.UpArrow), Key(ConsoleKey.DownArrow), s_enter]));
        Directory.Delete(Path.GetDirectoryName(Path.GetDirectoryName(file))!, recursive: true);
    }

    [Fact]
    public void Tab_completes_what_is_clear_and_lists_the_rest()
    {
        Assert.Equal("lsmod ", Read(null, _ => ["lsmod"], Typed("lsm"), [Key(ConsoleKey.Tab), s_enter]).Line);
        Assert.Equal("cat /proc/", Read(null, _ => ["/proc/"], Typed("cat /pr"), [Key(ConsoleKey.Tab), s_enter]).Line);
        (string? line, string screen) = Read(null, _ => ["/proc/version", "/proc/vmstat"], Typed("cat /proc/v"), [Key(ConsoleKey.Tab), s_enter]);
        Assert.Equal("cat /proc/v", line);
        Assert.Contains("version  vmstat", screen);
    }

    [Fact]
    public void Frames_survive_the_way_and_what_is_none_is_refused()
    {
        Frame request = Frame.OfTexts(FrameKind.Request, "/home", "echo", "", "ä");
        using var stream = new MemoryStream([.. request.ToBytes(), .. Frame.OfExit(-3, true, "/proc").ToBytes()]);
        Assert.Equal(["/home", "echo", "", "ä"], Frame.Read(stream)!.Value.Texts());
        Assert.Equal((-3, true, "/proc"), Frame.Read(stream)!.Value.Exit());
        Assert.Null(Frame.Read(stream));
        var random = new Random(1);
        for (int i = 0; i < 2000; i++)
        {
            byte[] bytes = new byte[random.Next(40)];
            random.NextBytes(bytes);
            if (bytes.Length > 3)
                bytes[3] = (byte)(random.Next(3) == 0 ? bytes[3] : 0);
            try
            {
                using var noise = new MemoryStream(bytes);
                while (Frame.Read(noise) is { } frame)
                    _ = frame.Texts();
            }
            catch (Exception e) when (e is IOException or InvalidDataException)
            {
                // refused
            }
        }
    }

    private sealed class FakeTerminal(IEnumerable<ConsoleKeyInfo> keys) : ITerminal
    {
        private readonly Queue<ConsoleKeyInfo> _keys = new(keys);
        private readonly StringBuilder _screen = new();

        public string Screen => _screen.ToString();

        public int Width => 80;

        public ConsoleKeyInfo ReadKey() => _keys.Dequeue();

        public void Write(string text) => _screen.Append(text);
    }
}
