using Lkm.Kernel.Boot;
using Lkm.Kernel.Printing;
using Lkm.Kernel.Sanitizer;
using Lkm.Machine;

namespace Lkm.Kernel.Exceptions;

/// <summary>
/// Accesses that the shadow denied because the memory is poisoned: red zones, freed objects and pages. On Linux without KASAN they go
/// unnoticed, so the access is reported and then made; unless nothing is mapped there on Linux either, as behind and in place of vmalloc areas and
/// modules that are gone: then it faults, after the report.
/// </summary>
public sealed class MemoryFaults
{
    private const int ErrorLevel = 3;
    private const int TaintBadPage = 5, TaintWarn = 9;

    private readonly Cpu _cpu;
    private readonly GuestMemory _memory;
    private readonly KernelImage _image;
    private readonly MemoryErrors _errors;
    private readonly KernelLog _log;
    private readonly ulong _tableStart, _tableEnd, _imageStart, _imageEnd;
    private readonly HashSet<ulong> _reported = [];
    private readonly HashSet<ulong> _reportedFunctions = [];
    private readonly List<MemoryErrorReport> _reports = [];
    private readonly List<string> _places = [];
    private readonly List<KernelWarning> _warnings = [];

    /// <summary>Listens to what the allocators report as well.</summary>
    public MemoryFaults(Cpu cpu, GuestMemory memory, KernelImage image, MemoryErrors errors, KernelLog log)
    {
        _cpu = cpu;
        _memory = memory;
        _image = image;
        _errors = errors;
        _log = log;
        _tableStart = image.Symbol("__start___ex_table");
        _tableEnd = image.Symbol("__stop___ex_table");
        (_imageStart, _imageEnd) = (image.Symbol("_text"), AddressSpace.PageAlign(image.Symbol("_end")));
        errors.Reported = Report;
        errors.Warned = Warn;
    }

    /// <summary>All errors found, one for each place in the code.</summary>
    public IReadOnlyList<MemoryErrorReport> Reports => _reports;

    /// <summary>Where each of them happened, as it was called then: a module may be gone since.</summary>
    public IReadOnlyList<string> Places => _places;

    /// <summary>The warnings of the allocators.</summary>
    public IReadOnlyList<KernelWarning> Warnings => _warnings;

    /// <summary>Tells addresses for reports, of modules too.</summary>
    public required Func<ulong, string> Symbolise { get; init; }

    /// <summary>Tells how much RAM there is, in bytes.</summary>
    public required ulong RamSize { get; init; }

    /// <summary>Gives the lines of dump_stack().</summary>
    public required Func<IEnumerable<string>> DumpStack { get; init; }

    /// <summary>Whether a fault is the shadow's poison, not a page that is absent or read-only.</summary>
    /// <remarks>RAM that was never given out is free, and present in the direct map.</remarks>
    public bool IsPoison(CpuExit exit) =>
        exit.Vector == CpuVector.PageFault
        && (exit.Shadow >= Shadow.Poison || exit.Shadow is > Shadow.Unmapped and < Shadow.Accessible
            || (exit.Shadow == Shadow.Unmapped && GuestMemory.Contains(exit.Address, (ulong)exit.Size) && IsRam(exit.Address, (ulong)exit.Size)));

    /// <summary>Reports the access that the processor stopped at, and makes it.</summary>
    /// <returns>What came of making it.</returns>
    public CpuExit Handle(CpuExit exit)
    {
        if (HasFixup(_cpu.Rip) && !IsUserCopy(_cpu.Rip))
        {
            // Code that expects to fault (copy_from_kernel_nofault() and its kin), which sanitisers leave alone. Pages that Linux has not
            // mapped do fault; the rest is read as it would be there. RAM that never was used is passed over too: the image's page tables, which
            // an oops shows, lead there, as they say where the image would lie on a PC.
            var isAbsentOnLinux = exit.Shadow is Shadow.Unmapped or Shadow.VmallocGuard or Shadow.StackGuard or Shadow.VmallocFreed or Shadow.InitFreed;
            return isAbsentOnLinux ? exit : _cpu.StepIgnoringShadow();
        }

        if (!IsWordAtATimeRead(exit))
            ReportAccess(exit);
        return exit.Shadow is Shadow.VmallocGuard or Shadow.VmallocFreed or Shadow.InitFreed ? exit : _cpu.StepIgnoringShadow();
    }

