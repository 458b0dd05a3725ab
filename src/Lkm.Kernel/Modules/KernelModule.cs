using System.Text;
using Lkm.Machine;

namespace Lkm.Kernel.Modules;

/// <summary>
/// A module of the running kernel: a view of its struct module (include/linux/module.h). All state lies in guest memory, where
/// borrowed code reads and writes it too; nothing is kept here.
/// </summary>
public sealed class KernelModule
{
    /// <summary>MODULE_NAME_LEN in bytes, with the final NUL.</summary>
    internal const int NameLength = 64 - 8;

    /// <summary>The letters of the taints (taint_flags of kernel/panic.c); a blank where modules do not show one.</summary>
    private const string Letters = "PF        C OE KXTN";

    private readonly ModuleContext _kernel;

    internal KernelModule(ModuleContext kernel, ulong address)
    {
        _kernel = kernel;
        Address = address;
    }

    /// <summary>The address of the struct module.</summary>
    public ulong Address { get; }

    /// <summary>The module's name.</summary>
    public string Name => Memory.ReadString(Address + _kernel.Layout["name"], NameLength);

    /// <summary>Where the module is in its life.</summary>
    public ModuleState State
    {
        get => (ModuleState)Memory.ReadUInt32(Member("state"));
        internal set => Memory.WriteUInt32(Member("state"), (uint)value);
    }

    /// <summary>How many users keep the module from being unloaded (module_refcount()); -1 while it is unloaded.</summary>
    public int ReferenceCount => Memory.ReadInt32(Member("refcnt")) - 1;

    /// <summary>What the module tainted the kernel with: a bit for each <see cref="Taint"/>.</summary>
    public ulong Taints => Read("taints");

    /// <summary>The letters of <see cref="Taints"/>, as <c>/sys/module/*/taint</c> shows them (module_flags_taint()).</summary>
    public string TaintLetters
    {
        get
        {
            var taints = Taints;
            var text = new StringBuilder();
            for (var bit = 0; bit < Letters.Length; bit++)
            {
                if (Letters[bit] != ' ' && (taints >> bit & 1) != 0)
                    text.Append(Letters[bit]);
            }

            return text.ToString();
        }
    }

    /// <summary>Whether its signature was verified.</summary>
    public bool IsSigned => Memory.ReadByte(Member("sig_ok")) != 0;

    /// <summary>MODULE_VERSION, or null.</summary>
    public string? Version => TextOf("version");

    /// <summary>The checksum of its sources, or null.</summary>
    public string? SourceVersion => TextOf("srcversion");

    /// <summary>The modules that use this one's symbols.</summary>
    public IEnumerable<KernelModule> Users => Related("source_list", "source");

    /// <summary>Whether a module uses this one's symbols.</summary>
    public bool HasUsers => Memory.ReadUInt64(Member("source_list")) != Member("source_list");

    /// <summary>The modules whose symbols this one uses.</summary>
    public IEnumerable<KernelModule> Uses => Related("target_list", "target");

    /// <summary>The bytes that the module occupies, init memory included while it has some, as lsmod shows them.</summary>
    public ulong Size => ModuleMemory.Of(_kernel).SizeOf(this);

    /// <summary>The allocation that holds the code which stays.</summary>
    internal ModuleBlock CoreText => Blocks[0];

    /// <summary>All its allocations, those of the init part last.</summary>
    internal ModuleBlock[] Blocks => ModuleMemory.Of(_kernel).Blocks(this);

    /// <summary>The address that <c>/proc/modules</c> shows: where its code begins.</summary>
    public ulong BaseAddress => ModuleMemory.Of(_kernel).BaseOf(this);

    private GuestMemory Memory => _kernel.Memory;

    /// <summary>Whether a taint is the module's.</summary>
    public bool Has(Taint taint) => (Taints >> (int)taint & 1) != 0;

    /// <summary>The name and state, for messages.</summary>
    public override string ToString() => $"{Name} ({State})";

    /// <summary>The address of a member.</summary>
    internal ulong Member(string member) => Address + _kernel.Layout[member];

    /// <summary>A member of eight bytes; 0 where this kernel has no such member.</summary>
    internal ulong Read(string member) => _kernel.Layout.Find(member) is { } offset ? Memory.ReadUInt64(Address + offset) : 0;

    /// <summary>A member of four bytes; 0 where this kernel has no such member.</summary>
    internal uint ReadUInt32(string member) => _kernel.Layout.Find(member) is { } offset ? Memory.ReadUInt32(Address + offset) : 0;

    /// <summary>Sets a member of eight bytes, where this kernel has it.</summary>
    internal void Write(string member, ulong value)
    {
        if (_kernel.Layout.Find(member) is { } offset)
            Memory.WriteUInt64(Address + offset, value);
    }

    /// <summary>Sets a member of four bytes, where this kernel has it.</summary>
    internal void WriteUInt32(string member, uint value)
    {
        if (_kernel.Layout.Find(member) is { } offset)
            Memory.WriteUInt32(Address + offset, value);
    }

    /// <summary>Sets a flag, where this kernel has it.</summary>
    internal void WriteFlag(string member, bool value)
    {
        if (_kernel.Layout.Find(member) is { } offset)
            Memory.WriteByte(Address + offset, value ? (byte)1 : (byte)0);
    }

    /// <summary>Whether a flag is set.</summary>
    internal bool ReadFlag(string member) => _kernel.Layout.Find(member) is { } offset && Memory.ReadByte(Address + offset) != 0;

    /// <summary>set_bit(taint, &amp;mod->taints).</summary>
    internal void Add(Taint taint) => Write("taints", Taints | 1UL << (int)taint);

    /// <summary>The modules at the other end of each struct module_use of a list.</summary>
    private IEnumerable<KernelModule> Related(string list, string end)
    {
        var use = _kernel.Image.Struct("module_use");
        foreach (var entry in _kernel.List(Member(list)))
            yield return new KernelModule(_kernel, Memory.ReadUInt64(entry - use[list] + use[end]));
    }

    private string? TextOf(string member) => Read(member) is var text and not 0 ? Memory.ReadString(text) : null;
}
