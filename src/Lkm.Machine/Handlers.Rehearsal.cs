namespace Lkm.Machine;

internal static unsafe partial class Handlers
{
    /// <summary>
    /// Calls handlers once for nothing, so that the run time has got them ready when the guest needs them: each is a method of its own, looked up
    /// in the compiled image at its first call. The record and the ops are scratch: no address that they make lies in the window, and there is no budget.
    /// </summary>
    /// <param name="handlers">Of <see cref="Lowering"/>'s own choice; the general ones know processors and memory.</param>
    internal static void Rehearse(IEnumerable<ulong> handlers)
    {
        const int longest = 4; // ops that one handler looks at, and the one after them
        const ulong outside = 1 << 20; // and what is pushed below it is outside of the window too
        var record = (CpuRecord*)HostMemory.Reserve((ulong)sizeof(CpuRecord));
        record->General = record->GeneralReturn = record->GeneralCall = record->GeneralJumpIndirect = record->GeneralCallIndirect = (nint)Finish;
        var ops = stackalloc Op[longest];
        foreach (var handler in handlers)
        {
            for (var register = 0; register < CpuRecord.Zero; register++)
                record->Gpr[register] = outside;
            for (var i = 0; i < longest; i++)
                ops[i] = new Op { Handler = (nint)Finish, B = CpuRecord.Zero, X = CpuRecord.Zero };
            ((Handler)handler)(ops, record, null, null);
        }

        HostMemory.Unmap((byte*)record, (ulong)sizeof(CpuRecord));
    }
}
