using System.Diagnostics;
using Lkm.Distribution;

namespace Lkm.Cli.Tests;

/// <summary>A program outside of the kernel, in C, that has a module's memory: samples/zerocopy/client.c.</summary>
public sealed class SharedMemoryTests : IDisposable
{
    private readonly ResidentFixture _lkm = new();

    public void Dispose() => _lkm.Dispose();

    [Theory]
    [InlineData("/proc/zerocopy", "hello from the kernel")]
    [InlineData("/proc/zerocopy-vmalloc", "hello from the kernel")]
    [InlineData("/dev/zerocopy", "hello from the kernel")]
    public void A_program_outside_and_a_module_have_the_same_memory(string path, string greeting)
    {
        _lkm.Output("boot");
        _lkm.Output("insmod", Path.Combine(ResidentFixture.ModulesOf("zerocopy"), "zerocopy.ko"));
        using Process client = StartClient(path, "8192");
        Assert.Equal("8192 bytes are mapped", client.StandardOutput.ReadLine());
        Assert.Equal(greeting, client.StandardOutput.ReadLine());

        client.StandardInput.WriteLine("hello from outside");
        Assert.Equal("hello from outside", client.StandardOutput.ReadLine());
        Assert.StartsWith("hello from outside", _lkm.Output("sh", "-c", $"mmap {path} 0 4096 | head -c 18"));

        _lkm.Output("sh", "-c", $"mmap {path} 0 8192 -w 0:696e73696465 | true"); // "inside"
        client.StandardInput.WriteLine();
        Assert.Equal("insiderom outside", client.StandardOutput.ReadLine()!.Remove(6, 1));
        Assert.Contains("{map}", _lkm.Output("ps"));

        client.Kill();
        Assert.True(client.WaitForExit(Patience.Milliseconds(30_000)));
        ResidentKernelTests.WaitFor(() => !_lkm.Output("ps").Contains("{map}"));
        _lkm.Output("rmmod", "zerocopy");
        if (path == "/proc/zerocopy")
            Assert.Contains("the pages hold \"inside", _lkm.Output("dmesg"));
    }

    [Fact]
    public void A_mapping_that_the_guest_refuses_is_an_error_of_the_command()
    {
        _lkm.Output("boot");
        Assert.Contains("map: can't open '/proc/nope': No such file or directory", Refusal("/proc/nope", "4096"));
        Assert.Contains("map: /proc/version: ", Refusal("/proc/version", "4096"));
        Assert.Contains("a length of 1 to 134217728 bytes", Refusal("/proc/version", "0"));
        Assert.Contains("File name too long", Refusal("/" + new string('a', 5000), "4096"));
        _lkm.Output("lsmod");
    }

    private string Refusal(string path, string length)
    {
        using Process client = StartClient(path, length);
        string error = client.StandardError.ReadToEnd();
        Assert.True(client.WaitForExit(Patience.Milliseconds(30_000)));
        Assert.Equal(1, client.ExitCode);
        return error;
    }

    private Process StartClient(string path, string length)
    {
        string program = Path.Combine(_lkm.Folder, "client");
        if (!File.Exists(program))
        {
            HostCommandResult built = HostCommand.Run("cc", ["-o", program, Path.Combine(ResidentFixture.ModulesOf("zerocopy"), "client.c")]);
            Assert.True(built.ExitCode == 0, built.Error);
        }
        return Process.Start(new ProcessStartInfo(program, [Path.Combine(_lkm.Runtime, "default.sock"), path, "0", length])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
    }
}
