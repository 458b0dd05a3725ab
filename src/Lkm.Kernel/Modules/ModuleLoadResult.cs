using Lkm.Formats;

namespace Lkm.Kernel.Modules;

/// <summary>How loading or unloading a module ended.</summary>
/// <param name="Name">The module's name, as far as it was known; otherwise empty.</param>
/// <param name="Code">What the system call returns: 0, or a negative errno.</param>
/// <param name="Explanation">One sentence for people: what happened, and what to do about it.</param>
/// <param name="Module">The address of the module's struct module; 0 when it is not loaded.</param>
/// <param name="Log">What the loader wrote to the kernel log meanwhile, without stamps.</param>
public sealed record ModuleLoadResult(string Name, int Code, string Explanation, ulong Module, IReadOnlyList<string> Log)
{
    /// <summary>Whether it succeeded.</summary>
    public bool Succeeded => Code == 0;

    /// <summary>The error number; <see cref="Errno.OK"/> on success.</summary>
    public Errno Errno => (Errno)(-Code);
}

/// <summary>Why a step refuses the module; <see langword="null"/> stands for success.</summary>
/// <param name="Code">A negative errno.</param>
/// <param name="Reason">One sentence for people.</param>
internal sealed record Refusal(int Code, string Reason)
{
    public Refusal(Errno errno, string reason)
        : this(-(int)errno, reason)
    {
    }

    /// <summary>The errno's name, or its number.</summary>
    public static string Name(int code) => ((Errno)(-code)).Name();
}
