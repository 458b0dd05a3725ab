using System.Text;
using Lkm.Distribution;
using Lkm.Kernel.Boot;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Modules;
using Lkm.Kernel.Processes;
using Lkm.Kernel.Sessions;
using Lkm.Machine;

namespace Lkm.Kernel.Tests.Modules;

/// <summary>Debian's kernel, booted, and the test modules.</summary>
public sealed class KernelWithModules : IDisposable
{
    private readonly ProcessRunner _processes;

    /// <summary>Starts the kernel, from its snapshot where there is one.</summary>
    public KernelWithModules()
    {
        var cache = LkmCache.FromEnvironment();
        var source = new KernelLocator(cache).Locate(KernelLocator.Default).Value!;
        Kernel = UserModeKernel.Start(new KernelOptions(source.ImagePath, cache.PathOf("snapshots"))).Value;
        _processes = new ProcessRunner(Kernel);
        Files = new TestModules();
    }

    /// <summary>The kernel.</summary>
    public UserModeKernel Kernel { get; }

    /// <summary>The test modules.</summary>
    public TestModules Files { get; }

    /// <summary>Its module loader.</summary>
    public ModuleLoader Loader => Kernel.Modules;

    /// <summary>Loads a test module.</summary>
    public ModuleLoadResult Load(string file, string parameters = "", ModuleLoadFlags flags = ModuleLoadFlags.None) =>
        LoadBytes(Files[file], parameters, flags);

    /// <summary>Loads a file.</summary>
    public ModuleLoadResult LoadBytes(byte[] file, string parameters = "", ModuleLoadFlags flags = ModuleLoadFlags.None) =>
        _processes.Run("insmod", _ => Loader.Load(file, parameters, flags)).Result!;

    /// <summary>Unloads a module.</summary>
    public ModuleLoadResult Unload(string name, ModuleUnloadFlags flags = ModuleUnloadFlags.NonBlock) =>
        _processes.Run("rmmod", _ => Loader.Unload(name, flags)).Result!;

    /// <summary>Reads a file as a process of the guest does.</summary>
    public string ReadFile(string path) => _processes.Run("cat", process => Read(process, path)).Result!;

    /// <summary>Writes a file as a process of the guest does; waits a second, so that what it started is over.</summary>
    public void WriteFile(string path, string text) => Assert.Equal(text.Length, _processes.Run("write", process => Write(process, path, text)).Result);

    /// <summary>The names in a folder of the guest.</summary>
    public IReadOnlyList<string> ListFolder(string path) => _processes.Run("ls", process => List(process, path)).Result!;

    /// <summary>Loads a test module by finit_module(), from a file in the guest.</summary>
    public long LoadBySystemCall(string file, string parameters) =>
        _processes.Run("insmod", process => Insert(process, Files[file], parameters)).Result;

    /// <summary>Unloads a module by delete_module().</summary>
    public long UnloadBySystemCall(string name) => _processes.Run("rmmod", process => Delete(process, name)).Result;

    /// <summary>How many pages of module space may be touched.</summary>
    public int CountModulePages()
    {
        const ulong scanned = 64 << 20;
        var pages = 0;
        for (var page = AddressSpace.ModulesStart; page < AddressSpace.ModulesStart + scanned; page += AddressSpace.PageSize)
        {
            if (Kernel.Memory.ShadowAt(page) is not Shadow.Unmapped and < Shadow.Poison)
                pages++;
        }

        return pages;
    }

    /// <inheritdoc/>
    public void Dispose() => Kernel.Dispose();

    private static async GuestTask<string> Read(UserProcess process, string path)
    {
        var file = (ulong)await process.SystemCall("open", await process.Put(path));
        Assert.False((long)file < 0, $"{path}: {(long)file}");
        var text = new StringBuilder();
        while (await process.SystemCall("read", file, process.Buffer, 4096) is var length and > 0)
            text.Append(Encoding.UTF8.GetString(await process.Get(process.Buffer, (int)length)));
        await process.SystemCall("close", file);
        return text.ToString();
    }

    private static async GuestTask<long> Write(UserProcess process, string path, string text)
    {
        const ulong writeOnly = 1;
        var file = (ulong)await process.SystemCall("open", await process.Put(path), writeOnly);
        Assert.False((long)file < 0, $"{path}: {(long)file}");
        var bytes = Encoding.UTF8.GetBytes(text);
        var written = await process.SystemCall("write", file, await process.Put(bytes), (ulong)bytes.Length);
        await process.SystemCall("close", file);
        const long seconds = 4;
        await process.SystemCall("nanosleep", await process.Put(BitConverter.GetBytes(seconds).Concat(new byte[8]).ToArray()));
        return written;
    }

    private static async GuestTask<long> Insert(UserProcess process, byte[] module, string parameters)
    {
        const ulong create = 0x42, readOnly = 0, mode = 0x180;
        const string path = "/lkm-test-module.ko";
        var file = (ulong)await process.SystemCall("open", await process.Put(path), create, mode);
        Assert.False((long)file < 0, $"{path}: {(long)file}");
        for (var at = 0; at < module.Length; at += 32768)
        {
            var length = Math.Min(32768, module.Length - at);
            var written = await process.SystemCall("write", file, await process.Put(module.AsMemory(at, length)), (ulong)length);
            Assert.Equal(length, written);
        }

        await process.SystemCall("close", file);
        file = (ulong)await process.SystemCall("open", await process.Put(path), readOnly);
        var result = await process.SystemCall("finit_module", file, await process.Put(parameters), 0);
        await process.SystemCall("close", file);
        await process.SystemCall("unlink", await process.Put(path));
        return result;
    }

    private static async GuestTask<long> Delete(UserProcess process, string name) =>
        await process.SystemCall("delete_module", await process.Put(name), (ulong)ModuleUnloadFlags.NonBlock);

    private static async GuestTask<IReadOnlyList<string>> List(UserProcess process, string path)
    {
        const ulong directory = 0x10000;
        var file = (ulong)await process.SystemCall("open", await process.Put(path), directory);
        Assert.False((long)file < 0, $"{path}: {(long)file}");
        var names = new List<string>();
        while (await process.SystemCall("getdents64", file, process.Buffer, 4096) is var length and > 0)
        {
            var entries = await process.Get(process.Buffer, (int)length);
            for (var at = 0; at < entries.Length; at += BitConverter.ToUInt16(entries, at + 16))
            {
                var name = entries.AsSpan(at + 19);
                names.Add(Encoding.UTF8.GetString(name[..name.IndexOf((byte)0)]));
            }
        }

        await process.SystemCall("close", file);
        return names;
    }
}
