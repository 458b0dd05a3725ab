using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Lkm.Machine;
using Lkm.Machine.Translation;

namespace Lkm.Benchmarks;

/// <summary>The C workloads: built once for the host and once at a kernel's address.</summary>
internal sealed class Workloads : ICpuEnvironment, ICodeMap, IDisposable
{
    private const ulong Text = 0xFFFF_FFFF_8100_0000;
    private const ulong Arena = GuestMemory.WindowStart + (1 << 30);
    private const ulong ArenaSize = 1 << 20;
    private const ulong Stack = Arena + (16 << 20);
    private const ulong Done = Text - 0x1000;

    private readonly string _folder = Directory.CreateTempSubdirectory("lkm-bench").FullName;
    private readonly Dictionary<string, ulong> _symbols = [];
    private byte[] _image = [];
    private ulong[] _functions = [];

    public ulong TimestampCounter => 0;

    internal static Workloads Build()
    {
        var workloads = new Workloads();
        var sources = Path.Combine(AppContext.BaseDirectory, "workloads");
        var folder = workloads._folder;
        const string Kernel = "-O2 -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mno-sse -mno-mmx -mno-80387 -fno-stack-protector "
            + "-fno-asynchronous-unwind-tables -fcf-protection=none -fno-tree-loop-distribute-patterns";
        const string Sanitized = "-fsanitize=kernel-address -fasan-shadow-offset=0x7fff8000 --param asan-stack=0 --param asan-globals=0 "
            + "--param asan-instrumentation-with-call-threshold=100000"; // inline, as KASAN_INLINE
        var code = Path.Combine(folder, "workloads.o");
        Run("gcc", $"{Kernel} -c {sources}/workloads.c -o {code}");
        Run("gcc", $"-O2 -fno-pie -no-pie -static {sources}/native.c {code} -o {folder}/native");
        Run("gcc", $"{Kernel} {Sanitized} -c {sources}/workloads.c -o {folder}/kasan.o");
        Run("gcc", $"-O2 -fno-pie -no-pie -static {sources}/native.c {sources}/kasan.c {folder}/kasan.o -o {folder}/kasan");
        Run("gcc", $"{Kernel} -c {sources}/machine.c -o {folder}/machine.o");
        Run("gcc", $"-c {sources}/machine.S -o {folder}/start.o");
        Run("ld", $"-z noexecstack -T {sources}/machine.ld {folder}/start.o {folder}/machine.o {code} -o {folder}/machine64");
        Run("objcopy", $"-O elf32-i386 {folder}/machine64 {folder}/machine");
        Run("ld", $"-Ttext={Text:x} --oformat=binary -e 0 {code} -o {folder}/image");
        Run("ld", $"-Ttext={Text:x} -e 0 {code} -o {folder}/elf");
        workloads._image = File.ReadAllBytes(Path.Combine(folder, "image"));
        foreach (var line in Run("nm", Path.Combine(folder, "elf")).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var parts = line.Split(' ');
            workloads._symbols[parts[^1]] = ulong.Parse(parts[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        }
        workloads._functions = [.. workloads._symbols.Values.Where(a => a >= Text && a < Text + (ulong)workloads._image.Length).Distinct().Order()];
        return workloads;
    }

    internal static string? Find(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':')
        .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    /// <summary>How many rounds take about 50 ms natively.</summary>
    internal long Calibrate(string name)
    {
        for (var rounds = 1L; ; rounds *= 2)
        {
            if (Native("native", null, name, rounds).Time.TotalMilliseconds >= 25)
                return 2 * rounds;
        }
    }

    /// <summary>Processor time of the workload as a process of this host (native), of the sanitized build (kasan), or under an emulator.</summary>
    internal (ulong Sum, TimeSpan Time) Native(string program, string? emulator, string name, long rounds)
    {
        var path = Path.Combine(_folder, program);
        var answer = emulator is null ? Run(path, $"{name} {rounds}") : Run(emulator, $"{path} {name} {rounds}");
        var parts = answer.Split(' ');
        return (Hexadecimal(parts[0]), TimeSpan.FromMicroseconds(double.Parse(parts[1], CultureInfo.InvariantCulture) / 1000));
    }

    /// <summary>Processor time of the workload on QEMU's bare machine (TCG), less that of a run of no rounds.</summary>
    internal (ulong Sum, TimeSpan Time) System(string qemu, string name, long rounds)
    {
        var (_, start) = Boot(0);
        var (sum, all) = Boot(rounds);
        return (sum, all - start);

        (ulong, TimeSpan) Boot(long n)
        {
            var before = ChildrenTime();
            var answer = Run(qemu, $"-accel tcg -m 64 -display none -monitor none -serial stdio -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=1 "
                + $"-kernel {_folder}/machine -append \"{name} {n}\"", success: 1);
            return (Hexadecimal(answer.Trim()), ChildrenTime() - before);
        }
    }

    private static ulong Hexadecimal(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    // getrusage(RUSAGE_CHILDREN): user and system time of the processes that have ended.
    private static TimeSpan ChildrenTime()
    {
        var usage = new long[18];
        _ = ResourceUsage(-1, usage);
        return TimeSpan.FromSeconds(usage[0] + usage[2]) + TimeSpan.FromMicroseconds(usage[1] + usage[3]);
    }

    [DllImport("libc", EntryPoint = "getrusage")]
    private static extern int ResourceUsage(int who, long[] usage);

    [DllImport("libc", EntryPoint = "clock_gettime")]
    private static extern int ClockTime(int clock, long[] time);

    // CLOCK_THREAD_CPUTIME_ID: what the translator's thread does is not the guest's time.
    private static TimeSpan ThreadTime()
    {
        var time = new long[2];
        _ = ClockTime(3, time);
        return TimeSpan.FromSeconds(time[0]) + TimeSpan.FromMicroseconds(time[1] / 1000.0);
    }

    internal (ulong Sum, TimeSpan Time, long Instructions) Machine(string name, long rounds, TranslationOptions options)
    {
        using var memory = GuestMemory.Create();
        _image.CopyTo(memory.Span(Text, _image.Length));
        memory.SetAccess(Text - 0x1000, (ulong)_image.Length + 0x2000, Shadow.ReadOnly);
        memory.SetAccess(Arena, ArenaSize, Shadow.Accessible);
        memory.SetAccess(Stack - 0x10000, 0x10000, Shadow.Accessible);
        using var cpu = new Cpu(memory, this, options) { CodeMap = this };
        cpu.Hook(Done);
        Call(cpu, memory, name, 1);
        memory.Clear(Arena, ArenaSize);
        if (options.Engine != Engine.Interpreter) // as after some time
        {
            var units = -1;
            for (var same = 0; same < 3;) // until nothing new is found for a while, which takes longer on a busy machine
            {
                same = units == cpu.TranslatedUnits ? same + 1 : 0;
                units = cpu.TranslatedUnits;
                Call(cpu, memory, name, rounds / 4);
                Thread.Sleep(150);
                memory.Clear(Arena, ArenaSize);
            }
        }
        var before = cpu.Instructions;
        var start = ThreadTime(); // wall time says more about the neighbours
        var sum = Call(cpu, memory, name, rounds);
        return (sum, ThreadTime() - start, cpu.Instructions - before);
    }

    private ulong Call(Cpu cpu, GuestMemory memory, string name, long rounds)
    {
        cpu.Rsp = Stack - 8;
        memory.WriteUInt64(cpu.Rsp, Done);
        cpu.Rip = _symbols["work_" + name];
        cpu.Rdi = Arena;
        cpu.Rsi = (ulong)rounds;
        var exit = cpu.Run(long.MaxValue / 2);
        if (exit.Kind != CpuExitKind.Hook)
            throw new InvalidOperationException($"{name}: {exit} at {cpu.Rip:x16} {cpu.UnsupportedInstruction}");
        return cpu.Rax;
    }

    public bool TryGetFunction(ulong address, out ulong start, out ulong end)
    {
        var at = Array.BinarySearch(_functions, address);
        at = at >= 0 ? at : ~at - 1;
        (start, end) = at < 0 ? (0, 0) : (_functions[at], at + 1 < _functions.Length ? _functions[at + 1] : Text + (ulong)_image.Length);
        return at >= 0 && address < Text + (ulong)_image.Length;
    }

    private static string Run(string program, string arguments, int success = 0)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, StandardOutputEncoding = Encoding.Latin1 })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == success ? output : throw new InvalidOperationException($"{program} {arguments}: exit code {process.ExitCode}");
    }

    public uint In(ushort port, int size) => 0;

    public void Out(ushort port, int size, uint value)
    {
    }

    public bool TryReadMsr(uint msr, out ulong value)
    {
        value = 0;
        return false;
    }

    public bool TryWriteMsr(uint msr, ulong value) => false;

    public CpuidResult Cpuid(uint leaf, uint subleaf) => default;

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
