using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Iced.Intel;

namespace Lkm.Machine;

// One floating-point number, in the low part of an SSE register. Info.Size is the source's, Info.Extra that of a general register that is the destination.
internal static unsafe partial class Handlers
{
    internal static Handler ScalarOf => &ScalarOp;

    private static nint ScalarOp(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        if (!ScalarStep(o, c, m, sh))
            return Abandon(o, c);
        o++;
        return ((Handler)o->Handler)(o, c, m, sh);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool ScalarStep(Op* o, CpuRecord* c, byte* m, byte* sh)
    {
        var mnemonic = MnemonicOf(o);
        int size = o->Info.Size;
        ulong source;
        if (Is(o, OpFlags.MemorySource) || mnemonic is Mnemonic.Cvtsi2ss or Mnemonic.Cvtsi2sd)
        {
            if (!Source(o, c, m, sh, size, out source))
                return false;
        }
        else
        {
            source = c->Xmm[o->S].AsUInt64()[0];
        }
        if (mnemonic is Mnemonic.Cvttss2si or Mnemonic.Cvtss2si or Mnemonic.Cvttsd2si or Mnemonic.Cvtsd2si)
        {
            var truncates = mnemonic is Mnemonic.Cvttss2si or Mnemonic.Cvttsd2si;
            SetRegister(c, o->D, o->Info.Extra, false, ScalarOperations.ToInteger(Number(source, size), o->Info.Extra, truncates));
            return true;
        }
        ref var to = ref c->Xmm[o->D];
        if (mnemonic is Mnemonic.Ucomiss or Mnemonic.Comiss or Mnemonic.Ucomisd or Mnemonic.Comisd)
            Flags.Replace(c, Flags.Arithmetic, ScalarOperations.Compare(Number(to.AsUInt64()[0], size), Number(source, size)));
        else if (mnemonic is Mnemonic.Cvtsi2ss)
            to = to.AsSingle().WithElement(0, size == 4 ? (float)(int)source : (float)(long)source).AsByte();
        else if (mnemonic is Mnemonic.Cvtsi2sd)
            to = to.AsDouble().WithElement(0, size == 4 ? (int)source : (double)(long)source).AsByte();
        else if (mnemonic is Mnemonic.Cvtss2sd)
            to = to.AsDouble().WithElement(0, Number(source, size)).AsByte();
        else if (mnemonic is Mnemonic.Cvtsd2ss)
            to = to.AsSingle().WithElement(0, (float)Number(source, size)).AsByte();
        else if (size == 4)
            to = to.AsUInt32().WithElement(0, ScalarOperations.Single(mnemonic, to.AsUInt32()[0], (uint)source)).AsByte();
        else
            to = to.AsUInt64().WithElement(0, ScalarOperations.Double(mnemonic, to.AsUInt64()[0], source)).AsByte();
        return true;
    }

    private static double Number(ulong bits, int size) => size == 4 ? BitConverter.UInt32BitsToSingle((uint)bits) : BitConverter.UInt64BitsToDouble(bits);
}
