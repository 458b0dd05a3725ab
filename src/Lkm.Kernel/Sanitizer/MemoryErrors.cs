using Lkm.Kernel.Boot;
using Lkm.Kernel.Memory;
using Lkm.Kernel.Scheduling;
using Lkm.Machine;

namespace Lkm.Kernel.Sanitizer;

/// <summary>
/// Where memory errors come together: the allocators report wrong frees here, and the exception handler asks what an access was that
/// the shadow denied. What follows (a log entry, an oops) is for whoever listens to decide.
/// </summary>
public sealed class MemoryErrors(GuestMemory memory, KernelImage image, PerCpuArea perCpu, TaskStruct tasks)
{
    private const int Rows = 5;
    private const int RowBytes = 16;
    private const ulong RowSpan = RowBytes * 8;

    private static readonly string[] ShownFlags =
    [
        "PG_locked", "PG_referenced", "PG_uptodate", "PG_dirty", "PG_lru", "PG_slab", "PG_reserved", "PG_private", "PG_head",
    ];

    private readonly List<IObjectFinder> _finders = [];
    private PageStruct? _pages;

    /// <summary>Told of each wrong free. The allocator ignores the free and goes on, as with KASAN.</summary>
    public Action<MemoryErrorReport>? Reported { get; set; }

    /// <summary>Told of what Linux warns of with WARN().</summary>
    public Action<KernelWarning>? Warned { get; set; }

    /// <summary>Tells addresses in warnings; whoever knows the modules' symbols sets it.</summary>
    public Func<ulong, string> Symbolise { get; set; } = image.Symbolise;

    /// <summary>Adds an allocator that knows its objects.</summary>
    internal void Add(IObjectFinder finder) => _finders.Add(finder);

    /// <summary>Reports a free of what cannot be freed.</summary>
    internal void ReportFree(MemoryErrorKind kind, ulong address, ulong caller) =>
        Reported?.Invoke(Describe(kind, address, address, 0, isWrite: true, caller));

    /// <summary>Reports an access that a C# function would make for its caller.</summary>
    internal void ReportAccess(ulong address, ulong size, bool isWrite, ulong caller) =>
        Reported?.Invoke(DescribeAccess(address, size, isWrite, caller));

    /// <summary>Passes on a warning.</summary>
    internal void Warn(string function, string text, IReadOnlyList<string>? details = null) =>
        Warned?.Invoke(new KernelWarning(function, text, tasks.Pid(perCpu.Current), details ?? []));

    /// <summary>Describes an access that was denied.</summary>
    /// <param name="address">Its first byte.</param>
    /// <param name="size">Its bytes.</param>
    /// <param name="isWrite">Whether it was a write.</param>
    /// <param name="instructionPointer">The instruction.</param>
    public MemoryErrorReport DescribeAccess(ulong address, ulong size, bool isWrite, ulong instructionPointer)
    {
        var bad = address;
        MemoryErrorKind kind;
        if (address + size < address)
            kind = MemoryErrorKind.OutOfBounds;
        else if (!GuestMemory.Contains(address, size))
            kind = WildKind(address);
        else if (memory.IsAccessible(address, size, isWrite, out bad))
            kind = MemoryErrorKind.Unknown;
        else
            kind = ShadowKind(bad);
        return Describe(kind, address, bad, size, isWrite, instructionPointer);
    }

    private static MemoryErrorKind WildKind(ulong address) =>
        address < AddressSpace.PageSize ? MemoryErrorKind.NullPointer
        : address >> 47 == 0 ? MemoryErrorKind.UserMemoryAccess
        : MemoryErrorKind.WildAccess;

    // A partial granule says how much of it is the object; what lies behind it is in the next.
    private MemoryErrorKind ShadowKind(ulong bad)
    {
        var shadow = memory.ShadowAt(bad);
        if (shadow is > Shadow.Unmapped and < Shadow.Accessible && GuestMemory.Contains(bad, 16))
            shadow = memory.ShadowAt(bad + 8);
        return KasanShadow.Kind(shadow, bad);
    }

    private MemoryErrorReport Describe(
        MemoryErrorKind kind, ulong address, ulong bad, ulong size, bool isWrite, ulong instructionPointer)
    {
        var task = perCpu.Current;
        var report = new MemoryErrorReport
        {
            Kind = kind,
            Address = address,
            FirstBadAddress = bad,
            Size = size,
            IsWrite = isWrite,
            InstructionPointer = instructionPointer,
            Pid = tasks.Pid(task),
            Comm = tasks.Comm(task),
        };
        if (!GuestMemory.Contains(address))
            return report;
        var rows = (bad & ~(RowSpan - 1)) - (Rows / 2 * RowSpan);
        var hasRows = GuestMemory.Contains(rows, Rows * RowSpan);
        return report with
        {
            Object = Find(f => f.FindObject(address)) ?? Find(f => f.FindObject(bad)),
            Vmalloc = Find(f => f.FindVmalloc(address)),
            Page = address < AddressSpace.VmallocStart ? DescribePage(address) : null,
            IsVmallocSpace = address is >= AddressSpace.VmallocStart and < AddressSpace.VmallocEnd,
            IsVariable = IsImageOrModule(address),
            MemoryStateStart = hasRows ? rows : 0,
            MemoryState = hasRows ? MemoryState(rows) : [],
        };
    }

    private bool IsImageOrModule(ulong address) =>
        (address >= image.Symbol("_text") && address < image.Symbol("_end"))
        || (address >= AddressSpace.ModulesStart && address < AddressSpace.ModulesEnd && memory.ShadowAt(address) is > 0 and < Shadow.Poison);

    private T? Find<T>(Func<IObjectFinder, T?> find)
        where T : class
    {
        foreach (var finder in _finders)
        {
            if (find(finder) is { } found)
                return found;
        }

        return null;
    }

    private byte[] MemoryState(ulong start)
    {
        var state = new byte[Rows * RowBytes];
        for (var i = 0; i < state.Length; i++)
        {
            var address = start + ((ulong)i * 8);
            state[i] = KasanShadow.Code(memory.ShadowAt(address), address);
        }

        return state;
    }

    private PageDescription DescribePage(ulong address)
    {
        var layout = image.Struct("page");
        var page = AddressSpace.ToStructPage(address);
        var raw = new ulong[layout.Size / 8];
        for (var i = 0; i < raw.Length; i++)
            raw[i] = memory.ReadUInt64(page + ((ulong)i * 8));
        var head = (_pages ??= new PageStruct(memory, image)).Head(page);
        var flags = memory.ReadUInt64(head + layout["flags"]);
        var names = new List<string>();
        foreach (var name in ShownFlags)
        {
            if (image.Enumerator(name) is { } bit and < 64 && (flags >> (int)bit & 1) != 0)
                names.Add(name["PG_".Length..]);
        }

        names.Add("node=0");
        names.Add($"zone={_pages.Zone(head)}");
        return new PageDescription(page, AddressSpace.ToFrame(address), memory.ReadInt32(head + layout["_refcount"]),
            memory.ReadUInt64(page + (layout.Find("index") ?? layout["__folio_index"])),
            head != page ? 0 : memory.ReadUInt64(page + layout["mapping"]),
            flags, string.Join('|', names), raw);
    }
}
