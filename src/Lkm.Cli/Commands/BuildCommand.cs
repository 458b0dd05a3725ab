using Lkm.Cli.CommandLine;
using Lkm.Distribution;

namespace Lkm.Cli.Commands;

/// <summary><c>lkm build</c>: kbuild against a kernel's headers.</summary>
internal static class BuildCommand
{
    /// <summary>The command.</summary>
    public static Command Command { get; } = new()
    {
        Name = "build",
        Operands = "[DIR]",
        Summary = "Build the modules of a folder with kbuild",
        Details = """
            DIR (default: here) has a Makefile with a line such as "obj-m := hello.o". The kernel's headers are fetched when they are missing.
            Standard output is the paths of the modules.
            """,
        Options = [KernelOption.Option],
        Examples = ["lkm build samples/hello", "lkm build samples/hello --kernel debian:6.12"],
        MostOperands = 1,
        Run = Run,
    };

    private static int Run(Arguments arguments)
    {
        Outcome<KernelSource> kernel = KernelOption.Locate(arguments);
        if (!kernel.Succeeded)
            return Screen.Fail(kernel.Error);
        Outcome<IReadOnlyList<string>> built = Build(arguments.Operands is [string folder] ? folder : ".", kernel.Value, always: true);
        if (!built.Succeeded)
            return Screen.Fail(built.Error);
        foreach (string module in built.Value)
            Screen.Output.WriteLine(module);
        return ExitCode.Done;
    }

    /// <summary>Builds a folder's modules.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="kernel">The kernel they are for.</param>
    /// <param name="always">Whether to call make although everything looks new.</param>
    /// <returns>The modules in kbuild's order; after a failure the compiler's messages are on standard error already.</returns>
    public static Outcome<IReadOnlyList<string>> Build(string folder, KernelSource kernel, bool always)
    {
        if (!always && Kbuild.UpToDate(folder, kernel) is { } modules)
            return Outcome<IReadOnlyList<string>>.Success(modules);
        Outcome<KernelSource> complete = KernelOption.Locator().AddHeaders(kernel);
        if (!complete.Succeeded)
            return Outcome<IReadOnlyList<string>>.Failure(complete.Error);
        Screen.Notice($"building {folder} for {kernel.Version}");
        KbuildResult result = new Kbuild(LkmCache.FromEnvironment()).Build(folder, complete.Value);
        foreach (string warning in result.Warnings)
            Screen.Notice($"warning: {warning}");
        if (result.Error is null)
            return Outcome<IReadOnlyList<string>>.Success(result.Modules);
        if (result.Output.Length > 0)
            Screen.Notice($"make said:\n{result.Output.TrimEnd()}");
        return Outcome<IReadOnlyList<string>>.Failure(result.Error);
    }
}
