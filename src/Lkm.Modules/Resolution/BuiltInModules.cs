using Lkm.Formats;
using Lkm.Modules.Host;

namespace Lkm.Modules;

/// <summary>One statement about a module that is part of the kernel.</summary>
/// <param name="Module">The module's name.</param>
/// <param name="Key">What is stated, as in a module's .modinfo.</param>
/// <param name="Value">The statement.</param>
public sealed record BuiltInInfo(string Module, string Key, string Value);

/// <summary>What the kernel build says about the modules that are part of the kernel: <c>modules.builtin</c> and <c>modules.builtin.modinfo</c>.</summary>
public sealed class BuiltInModules
{
    internal const string ListFile = "modules.builtin";
    internal const string InfoFile = "modules.builtin.modinfo";

    private BuiltInModules()
    {
    }

    /// <summary>Names, in the order of the list; null if there is none.</summary>
    public IReadOnlyList<string>? Names { get; private init; }

    /// <summary>Statements, in the order of the file, in which those of a module stand together; null if there is none.</summary>
    public IReadOnlyList<BuiltInInfo>? Info { get; private init; }

    /// <summary>Why there are no <see cref="Names"/>.</summary>
    public string? NamesProblem { get; private init; }

    /// <summary>Why there is no <see cref="Info"/>.</summary>
    public string? InfoProblem { get; private init; }

    /// <summary>Reads both files of a module directory.</summary>
    public static BuiltInModules Read(string directory)
    {
        var names = TryRead($"{directory}/{ListFile}", out var namesProblem);
        var info = TryRead($"{directory}/{InfoFile}", out var infoProblem);
        return new()
        {
            Names = names is null ? null : ParseNames(names),
            Info = info is null ? null : ParseInfo(info),
            NamesProblem = namesProblem,
            InfoProblem = infoProblem,
        };
    }

    /// <summary>Takes <c>modules.builtin.modinfo</c> apart: <c>module.key=value</c>, each with a NUL behind it. What has another form is left out.</summary>
    public static IReadOnlyList<BuiltInInfo> ParseInfo(ReadOnlySpan<byte> bytes)
    {
        var info = new List<BuiltInInfo>();
        while (!bytes.IsEmpty)
        {
            var text = CString.Span(bytes);
            bytes = bytes[Math.Min(text.Length + 1, bytes.Length)..];
            var equals = text.IndexOf((byte)'=');
            var dot = equals < 0 ? -1 : text[..equals].IndexOf((byte)'.');
            if (dot > 0)
            {
                info.Add(new(LosslessText.Decode(text[..dot]), LosslessText.Decode(text[(dot + 1)..equals]), LosslessText.Decode(text[(equals + 1)..])));
            }
        }
        return info;
    }

    private static List<string> ParseNames(ReadOnlySpan<byte> bytes)
    {
        var names = new List<string>();
        while (!bytes.IsEmpty)
        {
            var end = bytes.IndexOf((byte)'\n');
            var line = end < 0 ? bytes : bytes[..end];
            bytes = end < 0 ? default : bytes[(end + 1)..];
            if (!line.IsEmpty)
            {
                names.Add(ModuleName.FromPath(LosslessText.Decode(line)));
            }
        }
        return names;
    }

    private static byte[]? TryRead(string path, out string? problem)
    {
        var bytes = SmallFile.TryRead(path, out var error);
        problem = bytes is null ? error.Message() : null;
        return bytes;
    }
}
