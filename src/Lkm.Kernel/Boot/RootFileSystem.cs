using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Boot;

/// <summary>
/// What an initramfs holds, and what its first script does: directories, programs, and the file systems that user space expects, mounted through
/// the image's own init_mkdir() and init_mount() (fs/init.c) on the rootfs that mnt_init() made.
/// </summary>
internal sealed class RootFileSystem(Cpu cpu, GuestMemory memory, KernelImage image, GuestCalls calls)
{
    private static readonly (string Path, uint Mode)[] Directories =
    [
        ("/proc", 0x1ed), ("/sys", 0x1ed), ("/dev", 0x1ed), ("/tmp", 0x3ff), ("/mnt", 0x1ed), ("/root", 0x1c0), ("/etc", 0x1ed), ("/bin", 0x1ed), ("/usr", 0x1ed),
    ];

    private static readonly (string Target, string Link)[] Links = [("bin", "/sbin"), ("../bin", "/usr/bin"), ("../bin", "/usr/sbin")];

    /// <summary>A type that the kernel lacks is passed over: not every configuration has them all.</summary>
    private static readonly (string Type, string Path)[] Mounts =
    [
        ("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/tmp"), ("debugfs", "/sys/kernel/debug"),
        ("tracefs", "/sys/kernel/tracing"), ("configfs", "/sys/kernel/config"),
    ];

    /// <summary>Makes the programs: one file, as busybox's, and a link for each name.</summary>
    /// <param name="file">What the file holds.</param>
    /// <param name="names">The programs.</param>
    public async GuestTask Install(byte[] file, IEnumerable<string> names)
    {
        const string program = "/bin/busybox";
        const ulong createToWrite = 0x41, mode = 0x1ed; // O_CREAT | O_WRONLY
        using (var scratch = new StackScratch(cpu, memory))
        {
            var opened = await calls.Call(image.Symbol("filp_open"), scratch.Take(program), createToWrite, mode);
            var bytes = scratch.Take(file.Length);
            file.CopyTo(memory.Span(bytes, file.Length));
            await calls.Call(image.Symbol("kernel_write"), opened, bytes, (ulong)file.Length, scratch.Take(sizeof(ulong)));
            await calls.Call(image.Symbol("filp_close"), opened, 0);
            await calls.Call(image.Symbol("task_work_run")); // process 1 never returns to user mode, where it would be closed; until then it cannot be executed
        }

        foreach (var (target, link) in Links)
            await Link(target, link);
        foreach (var name in names)
            await Link("busybox", $"/bin/{name}");
    }

    private async GuestTask Link(string target, string link)
    {
        using var scratch = new StackScratch(cpu, memory);
        await calls.Call(image.Symbol("init_symlink"), scratch.Take(target), scratch.Take(link));
    }

    public async GuestTask Mount()
    {
        foreach (var (path, mode) in Directories)
        {
            using var scratch = new StackScratch(cpu, memory);
            await calls.Call(image.Symbol("init_mkdir"), scratch.Take(path), mode);
        }

        foreach (var (type, path) in Mounts)
        {
            using var scratch = new StackScratch(cpu, memory);
            var name = scratch.Take(type);
            await calls.Call(image.Symbol("init_mount"), name, scratch.Take(path), name);
        }
    }
}
