using System.Buffers;
using System.Text;
using Lkm.Cli.CommandLine;
using Lkm.Kernel;

namespace Lkm.Cli.Running;

/// <summary>
/// What the run time has to get ready before its first use, and every run of a module uses. A thread of its own does that, on the second
/// processor, in the order in which the run is going to need it. Nothing waits for it, and nothing depends on it. Later the thread shows what a long run has to tell.
/// </summary>
internal static class Preparation
{
    /// <summary>Begins.</summary>
    public static void Begin() => new Thread(Prepare) { IsBackground = true }.UnsafeStart();

    private static void Prepare()
    {
        ArrayPool<char>.Shared.Return(ArrayPool<char>.Shared.Rent(1)); // a static of each thread: the one thing that is compiled anew in each run
        SearchText();
        UserModeKernel.Prepare();
        WriteText();
        Screen.KeepFlushing();
    }

    /// <summary>Conversions and searches of text use the host's vectors, whose types are many.</summary>
    private static void SearchText() => _ = Encoding.UTF8.GetString("6.1.0-56-amd64"u8).IndexOf('-');

    private static void WriteText()
    {
        using var writer = new StreamWriter(Stream.Null, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        writer.WriteLine(nameof(Preparation));
    }
}
