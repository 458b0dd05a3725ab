using System.Reflection;
using Lkm.Distribution;

namespace Lkm.RealLinux;

/// <summary>
/// ioctl, poll, mmap and fasync as commands for the guest's shell, which busybox lacks and lkm's shell has: one C program, compiled on the
/// host. Where there is no compiler the guest goes without.
/// </summary>
internal sealed class DeviceCommands : IDisposable
{
    private const string Compiler = "gcc";

    private readonly string _folder;

    private DeviceCommands(string folder)
    {
        _folder = folder;
    }

    /// <summary>The names that the program goes by.</summary>
    public static IReadOnlyList<string> Names { get; } = ["ioctl", "poll", "mmap", "fasync"];

    /// <summary>Its source, or nothing where it cannot be compiled.</summary>
    public static string Source { get; } = HostCommand.Find(Compiler) is null ? "" : ReadSource();

    /// <summary>The program.</summary>
    public string Path => System.IO.Path.Combine(_folder, "device-commands");

    /// <summary>Compiles it; null where that cannot be done.</summary>
    public static DeviceCommands? Build()
    {
        if (Source.Length == 0)
            return null;
        var built = new DeviceCommands(Directory.CreateTempSubdirectory("lkm-guest-").FullName);
        string source = $"{built.Path}.c";
        File.WriteAllText(source, Source);
        if (HostCommand.Run(Compiler, ["-O1", "-o", built.Path, source]).ExitCode == 0)
            return built;
        built.Dispose(); // a compiler without a C library
        return null;
    }

    /// <summary>Removes it.</summary>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string ReadSource()
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream("device-commands.c")!);
        return reader.ReadToEnd();
    }
}
