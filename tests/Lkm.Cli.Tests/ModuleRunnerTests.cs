using System.Text.Json;
using Lkm.Cli.Comparing;
using Lkm.Cli.Running;
using Lkm.Formats;
using Lkm.Kernel.Sanitizer;
using Lkm.Kernel.Sessions;
using Lkm.RealLinux;

namespace Lkm.Cli.Tests;

public class ModuleRunnerTests
{
    private static readonly PlannedModule s_needed = new("needed", "/m/needed.ko", "", IsAsked: false, IsRequired: true);
    private static readonly PlannedModule s_soft = new("soft", "/m/soft.ko", "", IsAsked: false, IsRequired: false);
    private static readonly PlannedModule s_asked = new("asked", "/m/asked.ko", "a=1", IsAsked: true, IsRequired: true);

    private static RunReport Run(FakeSession session, IReadOnlyList<string>? commands = null, bool keep = false)
    {
        var report = new RunReport { Kernel = "6.1.0-test" };
        new ModuleRunner(session, report).Run([s_needed, s_soft, s_asked], commands ?? [], keep);
        return report;
    }

    [Fact]
    public void Modules_are_loaded_in_order_and_unloaded_in_reverse()
    {
        var session = new FakeSession();
        RunReport report = Run(session, ["lsmod"]);
        Assert.Null(report.Failure);
        Assert.Equal(["load needed", "load soft", "load asked a=1", "pass", "do lsmod", "pass", "unload asked", "unload soft", "unload needed", "leaks"], session.Calls);
        Assert.Equal(["load needed", "load soft", "load asked", "do lsmod", "unload asked", "unload soft", "unload needed"],
            report.Log.Select(entry => entry.Phase));
    }

    [Fact]
    public void Time_passes_after_unloading_when_something_was_left_behind()
    {
        var session = new FakeSession { IsKnownForEver = true };
        Run(session, []);
        Assert.Equal(["unload needed", "leaks", "pass"], session.Calls.TakeLast(3));
    }

    [Fact]
    public void Modules_of_the_kernel_are_unloaded_as_modprobe_does_it()
    {
        PlannedModule Probed(string name, bool isAsked = false) => new(name, $"/m/{name}.ko", "", isAsked, IsRequired: true) { IsProbed = true };
        var session = new FakeSession();
        session.Users["lowest"] = "middle";
        var report = new RunReport { Kernel = "6.1.0-test" };
        new ModuleRunner(session, report).Run([Probed("lowest"), Probed("middle"), Probed("other"), Probed("asked", isAsked: true)], [], keep: false);
        Assert.Null(report.Failure);
        // lowest is tried first, in vain; it goes as soon as its user has gone, before the next.
        Assert.Equal(["unload asked", "unload lowest", "unload middle", "unload lowest", "unload other", "leaks"], session.Calls.Skip(5));
    }

    [Fact]
    public void After_a_refusal_what_was_loaded_is_unloaded()
    {
        var session = new FakeSession { ["load asked a=1"] = Errno.EINVAL };
        RunReport report = Run(session, ["lsmod"]);
        Assert.Equal("asked: cannot load: EINVAL: because of a test", report.Failure);
        Assert.Equal(["load needed", "load soft", "load asked a=1", "unload soft", "unload needed", "leaks"], session.Calls);
    }

    [Fact]
    public void A_soft_dependency_may_fail()
    {
        RunReport report = Run(new FakeSession { ["load soft"] = Errno.ENODEV });
        Assert.Null(report.Failure);
        Assert.Equal(["needed", "asked"], report.Modules.Select(run => run.Module.Name));
    }

    [Fact]
    public void A_failed_command_a_failed_unload_and_a_finding_are_failures()
    {
        Assert.Equal("--do 'false' ended with status 1", Run(new FakeSession(), ["false"]).Failure);
        Assert.Equal("asked: cannot unload: EBUSY: because of a test", Run(new FakeSession { ["unload asked"] = Errno.EBUSY }).Failure);
        Assert.Null(Run(new FakeSession { ["unload needed"] = Errno.EBUSY }).Failure);
        Assert.Equal("leak of 8 bytes", Run(new FakeSession { Leak = new Finding("leak", "leak of 8 bytes") }).Failure);
    }

    [Fact]
    public void A_module_that_is_not_found_was_unloaded_by_a_command_or_hides()
    {
        RunReport unloaded = Run(new FakeSession { ["unload asked"] = Errno.ENOENT });
        Assert.Null(unloaded.Failure);
        Assert.Null(unloaded.Modules[^1].Unload);
        RunReport hidden = Run(new FakeSession { ["unload asked"] = Errno.ENOENT, Hidden = "asked" });
        Assert.Equal("asked: cannot unload: ENOENT: because of a test", hidden.Failure);
    }

    [Fact]
    public void Keep_leaves_the_modules_loaded()
    {
        var session = new FakeSession();
        Run(session, keep: true);
        Assert.DoesNotContain(session.Calls, call => call.StartsWith("unload", StringComparison.Ordinal) || call == "leaks");
    }

