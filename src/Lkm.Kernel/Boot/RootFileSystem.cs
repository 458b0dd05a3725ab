using Lkm.Kernel.Functions;
using Lkm.Machine;

namespace Lkm.Kernel.Boot;

/// <summary>
/// What an initramfs's first script does: directories, and the file systems that user space expects, mounted through the image's own
/// init_mkdir() and init_mount() (fs/init.c) on the rootfs that mnt_init() made.
/// </summary>
internal sealed class RootFileSystem(Cpu cpu, GuestMemory memory, KernelImage image, GuestCalls calls)
{
    private static readonly (string Path, uint Mode)[] Directories =
    [
        ("/proc", 0x1ed), ("/sys", 0x1ed), ("/dev", 0x1ed), ("/tmp", 0x3ff), ("/mnt", 0x1ed), ("/root", 0x1c0), ("/etc", 0x1ed),
    ];

    /// <summary>A type that the kernel lacks is passed over: not every configuration has them all.</summary>
    private static readonly (string Type, string Path)[] Mounts =
    [
        ("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/tmp"), ("debugfs", "/sys/kernel/debug"),
        ("tracefs", "/sys/kernel/tracing"), ("configfs", "/sys/kernel/config"),
    ];

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
