using System.Globalization;
using Lkm.Cli.CommandLine;
using Lkm.Cli.Running;
using Lkm.Distribution;
using Lkm.Kernel.Sanitizer;

namespace Lkm.Cli.Commands;

/// <summary>The <c>--fail-allocation</c> option of <c>lkm run</c>.</summary>
internal static class AllocationTrials
{
    /// <summary>Stands for each in turn.</summary>
    public const int Each = 0;

    /// <summary>The option.</summary>
    public static CommandOption Option { get; } =
        new("--fail-allocation", "N|each", "let the module's Nth allocation fail; or each in turn, and tell which of them it does not survive");

    /// <summary>Reads the option.</summary>
    /// <param name="arguments">The command's arguments.</param>
    /// <param name="number">Which allocation fails, from 1, or <see cref="Each"/>; null for none.</param>
    /// <returns>False if it is neither.</returns>
    public static bool TryRead(Arguments arguments, out int? number)
    {
        string? text = arguments.Value(Option.Name);
        bool isNumber = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int parsed) && parsed > 0;
        number = isNumber ? parsed : text is null ? null : Each;
        return isNumber || text is null or "each";
    }

    /// <summary>Tells which allocation has failed.</summary>
    /// <returns>Why none has; null if one has.</returns>
    public static string? TellOf(AllocationFaults? allocations)
    {
        if (allocations?.Failed is not { } failed)
            return $"there are only {Wording.Count(allocations?.Allocations.Count ?? 0, "allocation")} to fail";
        Screen.Notice($"the allocation that has failed: {AllocationTrial.Describe(failed)}");
        return null;
    }

    /// <summary>Lets one allocation after the other fail, in a fresh kernel each.</summary>
    /// <param name="runWith">Does what is tried, with the allocation of that number failing; with 0, none.</param>
    /// <param name="json">Whether to print one JSON document.</param>
    public static int Run(Func<int, Outcome<RunReport>> runWith, bool json)
    {
        Outcome<RunReport> counted = runWith(0);
        if (!counted.Succeeded)
            return Screen.Fail(counted.Error);
        if (counted.Value.Failure is { } before)
            return Screen.Fail($"with all of its memory: {before}");
        IReadOnlyList<ModuleAllocation> allocations = counted.Value.Allocations?.Allocations ?? [];
        IReadOnlyList<int> numbers = AllocationTrial.Choose(allocations);
        string step = $"{Wording.Count(allocations.Count, "allocation")}, of which {numbers.Count} fail in turn: the first and the last of each call chain";
        Screen.Progress(step, "0 have failed");
        var trials = new List<AllocationTrial>();
        foreach (int number in numbers)
        {
            Outcome<RunReport> report = runWith(number);
            if (!report.Succeeded)
                return Screen.Fail(report.Error);
            var trial = new AllocationTrial(number, allocations[number - 1], report.Value);
            trials.Add(trial);
            Screen.Progress(step, trials.Count == numbers.Count ? null : $"{trials.Count} have failed");
        }
        if (json)
        {
            using Stream output = Screen.OpenOutput();
            RunReportJson.Write(output, allocations.Count, trials);
        }
        else
        {
            foreach (IGrouping<string, AllocationTrial> same in trials.GroupBy(trial => $"{AllocationTrial.PlaceOf(trial.Allocation)}: {trial.Text}"))
                Screen.Output.WriteLine($"{same.First().Number,6} {(same.Count() > 1 ? $"and {same.Count() - 1} more" : ""),-13} {same.Key}");
        }
        int broken = trials.Count(trial => trial.BrokeARule);
        return broken == 0
            ? ExitCode.Done
            : Screen.Fail($"{broken} of {trials.Count} broke a rule; for the log of one: --fail-allocation {trials.First(trial => trial.BrokeARule).Number}");
    }
}
