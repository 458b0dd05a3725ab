using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Scheduling;

namespace Lkm.Kernel;

public sealed partial class UserModeKernel
{
    /// <summary>Catches the calls of all functions that C# implements.</summary>
    private void InstallFunctions()
    {
        Func<string, ulong> find = Image.SymbolOrZero;
        foreach (var subsystem in Subsystems)
            Functions.Install(subsystem, find);
        Functions.Install(Context, find);
        Functions.Install(new SpinningLocks(this) { Found = Faults.Note }, find);
        Functions.InstallAt(HookAddresses.Thread, Threads, "lkm_thread");
        Functions.InstallAt(HookAddresses.Init, Init, "lkm_init");
    }
}
