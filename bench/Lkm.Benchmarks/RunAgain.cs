using System.Diagnostics;
using System.Globalization;
using Lkm.Distribution;
using Lkm.Kernel;
using Lkm.Kernel.Sessions;

namespace Lkm.Benchmarks;

/// <summary>
/// The same run many times in one process, each in a fresh kernel. What the first takes longer than the others is the run time that gets types and
/// methods ready; what the others take for loading, unloading and looking for leaks is the guest, with the kernel core that it calls.
/// </summary>
internal static class RunAgain
{
    private const int Rounds = 60;

    /// <summary>Prints milliseconds: the least of the later rounds' work on the module.</summary>
    public static int Run(string module)
    {
        var cache = LkmCache.FromEnvironment();
        var kernel = new KernelLocator(cache).Locate();
        if (!kernel.Succeeded)
            throw new InvalidOperationException(kernel.Error);
        var times = new List<double>();
        for (var round = 0; round < Rounds; round++)
        {
            using var session = new KernelSession(UserModeKernel.Start(new KernelOptions(kernel.Value.ImagePath, cache.Root)).Value, null);
            var watch = Stopwatch.StartNew();
            var loaded = session.Load(module, "");
            if (!loaded.Result.Succeeded)
                throw new InvalidOperationException(loaded.Result.Explanation);
            session.Unload(loaded.Result.Name);
            session.CheckForLeaks();
            if (round >= Rounds / 3)
                times.Add(watch.Elapsed.TotalMilliseconds);
        }
        times.Sort();
        Console.WriteLine(times[0].ToString("f2", CultureInfo.InvariantCulture));
        return 0;
    }
}
