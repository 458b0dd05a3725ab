using Lkm.Formats;
using Lkm.Kernel.Functions;
using Lkm.Kernel.Processes;

namespace Lkm.Kernel.Tests;

/// <summary>Guest processes as C# uses them: fork, wait, signals, memory shared and copied.</summary>
public class ProcessTests
{
    private const ulong Read = 1, Write = 2, Private = 2, Shared = 1, Anonymous = 0x20;

    [Fact]
    public void A_child_has_its_own_copy_of_private_memory_and_the_same_shared_memory()
    {
        using var session = BootedKernel.Start();
        var seen = session.Execute("fork", async process =>
        {
            var mine = await Map(process, Private | Anonymous);
            var ours = await Map(process, Shared | Anonymous);
            await process.TryWrite(mine, "parent"u8.ToArray());
            await process.TryWrite(ours, "parent"u8.ToArray());
            var pid = await process.Fork(async child =>
            {
                var before = await child.Get(mine, 6);
                await child.TryWrite(mine, "child!"u8.ToArray());
                await child.TryWrite(ours, "child!"u8.ToArray());
                return before.AsSpan().SequenceEqual("parent"u8) ? 7 : 1;
            });
            var (waited, status) = await process.Wait(pid);
            return (waited == pid, status >> 8, Text(await process.Get(mine, 6)), Text(await process.Get(ours, 6)));
        });
        Assert.Equal((true, 7, "parent", "child!"), seen.Result);
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void Children_are_seen_running_sleeping_stopped_and_dead()
    {
        using var session = BootedKernel.Start();
        var states = session.Execute("states", async process =>
        {
            var sleeper = await process.Fork(async child => (int)await child.SystemCall("pause"));
            var stopped = await process.Fork(async child => (int)await child.SystemCall("pause"));
            var zombie = await process.Fork(_ => GuestTask<int>.FromResult(3));
            await process.SystemCall("sched_yield");
            const ulong stop = 19, kill = 9;
            await process.SystemCall("kill", (ulong)stopped, stop);
            await Sleep(process, 10);
            var seen = "";
            foreach (var pid in (int[])[sleeper, stopped, zombie, (int)await process.SystemCall("getpid")])
                seen += await State(process, pid);
            await process.SystemCall("kill", (ulong)sleeper, kill);
            await process.SystemCall("kill", (ulong)stopped, kill);
            var (_, killed) = await process.Wait(sleeper);
            await process.Wait(stopped);
            var (_, exited) = await process.Wait(zombie);
            return (seen, killed & 0x7f, exited >> 8);
        });
        Assert.Equal(("STZR", 9, 3), states.Result);
    }

    [Fact]
    public void A_mapping_from_CSharp_is_the_file_s_own_memory()
    {
        using var session = BootedKernel.Start();
        Assert.Equal(0, session.Run("truncate -s 8192 /dev/shared").Status);
        var text = session.Execute("map", async process =>
        {
            const ulong readWrite = 2;
            var descriptor = (int)await process.SystemCall("open", await process.Put("/dev/shared"), readWrite);
            var mapped = await process.Map(descriptor, 0, 8192, writable: true);
            "from C#"u8.CopyTo(mapped.Value.Page(0));
            "page two"u8.CopyTo(mapped.Value.Page(1));
            var read = await process.SystemCall("pread64", (ulong)descriptor, process.Buffer, 7, 0);
            var first = Text(await process.Get(process.Buffer, (int)read));
            var bytes = await process.Put("by write"u8.ToArray());
            await process.SystemCall("pwrite64", (ulong)descriptor, bytes, 8, 4096);
            return (first, Text(mapped.Value.Page(1)[..8].ToArray()), await process.Unmap(mapped.Value));
        });
        Assert.Equal(("from C#", "by write", 0L), text.Result);
    }

    [Fact]
    public void A_mapping_past_the_end_of_a_file_is_refused_as_a_bus_error_would_be()
    {
        using var session = BootedKernel.Start();
        session.Run("truncate -s 4096 /dev/short");
        var error = session.Execute("map", async process =>
        {
            var descriptor = (int)await process.SystemCall("open", await process.Put("/dev/short"));
            return (await process.Map(descriptor, 0, 8192, writable: false)).Error?.Errno;
        });
        Assert.Equal(Errno.EFAULT, error.Result);
    }

    [Fact]
    public void A_page_can_be_shared_with_another_program_of_the_host()
    {
        using var session = BootedKernel.Start();
        session.Run("truncate -s 4096 /dev/shared");
        var shared = session.Execute("map", async process =>
        {
            const ulong readWrite = 2;
            var descriptor = (int)await process.SystemCall("open", await process.Put("/dev/shared"), readWrite);
            var mapped = (await process.Map(descriptor, 0, 4096, writable: true)).Value;
            var (file, offset) = mapped.ShareWithHost(0);
            using (var host = new FileStream($"/proc/self/fd/{file}", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
            {
                host.Position = offset;
                host.Write("from outside"u8);
            }

            return Text(mapped.Page(0)[..12].ToArray());
        });
        Assert.Equal("from outside", shared.Result);
    }

    [Fact]
    public void User_pointers_that_lead_nowhere_are_EFAULT()
    {
        using var session = BootedKernel.Start();
        var results = session.Execute("fault", async process =>
        {
            var descriptor = (ulong)await process.SystemCall("open", await process.Put("/proc/version"));
            return (await process.SystemCall("read", descriptor, 0x1000, 10), await process.SystemCall("read", descriptor, ulong.MaxValue - 100, 10));
        });
        Assert.Equal((-(long)Errno.EFAULT, -(long)Errno.EFAULT), results.Result);
        Assert.Empty(session.Findings);
    }

    [Fact]
    public void Commands_in_the_background_go_on_while_others_run()
    {
        using var session = BootedKernel.Start();
        Assert.Equal(0, session.Run("mknod /tmp/fifo p && cat /tmp/fifo > /tmp/out & sleep 1; echo through > /tmp/fifo; sleep 1").Status);
        Assert.Equal("through\n", session.Run("cat /tmp/out").Output);
    }

    [Fact]
    public void What_needs_a_module_that_cannot_be_loaded_on_demand_is_not_tried()
    {
        using var session = BootedKernel.Start();
        const int addressFamily = 38, sequencedPacket = 5, addressLength = 88; // AF_ALG, struct sockaddr_alg
        var address = new byte[addressLength];
        address[0] = addressFamily;
        "skcipher"u8.CopyTo(address.AsSpan(2));
        "cbc(camellia)"u8.CopyTo(address.AsSpan(24));
        var bound = session.Execute("alg", async process =>
        {
            var socket = await process.SystemCall("socket", addressFamily, sequencedPacket, 0);
            return await process.SystemCall("bind", (ulong)socket, await process.Put(address), addressLength);
        });
        var log = session.Kernel.Log.Since(0).Select(record => record.Text).ToArray();
        Assert.Equal(0, bound.Result);
        Assert.Equal(2, log.Count(text => text == "AVX or AES-NI instructions are not detected.")); // camellia_aesni_avx_x86_64: asked for, and as camellia_aesni_avx2 needs it
        Assert.DoesNotContain(log, text => text.Contains("Unknown symbol", StringComparison.Ordinal));
    }

    private static async GuestTask<ulong> Map(UserProcess process, ulong flags) =>
        (ulong)await process.SystemCall("mmap", 0, 4096, Read | Write, flags, ulong.MaxValue, 0);

    private static async GuestTask Sleep(UserProcess process, long milliseconds)
    {
        var time = new byte[16];
        BitConverter.TryWriteBytes(time.AsSpan(8), milliseconds * 1_000_000);
        await process.SystemCall("nanosleep", await process.Put(time));
    }

    private static async GuestTask<char> State(UserProcess process, int pid)
    {
        var descriptor = (ulong)await process.SystemCall("open", await process.Put($"/proc/{pid}/stat"));
        var length = await process.SystemCall("read", descriptor, process.Buffer, 200);
        var stat = Text(await process.Get(process.Buffer, (int)length));
        await process.SystemCall("close", descriptor);
        return stat[stat.LastIndexOf(')') + 2];
    }

    private static string Text(byte[] bytes) => System.Text.Encoding.UTF8.GetString(bytes);
}
