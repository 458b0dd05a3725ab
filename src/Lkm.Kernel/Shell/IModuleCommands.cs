using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Sessions;

namespace Lkm.Kernel.Shell;

/// <summary>How loading or unloading a module ended.</summary>
/// <param name="Error"><see cref="Errno.OK"/>, or what the system call failed with.</param>
/// <param name="Explanation">One sentence for people; null when there is nothing to add to the errno's own text.</param>
/// <param name="NoSuchModule">Whether no module answers to the name, or its file cannot be read, so that nothing was tried.</param>
public readonly record struct ModuleOutcome(Errno Error, string? Explanation = null, bool NoSuchModule = false);

/// <summary>One line of modinfo: a field and its value.</summary>
/// <param name="Field">The field, such as "license"; "parm" has name, description and type in one value.</param>
/// <param name="Value">Its value.</param>
public readonly record struct ModuleField(string Field, string Value);

/// <summary>A symbol that modules may use.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">Its address.</param>
/// <param name="Module">The module that exports it; null for the kernel.</param>
/// <param name="GplOnly">Whether only GPL-compatible modules may use it.</param>
/// <param name="Namespace">The namespace that a user has to import; null for none.</param>
/// <param name="Crc">The checksum of its type; null when its exporter has none.</param>
public readonly record struct SymbolExport(string Name, ulong Address, string? Module, bool GplOnly, string? Namespace, uint? Crc);

/// <summary>Loading, unloading and describing modules, for the shell's commands. Called on the shell's own task.</summary>
public interface IModuleCommands
{
    /// <summary>Loads a module from a file of the host, as insmod does: no dependencies, no configuration.</summary>
    /// <param name="file">The file's absolute path.</param>
    /// <param name="parameters">The parameters, separated by spaces.</param>
    /// <param name="observer">Told of each step; null for nobody.</param>
    GuestTask<ModuleOutcome> Insert(string file, string parameters, Action<LoadStep>? observer = null);

    /// <summary>Unloads a module, as delete_module(2) does.</summary>
    /// <param name="name">The module's name.</param>
    /// <param name="force">Whether to unload what is in use or cannot be unloaded.</param>
    GuestTask<ModuleOutcome> Remove(string name, bool force);

    /// <summary>
    /// Loads a module by name or alias with its dependencies and configuration, as modprobe does. A name that nothing answers is
    /// <see cref="ModuleOutcome.NoSuchModule"/>, with <see cref="Errno.ENOENT"/> and an explanation.
    /// </summary>
    GuestTask<ModuleOutcome> Probe(string name, string parameters);

    /// <summary>What <see cref="Probe"/> would do, as modprobe --show-depends tells it: "insmod FILE PARAMETERS" or "builtin NAME" for each step.</summary>
    /// <param name="name">A module's name, or an alias.</param>
    /// <param name="parameters">The parameters, separated by spaces.</param>
    /// <returns>The steps; none when there is no such module.</returns>
    IReadOnlyList<string> DescribeProbe(string name, string parameters);

    /// <summary>Unloads a module and the dependencies that nobody uses then, as modprobe -r does.</summary>
    GuestTask<ModuleOutcome> ProbeRemove(string name);

    /// <summary>What modinfo prints of a module.</summary>
    /// <param name="nameOrFile">A module's name, or the absolute path of a file of the host.</param>
    /// <returns>The fields in the order of printing; null when there is no such module.</returns>
    IReadOnlyList<ModuleField>? Describe(string nameOrFile);

    /// <summary>The symbols that the kernel and its modules export.</summary>
    IEnumerable<SymbolExport> Exports();
}
