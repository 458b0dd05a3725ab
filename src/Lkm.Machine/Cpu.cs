using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lkm.Machine.Translation;

namespace Lkm.Machine;

/// <summary>
/// An x86-64 processor that interprets. Its whole state is in registers a caller can see and change between two calls of
/// <see cref="Run"/>; exceptions, hooks and the end of a budget are values it returns.
/// </summary>
public sealed unsafe partial class Cpu : IDisposable
{
    // The record, and the ops of an instruction that is done by itself behind it.
    private static readonly ulong RecordSize = (ulong)(sizeof(CpuRecord) + 5 * sizeof(Op) + 63) & ~63UL;

    private readonly CpuRecord* _c;
    private CodeCache? _decoded; // none as long as code is being decoded ahead
    private CodeAhead? _ahead;
    private readonly Lowering _lowering;
    private readonly HookSet _hooks = new();
    private readonly Op* _single;
    private readonly Op* _general;
    private readonly TranslationOptions _options;
    private Translator? _translator;
    private GCHandle _self;
    private long _clockEnd;
    private bool _disposed;

    /// <summary>Makes a processor as after reset into 64-bit kernel mode, with all registers zero.</summary>
    /// <param name="memory">The memory it works on.</param>
    /// <param name="environment">The board it sits on.</param>
    /// <param name="options">Who executes; if null, what <see cref="TranslationOptions.FromEnvironment"/> says.</param>
    /// <param name="ahead">Code of this memory that is decoded already, or is being; for this processor alone.</param>
    public Cpu(GuestMemory memory, ICpuEnvironment environment, TranslationOptions? options = null, CodeAhead? ahead = null)
    {
        _options = options ?? TranslationOptions.FromEnvironment();
        Memory = memory;
        Environment = environment;
        _c = (CpuRecord*)memory.TakeRecordRoom((int)RecordSize);
        if (_c == null)
            _c = (CpuRecord*)HostMemory.Reserve(RecordSize);
        _single = (Op*)((byte*)_c + RecordSize - 5 * sizeof(Op));
        _general = _single + 2;
        _c->Nowhere = _single + 4;
        _self = GCHandle.Alloc(this, GCHandleType.Weak);
        _c->Owner = GCHandle.ToIntPtr(_self);
        _c->WindowStart = GuestMemory.WindowStart;
        _c->Cr0 = 0x80010001; // PG, WP, PE
        _c->Mxcsr = 0x1F80;
        _c->FpuControl = 0x37F;
        foreach (int register in (ReadOnlySpan<int>)[6, 7])
            _c->Debug[register] = Handlers.AlwaysSet(register);
        Handlers.Prepare(_c);
        _ahead = ahead;
        _lowering = new Lowering(new InstructionDecoder(memory, environment), _hooks);
        Mmu = new Mmu(memory, _c);
        memory.CodeChanged += InvalidateCode;
    }

    /// <summary>The memory it works on.</summary>
    public GuestMemory Memory { get; }

    /// <summary>The board it sits on.</summary>
    public ICpuEnvironment Environment { get; }

    internal Mmu Mmu { get; }

    private CodeCache Code => _decoded ??= TakeCode();

    /// <summary>Instructions retired: the deterministic clock.</summary>
    public long Instructions => _clockEnd - (_c->Budget + _c->Withheld);

    /// <summary>Whether the next <see cref="Run"/> executes the instruction at RIP though it is hooked.</summary>
    public bool SkipHookOnce { get; set; }

