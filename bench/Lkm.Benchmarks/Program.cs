using System.Globalization;
using Lkm.Benchmarks;
using Lkm.Machine.Translation;

// Time of kernel-like loops on the machine, relative to the host's processor and to QEMU's emulation of it, all in one run.
// Usage: Lkm.Benchmarks [WORKLOAD...]
string[] names = args.Length > 0 ? args : ["crc32", "sha256", "lz", "lists", "sort", "strings", "memcpy", "fib"];
using var build = Workloads.Build();
var qemu = Workloads.Find("qemu-x86_64");
Console.WriteLine($"{"",-8} {"native",9} {"lkm",9} {"ratio",6} {"M/s",6} {(qemu is null ? "" : "qemu"),9} {(qemu is null ? "" : "ratio"),6}");
var (ours, theirs) = (0.0, 0.0);
foreach (var name in names)
{
    var rounds = build.Calibrate(name);
    var (expected, native) = build.Native(null, name, rounds);
    var (actual, machine, instructions) = build.Machine(name, rounds, TranslationOptions.FromEnvironment() with { FirstAfter = 0, WorthExecutions = 100 });
    if (actual != expected)
        throw new InvalidOperationException($"{name}: {actual:x}, natively {expected:x}");
    var line = string.Create(CultureInfo.InvariantCulture,
        $"{name,-8} {native.TotalMilliseconds,6:f1} ms {machine.TotalMilliseconds,6:f0} ms {machine / native,6:f1} {instructions / machine.TotalMicroseconds,6:f0}");
    ours += Math.Log(machine / native);
    if (qemu is not null)
    {
        var (_, emulated) = build.Native(qemu, name, rounds);
        theirs += Math.Log(emulated / native);
        line += string.Create(CultureInfo.InvariantCulture, $" {emulated.TotalMilliseconds,6:f0} ms {emulated / native,6:f1}");
    }
    Console.WriteLine(line);
}
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"geometric mean: lkm {Math.Exp(ours / names.Length):f2} times native")
    + (qemu is null ? "; qemu-x86_64 is not here (Debian: apt install qemu-user)"
        : string.Create(CultureInfo.InvariantCulture, $", qemu-x86_64 {Math.Exp(theirs / names.Length):f2}")));
