using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Exceptions;

/// <summary>The end of a kernel: panic() says why in the log and restarts the machine, which stops the guest here.</summary>
public sealed partial class Panic(UserModeKernel kernel)
{
    [KernelFunction("emergency_restart")]
    [KernelFunction("machine_restart")]
    private void EmergencyRestart() => throw kernel.Stopped(Reason() is { } reason ? $"panicked: {reason}" : "restarted the machine");

    /// <summary>What panic() said, and before it the oops that it came of.</summary>
    private string? Reason()
    {
        const string panic = "Kernel panic - not syncing: ";
        string? reason = null;
        foreach (var text in kernel.Log.Records.Select(record => record.Text).Reverse())
        {
            if (reason is null && text.StartsWith(panic, StringComparison.Ordinal))
                reason = text[panic.Length..];
            else if (reason is not null && text.StartsWith("BUG: ", StringComparison.Ordinal))
                return $"{reason} ({text})";
        }

        return reason;
    }

    [KernelFunction("machine_halt")]
    [KernelFunction("machine_power_off")]
    private void Halt() => throw kernel.Stopped("halted the machine");
}