    /// <summary>
    /// Runs until something happens.
    /// </summary>
    /// <param name="budget">
    /// Instructions to run. The processor stops at the first jump, call or return taken that reaches the number; where that is
    /// depends on nothing but the instructions executed.
    /// </param>
    public CpuExit Run(long budget)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var c = _c;
        StartClock(budget);
        c->Patch = null;
        BeginTranslation();
        var reason = budget > 0 ? Handlers.Continue : Handlers.Edge;
        while (true)
        {
            if (reason == Handlers.Exit)
                return TakeExit();
            if ((ulong)reason >= GuestMemory.WindowStart)
            {
                GoOnAt((ulong)reason);
                reason = Handlers.Continue;
            }
            if (c->Withheld != 0)
                reason = LookAround(reason);
            if (reason == Handlers.Edge && c->Budget <= 0)
                return new CpuExit(CpuExitKind.Budget, 0, 0, c->Rip, 0, false, default);
            var stepping = (c->SystemFlags & Flags.Trap) != 0;
            if (stepping || SkipHookOnce)
            {
                if (_hooks.Contains(c->Rip) && !SkipHookOnce)
                    return new CpuExit(CpuExitKind.Hook, 0, 0, c->Rip, 0, false, default);
                var over = stepping || _hooks.Contains(c->Rip);
                SkipHookOnce = false;
                if (over)
                {
                    reason = ExecuteOne();
                    if (stepping && reason != Handlers.Exit)
                    {
                        c->Debug[6] |= 1 << 14; // BS
                        return new CpuExit(CpuExitKind.Exception, CpuVector.Debug, 0, c->Rip, 0, false, default);
                    }
                    continue;
                }
            }
            var op = CodeCache.Find(c, c->Rip);
            if (op == null)
            {
                op = Decode(c->Rip);
                if (op == null)
                    return TakeExit();
            }
            if (c->Patch != null)
            {
                c->Patch->Target = op;
                c->Patch = null;
            }
            reason = _translator == null ? ((Handler)op->Handler)(op, c, Memory.Bias, Memory.ShadowBias) : RunWithTranslator(op, reason);
        }
    }

    /// <summary>
    /// Executes exactly the instruction at RIP, allowing it all memory of the window whatever the shadow says, and that of users. The answer is of kind
    /// <see cref="CpuExitKind.Budget"/> if it went well.
    /// </summary>
    public CpuExit StepIgnoringShadow()
    {
        _c->IgnoreShadow = 1;
        var done = StepIgnoringSmap();
        _c->IgnoreShadow = 0;
        return done;
    }

    /// <summary>
    /// Executes exactly the instruction at RIP, allowing the kernel to reach the memory of users. The answer is of kind <see cref="CpuExitKind.Budget"/>
    /// if it went well.
    /// </summary>
    public CpuExit StepIgnoringSmap()
    {
        _c->IgnoreSmap = 1;
        var done = Step();
        _c->IgnoreSmap = 0;
        return done;
    }

    /// <summary>
    /// Executes exactly the instruction at RIP, hooked or not. The answer is of kind <see cref="CpuExitKind.Budget"/> if it
    /// went well.
    /// </summary>
    public CpuExit Step()
    {
        StartClock(1);
        return ExecuteOne() != Handlers.Exit ? new CpuExit(CpuExitKind.Budget, 0, 0, _c->Rip, 0, false, default) : TakeExit();
    }

    /// <summary>
    /// Makes arriving at an address an exit, before its instruction runs. There need not be memory at the address.
    /// </summary>
    public void Hook(ulong address)
    {
        if (_hooks.Add(address) && _ahead == null)
            InvalidateCode(address, 1);
    }

    /// <summary>Undoes <see cref="Hook"/>.</summary>
    public void Unhook(ulong address)
    {
        if (_hooks.Remove(address) && _ahead == null)
            InvalidateCode(address, 1);
    }

    /// <summary>Says that code was changed behind the processor's back, by trusted writes.</summary>
    public void InvalidateCode(ulong address, ulong size) => Code.Invalidate(address, size);

    /// <summary>What the next run of the same memory may have decoded ahead: what this one decoded in a range of addresses, and the hooks.</summary>
    public CodeHints CodeHints(ulong from, ulong to) => new(Code.Starts(from, to), _hooks.ToArray());

    /// <summary>Forgets all decoded code; only between two runs.</summary>
    public void InvalidateAllCode()
    {
        _translator?.Clear();
        Code.Clear();
    }

    private CodeCache TakeCode()
    {
        var code = _ahead?.Take(_c, _hooks) ?? new CodeCache(Memory, _c);
        _ahead = null;
        return code;
    }

    private Op* Decode(ulong rip)
    {
        if (!GuestMemory.Contains(rip) && _hooks.Contains(rip)) // no code there, but an arrival is an arrival
        {
            Handlers.SetExit(_c, CpuExitKind.Hook, 0, 0, rip);
            return null;
        }
        if (Code.Full) // what is translated stays in force
        {
            Code.Clear();
            _translator?.WatchAnew();
            if (Code.Full)
                InvalidateAllCode();
        }
        var op = Code.Cursor;
        if (!_lowering.Trace(rip, op))
        {
            FetchFault(rip);
            return null;
        }
        Code.Add(rip, _lowering.End, _lowering.Ops, _lowering.Entries);
        _translator?.Decoded(op);
        return op;
    }

    /// <summary>Decodes the general form of a hot op, with a way back behind it.</summary>
    internal Op* MakeGeneral(Op* hot)
    {
        var general = Code.Allocate(2);
        var keep = general != null;
        if (!keep)
            general = _general; // used at once, not kept
        _lowering.General(hot->Rip, general);
        general->Index = hot->Index;
        general[1] = new Op { Handler = (nint)Handlers.Back, Target = hot + 1, Rip = hot->Next };
        if (keep)
            hot->Target = general;
        return general;
    }

    // With no budget left every transfer of control leaves; an op behind the instruction catches what does not transfer.
    private nint ExecuteOne()
    {
        var c = _c;
        if (!_lowering.Single(c->Rip, _single, c->IgnoreShadow != 0))
        {
            FetchFault(c->Rip);
            return Handlers.Exit;
        }
        var budget = c->Budget;
        c->Budget = 0;
        var reason = ((Handler)_single->Handler)(_single, c, Memory.Bias, Memory.ShadowBias);
        c->Budget += budget;
        c->Patch = null;
        c->Returns[(int)((c->ReturnTop - 1) % CpuRecord.ReturnDepth)] = new ReturnEntry { Op = c->Nowhere }; // may point at our scratch ops
        return reason;
    }

    /// <summary>Discards decoded code of bytes that an instruction is about to write.</summary>
    internal void WritingCode(ulong address, int size)
    {
        var last = address + (uint)(size - 1);
        for (var at = address; ; at += 8)
        {
            // Part of a granule cannot say that it holds code.
            if (Memory.ShadowAt(Math.Min(at, last)) is Shadow.Code or Shadow.ReadOnlyCode or (> Shadow.Unmapped and < Shadow.Accessible))
            {
                Code.Invalidate(address, (ulong)size);
                return;
            }
            if (at >= last)
                return;
        }
    }

    private void FetchFault(ulong rip)
    {
        var c = _c;
        c->ExitKind = CpuExitKind.Exception;
        c->ExitSoftware = 0;
        c->ExitWrite = 0;
        c->ExitSize = 1;
        c->ExitAddress = rip;
        c->ExitShadow = 0;
        if (!Mmu.IsCanonical(rip))
        {
            c->ExitVector = CpuVector.GeneralProtection;
            c->ExitError = 0;
            return;
        }
        c->ExitVector = CpuVector.PageFault;
        c->ExitError = (uint)PageFaultError.Fetch;
        if (GuestMemory.Contains(rip))
        {
            Memory.IsAccessible(rip, Math.Min(15, 0 - rip), false, out var bad);
            c->ExitShadow = GuestMemory.Contains(bad) ? (byte)Memory.ShadowAt(bad) : (byte)0;
            if (FindNotExecutable(rip) is { } denied)
            {
                bad = denied;
                c->ExitError |= (uint)PageFaultError.Present;
                c->ExitShadow = (byte)Shadow.Accessible; // whatever may be done with it otherwise
            }

            c->ExitAddress = bad;
        }
        c->Cr2 = c->ExitAddress;
    }

    /// <summary>The first byte of an instruction at an address that page tables do not let be executed; null if there is none.</summary>
    private ulong? FindNotExecutable(ulong rip)
    {
        const ulong longest = 14; // bytes behind the first
        if (!Environment.IsExecutable(rip))
            return rip;
        var next = (rip & ~(GuestMemory.PageSize - 1)) + GuestMemory.PageSize;
        return next - rip <= longest && GuestMemory.Contains(next) && !Environment.IsExecutable(next) ? next : null;
    }

    /// <summary>The instruction at RIP as text, for messages about what is not supported.</summary>
    public string UnsupportedInstruction
    {
        get
        {
            if (!GuestMemory.Contains(Rip, 16))
                return $"(no instruction at {Rip:x16})";
            var decoder = Iced.Intel.Decoder.Create(64, Memory.Span(Rip, 15).ToArray(), Rip);
            return decoder.Decode().ToString();
        }
    }

    private CpuExit TakeExit() => new(_c->ExitKind, _c->ExitVector, _c->ExitError, _c->ExitAddress, _c->ExitSize, _c->ExitWrite != 0,
        (Shadow)_c->ExitShadow)
    {
        IsSoftwareInterrupt = _c->ExitSoftware != 0,
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        Memory.CodeChanged -= InvalidateCode;
        _translator?.Dispose();
        Code.Dispose();
        _self.Free();
        if (!Memory.ReturnRecordRoom((byte*)_c))
            HostMemory.Unmap((byte*)_c, RecordSize);
    }
}
