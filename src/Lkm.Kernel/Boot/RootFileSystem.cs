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

    private static readonly (string Target, string Link)[] Links = [("bin/busybox", "/init"), ("bin", "/sbin"), ("../bin", "/usr/bin"), ("../bin", "/usr/sbin")];

    private static readonly (string Path, string Text)[] Texts =
    [
        ("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"),
        ("/etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    ];

    /// <summary>A type that the kernel lacks is passed over: not every configuration has them all.</summary>
    private static readonly (string Type, string Path)[] Mounts =
    [
        ("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/tmp"), ("debugfs", "/sys/kernel/debug"),
        ("tracefs", "/sys/kernel/tracing"), ("configfs", "/sys/kernel/config"),
    ];

    /// <summary>Makes a file of /bin that is many programs, as busybox's and kmod's, and a link for each name.</summary>
    /// <param name="name">The file's name.</param>
    /// <param name="content">What it holds.</param>
    /// <param name="programs">The programs' names.</param>
    public async GuestTask Install(string name, byte[] content, IEnumerable<string> programs)
    {
        await Write($"/bin/{name}", 0x1ed, content);
        foreach (var program in programs)
            await Link(name, $"/bin/{program}");
    }

    /// <summary>Makes the lists of users and groups, and the links that programs and directories are also found by.</summary>
    public async GuestTask Configure()
    {
        foreach (var (path, text) in Texts)
            await Write(path, 0x1a4, System.Text.Encoding.ASCII.GetBytes(text));
        await calls.Call(image.Symbol("task_work_run")); // process 1 never returns to user mode, where files are closed; until then none can be executed
        foreach (var (target, link) in Links)
            await Link(target, link);
    }

    private async GuestTask Write(string path, ulong mode, byte[] content)
    {
        const ulong createToWrite = 0x41; // O_CREAT | O_WRONLY
        using var scratch = new StackScratch(cpu, memory);
        var opened = await calls.Call(image.Symbol("filp_open"), scratch.Take(path), createToWrite, mode);
        var bytes = scratch.Take(content.Length);
        content.CopyTo(memory.Span(bytes, content.Length));
        await calls.Call(image.Symbol("kernel_write"), opened, bytes, (ulong)content.Length, scratch.Take(sizeof(ulong)));
        await calls.Call(image.Symbol("filp_close"), opened, 0);
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
