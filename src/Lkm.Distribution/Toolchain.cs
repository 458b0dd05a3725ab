namespace Lkm.Distribution;

/// <summary>What kbuild needs of the machine: make, a linker, and the compiler that the kernel was built with.</summary>
internal static class Toolchain
{
    /// <summary>Looks for the tools.</summary>
    /// <param name="headers">The headers' folder: Debian's hold the compiler's name in .kernelvariables.</param>
    /// <param name="warnings">Gets a line when another compiler has to serve.</param>
    /// <param name="compiler">That compiler; null when kbuild's own choice is there.</param>
    /// <returns>Null, or what is missing and how to get it.</returns>
    public static string? Check(string headers, List<string> warnings, out string? compiler)
    {
        compiler = null;
        if (HostCommand.Find("make") is null)
            return "make is not installed; install it with: apt-get install make gcc";
        string recorded = RecordedCompiler(headers) ?? "gcc";
        if (HostCommand.Find("ld") is null && HostCommand.Find("gcc") is null)
            return $"no compiler is installed; install it with: apt-get install {recorded} make";
        if (HostCommand.Find(recorded) is not null)
            return null;
        compiler = HostCommand.Find("gcc") is not null ? "gcc" : null;
        if (compiler is null)
            return $"{recorded} is not installed; install it with: apt-get install {recorded} make";
        warnings.Add($"this kernel was built with {recorded}, which is not installed: building with gcc");
        return null;
    }

    /// <summary>Debian writes <c>CC = … gcc-12</c>, or <c>CCVERSION = -10</c> in older releases.</summary>
    private static string? RecordedCompiler(string headers)
    {
        string path = Path.Combine(headers, ".kernelvariables");
        if (!File.Exists(path))
            return null;
        foreach (string line in File.ReadLines(path))
        {
            foreach (string marker in (ReadOnlySpan<string>)["gcc-", "CCVERSION = -"])
            {
                int at = line.IndexOf(marker, StringComparison.Ordinal);
                if (at < 0)
                    continue;
                ReadOnlySpan<char> rest = line.AsSpan(at + marker.Length);
                int end = rest.IndexOfAnyExceptInRange('0', '9');
                ReadOnlySpan<char> number = end < 0 ? rest : rest[..end];
                if (number.Length > 0)
                    return $"gcc-{number}";
            }
        }
        return null;
    }
}
