using Lkm.Distribution;
using Lkm.Formats;
using Lkm.RealLinux;

// real-linux record TABLE                  runs the modules that TABLE names in real Linux, twice, and writes what they did into it
// real-linux run [+MODULE...] COMMAND...   runs shell commands in real Linux, with modules for modprobe to find
if (args is not (["record", _] or ["run", _, ..]))
{
    Console.Error.WriteLine("usage: real-linux record TABLE | real-linux run [+MODULE...] COMMAND...");
    return 2;
}
var locator = new KernelLocator(LkmCache.FromEnvironment(), Say);
Outcome<KernelSource> kernel = locator.Locate();
if (!kernel.Succeeded)
    return Fail(kernel.Error);
return args[0] == "record" ? Record(args[1]) : Run(args[1..]);

int Run(string[] words)
{
    string[] commands = [.. words.SkipWhile(word => word.StartsWith('+'))];
    var guest = new Guest(kernel.Value);
    if (guest.AddModules(words.TakeWhile(word => word.StartsWith('+')).Select(word => word[1..])) is { } error)
        return Fail(error);
    Outcome<IReadOnlyList<GuestResult>> run = guest.Run(commands, TimeSpan.FromMinutes(5));
    if (!run.Succeeded)
        return Fail(run.Error);
    foreach (GuestResult result in run.Value)
    {
        Console.WriteLine($"$ {result.Command}\n{result.Output}");
        foreach (GuestLogLine line in result.Log)
            Console.WriteLine($"[{line.Seconds,12:F6}] {line.Text}");
    }
    return run.Value.Count == commands.Length && run.Value[^1].Status == 0 ? 0 : 1;
}

int Record(string path)
{
    IReadOnlyList<ModuleOutcome> modules = ModuleTable.Read(File.ReadLines(path));
    var recorder = new ModuleRecorder(kernel.Value);
    Say($"running {modules.Count} modules in {kernel.Value.Version}, once and again in reverse order");
    Outcome<IReadOnlyList<ModuleOutcome>> first = recorder.Record(modules);
    if (!first.Succeeded)
        return Fail(first.Error);
    // One that cannot be unloaded keeps what it uses: it comes after those that it would disturb.
    HashSet<string> stuck = [.. first.Value.Where(outcome => outcome.Unload is { } unload && unload != Errno.OK).Select(outcome => outcome.Module)];
    modules = [.. modules.Where(module => !stuck.Contains(module.Module)), .. modules.Where(module => stuck.Contains(module.Module))];
    Outcome<IReadOnlyList<ModuleOutcome>> second = recorder.Record([.. modules.Where(module => !stuck.Contains(module.Module)).Reverse(), .. modules.Where(module => stuck.Contains(module.Module))]);
    if (!second.Succeeded)
        return Fail(second.Error);
    var steady = new List<ModuleOutcome>();
    foreach (ModuleOutcome module in modules)
    {
        ModuleOutcome? once = first.Value.FirstOrDefault(outcome => outcome.Module == module.Module);
        ModuleOutcome? again = second.Value.FirstOrDefault(outcome => outcome.Module == module.Module);
        if (once is not null && again is not null && once.SameAs(again))
            steady.Add(once);
        else
            Say($"left out, it is not the same each time:\n{ModuleTable.Write("once and again", new[] { once, again }.OfType<ModuleOutcome>())}");
    }
    File.WriteAllText(path, ModuleTable.Write(
        $"""
        What {kernel.Value.Version} did under QEMU (no devices) with modules of its own package: modprobe, then modprobe -r.
        Made by: dotnet run --project tests/Lkm.RealLinux -- record {Path.GetRelativePath(Environment.CurrentDirectory, path)}
        To add a module, write a line "module NAME" at the end and make it again. LEVEL| is a line of the log.
        """, steady));
    Say($"{steady.Count} modules, {steady.Count(module => module.Load == Errno.OK)} of them load");
    return 0;
}

static void Say(string line) => Console.Error.WriteLine($"real-linux: {line}");

static int Fail(string error)
{
    Say(error);
    return 1;
}
