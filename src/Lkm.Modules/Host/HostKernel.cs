using Lkm.Formats;
using Lkm.Formats.Compression;

namespace Lkm.Modules.Host;

/// <summary>Whether a module is in a kernel (<c>/sys/module/NAME/initstate</c>).</summary>
public enum ModuleState
{
    /// <summary>Neither loaded nor part of the kernel.</summary>
    Absent,

    /// <summary>Part of the kernel.</summary>
    BuiltIn,

    /// <summary>Loaded.</summary>
    Live,

    /// <summary>Its init function has not returned yet.</summary>
    Coming,

    /// <summary>It is being removed.</summary>
    Going,
}

/// <summary>A line of <c>/proc/modules</c>.</summary>
/// <param name="Name">The module's name.</param>
/// <param name="Size">Its size in bytes, as the kernel counts it.</param>
public sealed record LoadedModule(string Name, long Size);

/// <summary>
/// The modules of the kernel that runs this machine: the system calls that change them, and what /proc and /sys say about them. Only files that
/// kmod reads too are read.
/// </summary>
/// <param name="calls">The system calls.</param>
/// <param name="root">What stands before /proc and /sys; empty on the machine itself.</param>
public sealed class HostKernel(IModuleSystemCalls calls, string root = "")
{
    /// <summary>The kernel's release, as <c>uname -r</c> prints it.</summary>
    public static string Release()
    {
        // struct utsname: six fields of 65 bytes, the release is the third.
        const int field = 65;
        var names = new byte[6 * field];
        using var pinned = new Pinned(names);
        return LibC.Uname(pinned.Address) == 0 ? LosslessText.Decode(names.AsSpan(2 * field, ShortText.IndexOf(names.AsSpan(2 * field, field), (byte)0))) : "";
    }

    /// <summary>Whether a module is loaded.</summary>
    /// <param name="name">Its normalised name.</param>
    public ModuleState StateOf(string name)
    {
        var directory = $"{root}/sys/module/{name}";
        return ReadLine($"{directory}/initstate", out _) switch
        {
            "live" => ModuleState.Live,
            "coming" => ModuleState.Coming,
            "going" => ModuleState.Going,
            // The directory comes before its file does.
            null when HostFiles.IsDirectory(directory) => ModuleState.Coming,
            _ => ModuleState.Absent,
        };
    }

    /// <summary>Whether the kernel shows a module of that name in <c>/sys/module</c>.</summary>
    public bool HasDirectory(string name) => HostFiles.IsDirectory($"{root}/sys/module/{name}");

    /// <summary>How many users a module has.</summary>
    /// <param name="name">Its normalised name.</param>
    /// <param name="error">Why it can't be told; ENOENT also if the kernel can't unload modules.</param>
    /// <returns>The count, or -1.</returns>
    public int ReferenceCount(string name, out Errno error) =>
        ReadLine($"{root}/sys/module/{name}/refcnt", out error) is { } line && ShortText.TryParse(line, out var count) ? (int)count : -1;

    /// <summary>The modules that use a module, in the order of their directory.</summary>
    public string[] HoldersOf(string name)
    {
        HostFiles.List($"{root}/sys/module/{name}/holders", out var entries);
        var holders = new string[entries.Count];
        for (var i = 0; i < holders.Length; i++)
        {
            holders[i] = entries[i].Name;
        }
        return holders;
    }

    /// <summary>The loaded modules, the latest first.</summary>
    /// <param name="modules">The modules; empty if they can't be told.</param>
    /// <returns>Why <c>/proc/modules</c> can't be read, or OK.</returns>
    public Errno ListLoaded(out List<LoadedModule> modules)
    {
        modules = [];
        if (SmallFile.TryRead($"{root}/proc/modules", out var error) is not { } bytes)
        {
            return error;
        }
        ReadOnlySpan<char> text = LosslessText.Decode(bytes);
        while (!text.IsEmpty)
        {
            var end = ShortText.IndexOf(text, '\n');
            var line = end < 0 ? text : text[..end];
            text = text[Math.Min(line.Length + 1, text.Length)..];
            var name = ConfigurationLines.TakeWord(ref line);
            if (!name.IsEmpty)
            {
                ShortText.TryParse(ConfigurationLines.TakeWord(ref line), out var size);
                modules.Add(new(name.ToString(), size));
            }
        }
        return Errno.OK;
    }

    /// <summary>A loaded module's size in bytes: what <c>coresize</c> says, else what <c>/proc/modules</c> said.</summary>
    public long SizeOf(LoadedModule module) =>
        ReadLine($"{root}/sys/module/{module.Name}/coresize", out _) is { } line && ShortText.TryParse(line, out var size) ? size : module.Size;

    /// <summary>
    /// Inserts a module's file: finit_module(2) if the kernel knows it and can unpack the file, else init_module(2) of the unpacked image, of which
    /// versions are cut out where they are to be passed over.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="parameters">The module's parameters, separated by spaces.</param>
    /// <param name="flags">What to pass over.</param>
    public Errno Insert(string path, string parameters, InsertFlags flags)
    {
        if (SmallFile.Open(path, out var file) is not Errno.OK and var error)
        {
            return error;
        }
        using (file)
        {
            var start = new byte[16];
            var length = file.ReadStart(start);
            if (length < KmodErrno.ShortestFile)
            {
                return HostFiles.IsDirectory(path) ? Errno.EISDIR : Errno.EINVAL;
            }
            var compression = CompressionDetection.Detect(start.AsSpan(0, length));
            if (compression == CompressionFormat.None || compression == KernelCompression())
            {
                var result = calls.FinitModule(file.Descriptor, parameters, compression == CompressionFormat.None ? flags : flags | InsertFlags.CompressedFile);
                if (result != Errno.ENOSYS)
                {
                    return result;
                }
            }
        }
        return InsertImage(path, parameters, flags);
    }

    /// <summary>Removes a module.</summary>
    public Errno Remove(string name, RemoveFlags flags) => calls.DeleteModule(name, flags);

    private Errno InsertImage(string path, string parameters, InsertFlags flags)
    {
        if (!FileContents.Read(path).TryGet(out var bytes, out var error) ||
            !Decompressor.DecompressIfNeeded(bytes, path).TryGet(out var image, out error) ||
            !VersionStripper.Strip(image, path, flags).TryGet(out image, out error))
        {
            return error.Errno;
        }
        return calls.InitModule(image, parameters);
    }

    private CompressionFormat KernelCompression() => ReadLine($"{root}/sys/module/compression", out _) switch
    {
        "zstd" => CompressionFormat.Zstd,
        "xz" => CompressionFormat.Xz,
        "gzip" => CompressionFormat.Gzip,
        _ => CompressionFormat.None,
    };

    private static string? ReadLine(string path, out Errno error)
    {
        if (SmallFile.TryRead(path, out error) is not { } bytes)
        {
            return null;
        }
        var end = ShortText.IndexOf(bytes, (byte)'\n');
        return LosslessText.Decode(end < 0 ? bytes : bytes.AsSpan(0, end));
    }
}