    /// <summary>Reports the access that the processor stopped at.</summary>
    internal void ReportAccess(CpuExit exit) => Report(_errors.DescribeAccess(exit.Address, (ulong)exit.Size, exit.Write, _cpu.Rip));

    /// <summary>Reports an access of a user's memory: once for each of the image's functions, as memcpy() has many instructions for it.</summary>
    internal void ReportUserAccess(CpuExit exit)
    {
        if (!_image.TryGetBounds(_cpu.Rip, out var function, out _) || _reportedFunctions.Add(function))
            ReportAccess(exit);
    }

    /// <summary>
    /// Whether an instruction copies between a user's memory and the kernel's: it expects the user's to be absent, not the kernel's, which KASAN checks as well
    /// (instrument_copy_from_user_before()).
    /// </summary>
    private bool IsUserCopy(ulong instruction)
    {
        const byte repeat = 0xf3, wide = 0x48, moveBytes = 0xa4, moveWords = 0xa5;
        var code = _memory.Span(instruction, 3);
        if (code[0] == repeat && (code[1] is moveBytes or moveWords || (code[1] == wide && code[2] == moveWords)))
            return true;
        var function = _image.Symbolise(instruction);
        return Array.Exists(s_userCopies, name => function.StartsWith(name, StringComparison.Ordinal));
    }

    // arch/x86/lib/copy_user_64.S, copy_user_uncached_64.S
    private static readonly string[] s_userCopies = ["copy_user_", "__copy_user_", "rep_movs_alternative"];

    /// <summary>Whether it is what /proc/iomem calls System RAM; the image lies in some of its own (<see cref="KernelResources"/>).</summary>
    private bool IsRam(ulong address, ulong size) =>
        PhysicalMemory.TouchesRam(AddressSpace.ToPhysical(address), size, RamSize) || (address >= _imageStart && address + size <= _imageEnd);

    /// <summary>
    /// The kernel reads strings and hashes names a word at a time (include/asm/word-at-a-time.h): the word that holds the last byte may
    /// reach over the object's end, which KASAN allows such code too. A module's own code has no such licence.
    /// </summary>
    private bool IsWordAtATimeRead(CpuExit exit) =>
        !exit.Write && exit.Size <= sizeof(ulong) && _image.IsText(_cpu.Rip) && _memory.IsAccessible(exit.Address, 1, write: false, out _);

    /// <summary>A task gave the processor away where it must not, which the image has logged.</summary>
    /// <param name="task">The task's name and number.</param>
    /// <param name="preemptCount">Its preempt_count.</param>
    internal void NoteScheduleWhileAtomic((string Comm, int Pid) task, uint preemptCount) =>
        _warnings.Add(new KernelWarning("__schedule", $"BUG: scheduling while atomic: {task.Comm}/{task.Pid}/0x{preemptCount:x8}", task.Pid, []));

    /// <summary>Adds what lkm's own checks found and wrote to the log.</summary>
    internal void Note(KernelWarning warning)
    {
        _warnings.Add(warning);
        AddTaint(TaintWarn);
    }

    private void Warn(KernelWarning warning)
    {
        const int warningLevel = 4;
        _warnings.Add(warning);
        foreach (var line in warning.Format(DumpStack()))
            _log.Write(warningLevel, line);
        AddTaint(TaintWarn);
    }

    private void AddTaint(int flag)
    {
        var mask = _image.Symbol("tainted_mask");
        _memory.WriteUInt64(mask, _memory.ReadUInt64(mask) | (1UL << flag));
    }

    /// <summary>search_exception_tables(): whether the image says where to go on when this instruction faults. The table is sorted.</summary>
    private bool HasFixup(ulong instruction)
    {
        const ulong entrySize = 12;
        ulong low = 0, high = (_tableEnd - _tableStart) / entrySize;
        while (low < high)
        {
            var middle = (low + high) / 2;
            var entry = _tableStart + (middle * entrySize);
            var address = entry + (ulong)_memory.ReadInt32(entry);
            if (address == instruction)
                return true;
            if (address < instruction)
                low = middle + 1;
            else
                high = middle;
        }

        return false;
    }

    private void Report(MemoryErrorReport report)
    {
        if (!_reported.Add(report.InstructionPointer))
            return;
        _reports.Add(report);
        _places.Add(Symbolise(report.InstructionPointer));
        foreach (var line in KasanReport.Format(report, Symbolise, DumpStack()))
            _log.Write(ErrorLevel, line);
        AddTaint(TaintBadPage); // end_report() of mm/kasan/report.c
    }
}
