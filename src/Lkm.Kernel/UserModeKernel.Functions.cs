using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel;

public sealed partial class UserModeKernel
{
    /// <summary>Catches the calls of all functions that C# implements.</summary>
    private void InstallFunctions()
    {
        Func<string, ulong> find = Image.SymbolOrZero;
        foreach (var subsystem in Subsystems)
            Functions.Install(subsystem, find);
        Functions.InstallAt(HookAddresses.Thread, Threads, "lkm_thread");
        Functions.InstallAt(HookAddresses.Init, Init, "lkm_init");
    }
}
