using Lkm.Formats;
using Lkm.Formats.Btf;
using Lkm.Formats.Kallsyms;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Sessions;
using Lkm.Kernel.Snapshots;
using Lkm.Kernel.Symbols;
using Lkm.Machine;
using Lkm.Modules.Host;
using ImageFile = Lkm.Formats.Images.KernelImage;

namespace Lkm.Kernel;

/// <summary>What a kernel is started with.</summary>
/// <param name="ImagePath">The kernel image: a bzImage (vmlinuz) or an ELF file (vmlinux).</param>
/// <param name="CacheDirectory">Where booted kernels are kept.</param>
public sealed record KernelOptions(string ImagePath, string CacheDirectory)
{
    /// <summary>Bytes of memory that the page allocator has: a multiple of 128 MiB, at most <see cref="AddressSpace.MaximumRam"/>.</summary>
    public ulong RamSize { get; init; } = 1UL << 30;

    /// <summary>Told how the first boot of a kernel gets on.</summary>
    public Action<BootProgress>? Progress { get; init; }
}

public sealed partial class UserModeKernel
{
    private const string MemoryFile = "memory";
    private const string StateFile = "state";
    private const string SymbolsFile = "symbols";

    private ImageTypes? _types;
    private string? _snapshot;
    private CodeAhead? _codeAhead;

    /// <summary>
    /// Whether the image's type information had to be read. That takes a good part of a warm start, so the snapshot is to hold what is used.
    /// </summary>
    internal bool HasReadTypes => _types is { AreRead: true };

    /// <summary>
    /// Starts a kernel: from the snapshot of an earlier boot, mapped copy-on-write, or by booting the image and making that
    /// snapshot. Both end in the same state, as the boot itself goes on from the snapshot.
    /// </summary>
    /// <exception cref="KernelMismatchException">The image is of a kernel that lkm cannot run.</exception>
    /// <exception cref="GuestStoppedException">The boot could not be finished.</exception>
    public static Result<UserModeKernel> Start(KernelOptions options)
    {
        var store = new SnapshotStore(options.CacheDirectory, MemoryFile);
        if (store.Find(options.ImagePath, options.RamSize) is { } known && TryRestore(known, options.RamSize) is { } kept)
            return kept;
        if (!ImageFile.Read(options.ImagePath).TryGet(out var file, out var error))
            return error;
        if (!KallsymsReader.Read(file).TryGet(out var symbols, out error))
            return error;
        using var kernel = Boot(file, symbols, options);
        var folder = store.Add(options.ImagePath, file.BuildId, options.RamSize, path => kernel.Save(path, symbols));
        return Restore(folder, options.RamSize);
    }

    private static UserModeKernel Boot(ImageFile file, SymbolTable symbols, KernelOptions options)
    {
        var memory = GuestMemory.Create();
        var image = new KernelImage(new ImageSymbols(symbols), new ImageTypes(() => BtfTypes.Read(file.Elf).Value));
        ImageLoader.Load(memory, file.Elf, image);
        var kernel = new UserModeKernel(memory, image, options.RamSize);
        EarlyState.SetUpCpu(kernel.Cpu, image, kernel.PerCpu);
        kernel.Board.LocalApic.Reset();
        EarlyState.Write(memory, image, kernel.PerCpu, options.RamSize);
        kernel.MemoryProtection.Initialize(image, options.RamSize);
        kernel.Pages.InitializeNode();
        kernel.Slab.CreateBootCaches();
        kernel.PerCpuMemory.Initialize(image);
        kernel.InstallFunctions();
        var boot = new ColdBoot(kernel, options.Progress);
        _ = boot.Run();
        kernel.RunUntilIdle(() => boot.IsFinished);
        kernel.Modules.LearnLayouts();
        kernel.Rehearse();
        return kernel;
    }

    /// <summary>Lets a process come and go, so that the snapshot holds the layouts which that needs, and the kernel has done once what each run does.</summary>
    private void Rehearse()
    {
        var rehearsal = new ProcessRunner(this).Run("init", async process => await process.SystemCall("getpid"));
        if (!rehearsal.Finished)
            throw new KernelMismatchException("this kernel cannot run a process");
    }

    /// <summary>Writes the snapshot of a kernel at rest. Process 1 starts anew from it, with an empty stack; the idle task goes on where it halted.</summary>
    private void Save(string folder, SymbolTable symbols)
    {
        Scheduler.PrepareStart(Init.Task, HookAddresses.Init);
        File.WriteAllBytes(Path.Combine(folder, SymbolsFile), symbols.Blob.Span);
        using (var writer = new BinaryWriter(File.Create(Path.Combine(folder, StateFile))))
            KernelState.Save(writer, Image, Log, SnapshotStates);
        Memory.Save(Path.Combine(folder, MemoryFile));
    }

    /// <summary>Starts from a snapshot; null if another program has just removed it.</summary>
    private static UserModeKernel? TryRestore(string folder, ulong ramSize)
    {
        try
        {
            return Restore(folder, ramSize);
        }
        catch (IOException) when (!Directory.Exists(folder))
        {
            return null;
        }
    }

    private static UserModeKernel Restore(string folder, ulong ramSize)
    {
        var memory = GuestMemory.Restore(Path.Combine(folder, MemoryFile)); // from here on nobody removes the folder
        var ahead = new HintFile(folder, HintFile.Code).Open() is { } code
            ? new CodeAhead(memory, code, new HintFile(folder, HintFile.Pages).Open() ?? default, PrepareModules)
            : null;
        var symbols = SymbolTable.Open(MappedFile.Open(Path.Combine(folder, SymbolsFile))).Value;
        var types = new ImageTypes(() => ReadTypes(memory, symbols));
        var image = new KernelImage(new ImageSymbols(symbols), types);
        var state = HostProcess.ReadFile(Path.Combine(folder, StateFile), out var error)
            ?? throw new IOException($"{Path.Combine(folder, StateFile)}: {error.Message()}");
        using var reader = new BinaryReader(new MemoryStream(state, writable: false));
        KernelState.RestoreLayouts(reader, image);
        var kernel = new UserModeKernel(memory, image, ramSize, ahead) { _types = types, _snapshot = folder, _codeAhead = ahead };
        EarlyState.SetUpCpu(kernel.Cpu, image, kernel.PerCpu);
        KernelState.RestoreSubsystems(reader, kernel.Log, kernel.SnapshotStates);
        kernel.InstallFunctions();
        return kernel;
    }

    /// <summary>Keeps, decoded, what the first short run of a snapshot has executed, and which pages it has touched: most of it every run does.</summary>
    private void KeepHints()
    {
        const long shortRun = 20_000_000; // instructions
        if (_snapshot is null || _codeAhead is { IsUsable: true } || Cpu.Instructions is 0 or >= shortRun)
            return;
        var hints = Cpu.CodeHints(Image.Symbol("_stext"), Image.Symbol("_etext"));
        using var before = GuestMemory.Restore(Path.Combine(_snapshot, MemoryFile)); // this run may have changed code
        new HintFile(_snapshot, HintFile.Pages).Write(Memory.TouchedPages());
        new HintFile(_snapshot, HintFile.Code).Write(CodeAhead.Decode(before, hints));
    }

    /// <summary>The image keeps its type information in memory, for /sys/kernel/btf/vmlinux.</summary>
    private static BtfTypes ReadTypes(GuestMemory memory, SymbolTable symbols)
    {
        symbols.TryGetAddress("__start_BTF", out var start);
        symbols.TryGetAddress("__stop_BTF", out var end);
        return BtfTypes.Parse(memory.Span(start, (int)(end - start)).ToArray()).Value;
    }
}
