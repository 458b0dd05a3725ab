using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Lkm.Machine;

/// <summary>
/// The processor's state as the handlers see it: plain memory at a fixed place. The general registers come first; behind
/// them lie three more that address arithmetic may name: zero, the base of FS and the base of GS.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CpuRecord
{
    internal const int Rax = 0, Rcx = 1, Rdx = 2, Rbx = 3, Rsp = 4, Rbp = 5, Rsi = 6, Rdi = 7, R11 = 11;
    internal const int Zero = 16, Fs = 17, Gs = 18;
    internal const int ReturnDepth = 256;
    internal const int RememberedCalls = 256;

    internal fixed ulong Gpr[20];
    internal ulong Rip;

    /// <summary>The flags but for the six arithmetic ones, which <see cref="Flags"/> keeps unevaluated.</summary>
    internal ulong SystemFlags;

    internal ulong FlagA;
    internal ulong FlagB;
    internal ulong FlagOverride;
    internal uint FlagKind;
    internal uint ReturnTop;

    /// <summary>Instructions left; charged where control is transferred.</summary>
    internal long Budget;

    /// <summary>Instructions that belong to the budget and are held back, so that the processor's loop comes to look around.</summary>
    internal long Withheld;

    /// <summary>How far down the host's stack translated code may nest its calls.</summary>
    internal ulong StackLimit;

    /// <summary><see cref="GuestMemory.WindowStart"/>, where translated code finds it without a constant of 8 bytes.</summary>
    internal ulong WindowStart;

    internal ulong KernelGsBase, Cr0, Cr2, Cr3, Cr4, Cr8, Efer;
    internal fixed ulong Debug[8];
    internal fixed ulong Tables[8]; // GDTR base, limit; IDTR base, limit; LDTR, TR selectors
    internal fixed ushort Segments[6]; // ES CS SS DS FS GS
    internal uint Mxcsr;
    internal ushort FpuControl, FpuStatus;
    internal int Privilege;

    /// <summary>Not zero while one instruction runs with the shadow, or SMAP, ignored.</summary>
    internal byte IgnoreShadow, IgnoreSmap;

    // An access that is not contiguous in the host goes through Bounce and is written back by the handler.
    internal int BounceSize, BounceFirst;
    internal byte* BounceLow;
    internal byte* BounceHigh;

    // Why the chain of handlers ended.
    internal CpuExitKind ExitKind;
    internal int ExitVector, ExitSize;
    internal uint ExitError;
    internal ulong ExitAddress;
    internal byte ExitWrite, ExitShadow, ExitSoftware;

    /// <summary>The jump that left the chain because its target was not decoded yet; the loop fills it in.</summary>
    internal Op* Patch;

    /// <summary>Which op is at an address, of those that control may arrive at.</summary>
    internal AddressTable Entries;

    internal Op* Ops;

    /// <summary>What entries of <see cref="Returns"/> hold that remember no call: a guest that returns to 0 takes it.</summary>
    internal Op* Nowhere;

    /// <summary>Where hot handlers hand over: see <see cref="Handlers.Prepare"/>.</summary>
    internal nint General, GeneralReturn, GeneralCall, GeneralJumpIndirect, GeneralCallIndirect;

    /// <summary>The target of an indirect transfer.</summary>
    internal ulong To;

    internal nint Owner;

    internal XmmRegisters Xmm;
    internal Vector128<byte> Bounce0, Bounce1, Bounce2, Bounce3;
    internal ReturnRing Returns;
    internal CallTargets Calls;

    internal static void ForgetReturns(CpuRecord* c)
    {
        foreach (ref var entry in (Span<ReturnEntry>)c->Returns)
            entry = new ReturnEntry { Op = c->Nowhere };
    }

    internal readonly Cpu Cpu => Unsafe.As<Cpu>(GCHandle.FromIntPtr(Owner).Target!);

    [InlineArray(16)]
    internal struct XmmRegisters
    {
        private Vector128<byte> _first;
    }

    [InlineArray(RememberedCalls)]
    internal struct CallTargets
    {
        private CallTarget _first;
    }

    [InlineArray(ReturnDepth)]
    internal struct ReturnRing
    {
        private ReturnEntry _first;
    }
}

/// <summary>Where an indirect call went.</summary>
internal struct CallTarget
{
    internal ulong Rip;
    internal ulong Target;
}

/// <summary>A call that has not returned: where it will, and the decoded instruction there.</summary>
internal unsafe struct ReturnEntry
{
    internal ulong Rip;
    internal Op* Op;
}
