using System.Globalization;
using Lkm.Benchmarks;
using Lkm.Machine.Translation;

// Time of kernel-like loops in both tiers of the machine, in QEMU's emulations of the processor and in a build that checks accesses as the
// kernel's address sanitizer does, each relative to the host's processor, all in one run. Processor time throughout, the least of three samples
// that are taken in turns: on a machine that is shared, one alone says as much about the neighbours.
// Usage: Lkm.Benchmarks [WORKLOAD...] [translator] [interpreter] [kasan] [qemu-user] [qemu-system]: all of what none is named of.
// Or: Lkm.Benchmarks again MODULE: how long the guest's part of `lkm run MODULE` takes.
if (args is ["again", var module])
    return RunAgain.Run(module);
string[] all = ["crc32", "sha256", "lz", "lists", "sort", "strings", "memcpy", "fib"];
string[] wanted = [.. args.Except(all)];
string[] names = args.Length > wanted.Length ? [.. args.Intersect(all)] : all;
var interpreter = new TranslationOptions { Engine = Engine.Interpreter };
var translator = new TranslationOptions { Engine = Engine.Mixed, FirstAfter = 0, WorthExecutions = 100 };
using var build = Workloads.Build();
var columns = new List<(string Name, Func<string, long, (ulong Sum, TimeSpan Time)> Run)>
{
    ("translator", (name, rounds) => Machine(name, rounds, translator)),
    ("interpreter", (name, rounds) => Machine(name, rounds, interpreter)),
    ("kasan", (name, rounds) => build.Native("kasan", null, name, rounds)),
};
if (Workloads.Find("qemu-x86_64") is { } user)
    columns.Add(("qemu-user", (name, rounds) => build.Native("native", user, name, rounds)));
if (Workloads.Find("qemu-system-x86_64") is { } system)
    columns.Add(("qemu-system", (name, rounds) => build.System(system, name, rounds)));
if (wanted.Length > 0)
    columns.RemoveAll(column => !wanted.Contains(column.Name));

Console.WriteLine($"{"",-8} {"native",10} " + string.Join(' ', columns.Select(column => $"{column.Name,12}")));
var sums = new double[columns.Count];
foreach (var name in names)
{
    var rounds = build.Calibrate(name);
    var best = new TimeSpan[columns.Count + 1]; // native first
    Array.Fill(best, TimeSpan.MaxValue);
    for (var sample = 0; sample < 3; sample++)
    {
        var (expected, native) = build.Native("native", null, name, rounds);
        Keep(0, native);
        for (var n = 0; n < columns.Count; n++)
        {
            var (sum, time) = columns[n].Run(name, rounds);
            if (sum != expected)
                throw new InvalidOperationException($"{name}, {columns[n].Name}: {sum:x}, natively {expected:x}");
            Keep(n + 1, time);
        }
    }

    var line = string.Create(CultureInfo.InvariantCulture, $"{name,-8} {best[0].TotalMilliseconds,7:f1} ms");
    for (var n = 0; n < columns.Count; n++)
    {
        var ratio = best[n + 1] / best[0];
        sums[n] += Math.Log(ratio);
        line += string.Create(CultureInfo.InvariantCulture, $" {ratio,12:f2}");
    }

    void Keep(int column, TimeSpan time) => best[column] = time < best[column] ? time : best[column];
    Console.WriteLine(line);
}
Console.WriteLine($"{"geometric mean",-19} " + string.Join(' ', sums.Select(sum =>
    Math.Exp(sum / names.Length).ToString("f2", CultureInfo.InvariantCulture).PadLeft(12))));
return 0;

(ulong, TimeSpan) Machine(string name, long rounds, TranslationOptions options)
{
    var (sum, time, _) = build.Machine(name, rounds, options);
    return (sum, time);
}
