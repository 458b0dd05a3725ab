using System.ComponentModel;
using System.Diagnostics;

namespace Lkm.Distribution;

/// <summary>What a program of the host did.</summary>
/// <param name="ExitCode">Its exit status; 127 when it could not be started.</param>
/// <param name="Output">Standard output.</param>
/// <param name="Error">Standard error.</param>
public sealed record HostCommandResult(int ExitCode, string Output, string Error)
{
    /// <summary>The last line of standard error that says something, for a one-line report.</summary>
    public string LastErrorLine
    {
        get
        {
            ReadOnlySpan<char> rest = Error.AsSpan().TrimEnd();
            return rest[(rest.LastIndexOf('\n') + 1)..].Trim().ToString();
        }
    }
}

/// <summary>Runs programs of the host (apt, dpkg-deb, make) in the C locale, and looks for them in PATH.</summary>
public static class HostCommand
{
    /// <summary>Runs a program to its end, with its input empty and both outputs captured.</summary>
    /// <param name="program">A name found through PATH, or a path.</param>
    /// <param name="arguments">Its arguments, passed as they are: no shell is between.</param>
    /// <param name="workingDirectory">Where it runs; the current directory when null.</param>
    /// <param name="environment">Variables to set besides LC_ALL=C.</param>
    public static HostCommandResult Run(
        string program,
        IEnumerable<string> arguments,
        string? workingDirectory = null,
        IEnumerable<KeyValuePair<string, string>>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingDirectory ?? "",
        };
        start.Environment["LC_ALL"] = "C";
        foreach ((string name, string value) in environment ?? [])
            start.Environment[name] = value;
        try
        {
            using Process process = Process.Start(start)!;
            process.StandardInput.Close();
            Task<string> error = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return new HostCommandResult(process.ExitCode, output, error.Result);
        }
        catch (Win32Exception failure)
        {
            return new HostCommandResult(127, "", $"{program}: {failure.Message}");
        }
    }

    /// <summary>The path of a program, looked for in PATH and, as a user's PATH lacks them, in the administrator's folders.</summary>
    /// <param name="program">Its name.</param>
    /// <returns>The path, or null when it is not installed.</returns>
    public static string? Find(string program)
    {
        string path = Environment.GetEnvironmentVariable("PATH") ?? "";
        foreach (string folder in $"{path}:/usr/sbin:/sbin".Split(':', StringSplitOptions.RemoveEmptyEntries))
        {
            string candidate = Path.Combine(folder, program);
            if (File.Exists(candidate))
                return candidate;
        }
        return null;
    }
}