    [Fact]
    public void A_command_that_is_repeated_has_a_log_of_its_own_each_time()
    {
        SideRun side = LkmSide.Of(Run(new FakeSession(), ["ls", "ls"]));
        Assert.Equal(
            [["load needed", "load soft", "load asked a=1"], ["do ls"], ["do ls"], ["unload asked", "unload soft", "unload needed"]],
            side.Steps.Select(step => step.Log.Select(line => line.Text)));
    }

    [Fact]
    public void The_document_says_everything()
    {
        var stream = new MemoryStream();
        RunReportJson.Write(stream, Run(new FakeSession { ["load asked a=1"] = Errno.ENOENT }, ["lsmod"]));
        JsonElement json = JsonDocument.Parse(stream.ToArray()).RootElement;
        Assert.Equal(1, json.GetProperty("schema").GetInt32());
        Assert.False(json.GetProperty("ok").GetBoolean());
        Assert.Equal("6.1.0-test", json.GetProperty("kernel").GetString());
        JsonElement asked = json.GetProperty("modules")[2];
        Assert.Equal("a=1", asked.GetProperty("parameters").GetString());
        Assert.Equal(-2, asked.GetProperty("load").GetProperty("returnCode").GetInt32());
        Assert.Equal("ENOENT", asked.GetProperty("load").GetProperty("errno").GetString());
        Assert.Equal(JsonValueKind.Null, asked.GetProperty("unload").ValueKind);
        Assert.Equal("load needed", json.GetProperty("log")[0].GetProperty("phase").GetString());
    }

    [Fact]
    public void A_report_compares_with_what_real_Linux_did()
    {
        var entry = new ModuleOutcome("asked", "a=1", Errno.OK, [], null, []);
        Assert.Equal(
            """
            # a run

            module asked a=1
            load ok
            6| load needed
            6| load soft
            6| load asked a=1
            unload ok
            6| unload asked
            6| unload soft
            6| unload needed

            """,
            ModuleTable.Write("a run", [RecordedOutcome.Of(entry, Run(new FakeSession(), ["lsmod"]))]));
        Assert.Equal(Errno.ENODEV, RecordedOutcome.Of(entry, Run(new FakeSession { ["load asked a=1"] = Errno.ENODEV })).Load);
    }

    [Fact]
    public void Messages_are_stamped_as_dmesg_stamps_them()
    {
        Assert.Equal("[    1.234567] hello: Hello, World!\n", LogFormat.Format(new LogMessage(1_234_567_890, 6, "hello: Hello, World!")));
        Assert.Equal("[12345.000001] a\n[12345.000001] b\n", LogFormat.Format(new LogMessage(12_345_000_001_000, 6, "a\nb")));
    }

    /// <summary>A kernel that does as it is told and logs one message for each step.</summary>
    private sealed class FakeSession : IKernelSession
    {
        private readonly Dictionary<string, Errno> _failures = [];
        private readonly List<Finding> _findings = [];

        public Errno this[string call] { set => _failures[call] = value; }

        public Finding? Leak { get; init; }

        public List<string> Calls { get; } = [];

        public event Action<LogMessage>? Logged;

        public IReadOnlyList<Finding> Findings => _findings;

        public ulong Taint => 0;

        public Action<LoadStep>? Tracer { get; set; }

        public StepResult Load(string path, string parameters) => Step($"load {Path.GetFileNameWithoutExtension(path)} {parameters}".TrimEnd());

        /// <summary>Which module uses which, until it is unloaded.</summary>
        public Dictionary<string, string> Users { get; } = [];

        public StepResult Unload(string name)
        {
            bool isUsed = Users.TryGetValue(name, out string? user) && !Calls.Contains($"unload {user}");
            StepResult result = Step($"unload {name}");
            return isUsed ? new StepResult(-(int)Errno.EAGAIN, 1, "because it is used") : result;
        }

        public string? Hidden { get; init; }

        public TimeSpan StepLimit { get; set; }

        public bool IsHidden(string module) => module == Hidden;

        public CommandResult Execute(string line)
        {
            Step($"do {line}");
            return new CommandResult(line, "", line == "false" ? 1 : 0);
        }

        public bool IsKnownForEver { get; init; }

        public void LetPass(int milliseconds) => Calls.Add("pass");

        public AllocationFaults FailAllocation(int number) => throw new NotSupportedException("it has no memory");

        public bool CheckForLeaks()
        {
            Calls.Add("leaks");
            if (Leak is not null)
                _findings.Add(Leak);
            return IsKnownForEver;
        }

        public void Dispose()
        {
        }

        private StepResult Step(string call)
        {
            Calls.Add(call);
            Logged?.Invoke(new LogMessage(Calls.Count, 6, call));
            return _failures.TryGetValue(call, out Errno errno) ? new StepResult(-(int)errno, 1, "because of a test") : new StepResult(0, 1, null);
        }
    }
}
