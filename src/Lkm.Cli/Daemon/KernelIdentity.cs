using System.Reflection;
using System.Text.Json;

namespace Lkm.Cli.Daemon;

/// <summary>Which kernel a daemon runs.</summary>
/// <param name="Name">The name that clients use.</param>
/// <param name="Release">Its release, as <c>uname -r</c> prints it.</param>
/// <param name="Image">The file of its image.</param>
/// <param name="Time">"wall" or "virtual".</param>
internal sealed record KernelIdentity(string Name, string Release, string Image, string Time)
{
    private const int Schema = 1;

    /// <summary>The program's version, which a daemon and its clients must share.</summary>
    public static string ProgramVersion { get; } =
        typeof(KernelIdentity).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "";

    /// <summary>The identity, and how the kernel is, as one JSON document.</summary>
    /// <param name="stopReason">Why it has stopped; null while it runs.</param>
    /// <param name="uptime">Virtual nanoseconds since it was booted.</param>
    public string ToJson(string? stopReason, long uptime)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteNumber("schema", Schema);
            json.WriteString("name", Name);
            json.WriteString("kernel", Release);
            json.WriteString("image", Image);
            json.WriteString("time", Time);
            json.WriteNumber("pid", Environment.ProcessId);
            json.WriteString("version", ProgramVersion);
            json.WriteString("stopped", stopReason);
            json.WriteNumber("nanoseconds", uptime);
            json.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(stream.ToArray());
    }
}
