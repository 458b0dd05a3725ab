using System.Diagnostics;
using Lkm.Cli.Commands;
using Lkm.Distribution;

namespace Lkm.Cli.Tests;

/// <summary>The program as a user calls it.</summary>
public sealed class ProgramTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lkm-cli-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private HostCommandResult Lkm(params string[] arguments) =>
        HostCommand.Run("dotnet", [Path.Combine(AppContext.BaseDirectory, "lkm.dll"), .. arguments], _folder);

    [Fact]
    public void Help_names_every_command()
    {
        HostCommandResult help = Lkm("--help");
        Assert.Equal(0, help.ExitCode);
        foreach (string command in (string[])["run", "new", "build", "kernels"])
            Assert.Contains($"\n  {command} ", help.Output);
        Assert.Contains("--kernel KERNEL", Lkm("run", "--help").Output);
        Assert.StartsWith("lkm ", Lkm("--version").Output);
    }

    [Theory]
    [InlineData("rum")]
    [InlineData("run")]
    [InlineData("run --no-such x")]
    [InlineData("new a b")]
    [InlineData("new 1st")]
    [InlineData("new x --template none")]
    public void Unusable_arguments_are_one_line_and_2(string line)
    {
        HostCommandResult result = Lkm(line.Split(' '));
        Assert.Equal(2, result.ExitCode);
        Assert.StartsWith("lkm: ", result.Error);
        Assert.Equal(1, result.Error.Count(c => c == '\n'));
        Assert.Equal("", result.Output);
    }

    [Theory]
    [InlineData("run ./absent.ko")]
    [InlineData("run hello --kernel /no/such/vmlinuz")]
    [InlineData("build . --kernel 9.9.9-absent")]
    public void A_failure_is_one_line_and_1(string line)
    {
        HostCommandResult result = Lkm(line.Split(' '));
        Assert.Equal(1, result.ExitCode);
        Assert.StartsWith("lkm: ", result.Error);
        Assert.Equal(1, result.Error.Count(c => c == '\n'));
    }

    [Fact]
    public void Modinfo_knows_the_modules_of_the_kernel_that_is_meant()
    {
        Assert.Equal("GPL\n", Lkm("modinfo", "-F", "license", "ext4").Output);
        Assert.Matches(@"^filename: .*/6\.12\.\S*/ext4\.ko", Lkm("modinfo", "--kernel", "debian:6.12", "ext4").Output);
        Assert.Matches(@"\n  modinfo +\S.*\n(.*\n)?  depmod ", Lkm("--help").Output);
        Assert.Equal("modinfo: ERROR: Module nosuch not found.\n", Lkm("modinfo", "nosuch").Error);
        Assert.StartsWith("modinfo: ERROR: no kernel named \"other\" is running", Lkm("modinfo", "--name", "other", "ext4").Error);
    }

    [Fact]
    public void Modinfo_passes_over_the_socket_of_a_kernel_that_was_killed()
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder, "lkm")).FullName;
        File.WriteAllText(Path.Combine(folder, "default.sock"), ""); // nobody listens there
        HostCommandResult result = HostCommand.Run(
            "dotnet", [Path.Combine(AppContext.BaseDirectory, "lkm.dll"), "modinfo", "-F", "license", "ext4"], _folder,
            [new("XDG_RUNTIME_DIR", _folder)]);
        Assert.Equal(("GPL\n", ""), (result.Output, result.Error));
    }

    [Fact]
    public void What_a_long_run_tells_is_shown_while_it_goes_on()
    {
        string faults = Path.Combine(Checkout.Folder, "samples", "faults");
        string[] arguments = [Path.Combine(AppContext.BaseDirectory, "lkm.dll"), "run", faults, "kind=endless"];
        using Process run = Process.Start(new ProcessStartInfo(HostCommand.Find("dotnet")!, arguments) { RedirectStandardOutput = true })!;
        Assert.Contains("faults: ", run.StandardOutput.ReadLine());
        Assert.False(run.HasExited); // it spins for seconds
        run.StandardOutput.ReadToEnd();
        run.WaitForExit();
        Assert.Equal(1, run.ExitCode);
    }

    [Fact]
    public void Each_allocation_fails_in_turn()
    {
        string samples = Path.Combine(Checkout.Folder, "samples");
        HostCommandResult careful = Lkm("run", Path.Combine(samples, "allocations"), "--fail-allocation", "each");
        Assert.Equal(0, careful.ExitCode);
        Assert.Matches(@"(?m)^ +\d+ +and \d+ more +__kmalloc in allocations_init\+\S+ \[allocations\]: not loaded: ENOMEM$", careful.Output);
        Assert.Matches(@"(?m) kmem_cache_create in .*: not loaded: ENOMEM$", careful.Output);
        Assert.Matches(@"(?m) vzalloc in .*: not loaded: ENOMEM$", careful.Output);

        string faults = Path.Combine(samples, "faults");
        Assert.Equal(0, Lkm("run", faults, "kind=unchecked").ExitCode);
        HostCommandResult careless = Lkm("run", faults, "kind=unchecked", "--fail-allocation", "each");
        Assert.Equal(1, careless.ExitCode);
        Assert.Matches(@"(?m)^ +1 +\S+ in unchecked\+\S+ \[faults\]: .*NULL pointer dereference", careless.Output);
        Assert.Contains("1 of 1 broke a rule", careless.Error);

        HostCommandResult one = Lkm("run", faults, "kind=unchecked", "--fail-allocation", "1");
        Assert.Contains("the allocation that has failed: 32 bytes of slab memory, for ", one.Error);
        Assert.Equal(1, Lkm("run", faults, "kind=unchecked", "--fail-allocation", "2").ExitCode);
        Assert.Equal(2, Lkm("run", faults, "--fail-allocation", "0").ExitCode);
    }

    [Fact]
    public void What_takes_long_is_announced_once_where_no_terminal_watches()
    {
        string image = new KernelLocator(LkmCache.FromEnvironment()).Locate().Value!.ImagePath;
        string program = Path.Combine(AppContext.BaseDirectory, "lkm.dll");
        HostCommandResult result = HostCommand.Run(
            "env", [$"LKM_CACHE={_folder}", "dotnet", program, "sweep", "--kernel", image, "--modules", "crc7"], _folder);
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Matches(@"^lkm: first boot of \S+, kept for later starts\nlkm: 1 module\n$", result.Error);
    }

    [Fact]
    public void Every_template_builds_without_a_warning()
    {
        foreach (string template in NewCommand.Templates)
        {
            string name = $"my_{template}";
            HostCommandResult made = Lkm("new", name, "--template", template);
            Assert.True(made.ExitCode == 0, made.Error);
            HostCommandResult built = Lkm("build", name);
            Assert.True(built.ExitCode == 0, built.Error);
            Assert.DoesNotContain("warning", built.Error);
            Assert.Equal(Path.Combine(_folder, name, $"{name}.ko"), built.Output.Trim());
        }
        Assert.Equal(1, Lkm("new", "my_hello").ExitCode);
    }
}
