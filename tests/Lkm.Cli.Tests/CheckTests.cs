using System.Text.Json;
using Lkm.Distribution;

namespace Lkm.Cli.Tests;

/// <summary>lkm check and lkm objdump.</summary>
public sealed class CheckTests : IDisposable
{
    private readonly ResidentFixture _lkm = new();

    public void Dispose() => _lkm.Dispose();

    [Fact]
    public void A_module_built_for_a_kernel_loads()
    {
        Assert.Contains(": loads\n", _lkm.Output("check", ResidentFixture.Misbehave));
        Assert.Contains(": loads, after exporter\n", _lkm.Output("check", Path.Combine(ResidentFixture.Symbols, "importer.ko")));
    }

    [Fact]
    public void Every_reason_against_a_module_is_told()
    {
        byte[] module = File.ReadAllBytes(Path.Combine(ResidentFixture.Symbols, "importer.ko"));
        Replace(module, "license=GPL\0"u8, "license=XXX\0"u8);
        Replace(module, "import_ns=EXPORTER\0"u8, "import_ns=EXPORTEX\0"u8);
        Replace(module, "mod_unload modversions"u8, "mod_unload madversions"u8);
        string changed = Path.Combine(_lkm.Folder, "importer.ko");
        File.WriteAllBytes(changed, module);

        string[] beside = Refusals(changed, File.ReadAllBytes(Path.Combine(ResidentFixture.Symbols, "exporter.ko")));
        Assert.Contains("vermagic ", beside);
        Assert.Contains("gpl-only exporter_calls", beside);
        Assert.Contains("namespace exporter_name", beside);
        Assert.DoesNotContain(beside, refusal => refusal.StartsWith("missing", StringComparison.Ordinal));
        Assert.Contains("missing exporter_add", Refusals(changed, null));
    }

    /// <summary>Kind and symbol of each reason, with a module beside it or without.</summary>
    private string[] Refusals(string file, byte[]? exporter)
    {
        string sibling = Path.Combine(_lkm.Folder, "exporter.ko");
        File.Delete(sibling);
        if (exporter is not null)
            File.WriteAllBytes(sibling, exporter);
        HostCommandResult result = _lkm.Lkm("check", file, "--json");
        Assert.Equal(1, result.ExitCode);
        JsonElement check = JsonDocument.Parse(result.Output).RootElement.GetProperty("checks")[0];
        Assert.False(check.GetProperty("loads").GetBoolean());
        return [.. check.GetProperty("refusals").EnumerateArray().Select(refusal => $"{refusal.GetProperty("kind").GetString()} {refusal.GetProperty("symbol").GetString()}")];
    }

    [Fact]
    public void What_is_no_module_is_refused_with_a_reason()
    {
        string file = Path.Combine(_lkm.Folder, "no.ko");
        File.WriteAllText(file, "not ELF");
        HostCommandResult result = _lkm.Lkm("check", file);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("file ", result.Output);
        Assert.Equal(1, _lkm.Lkm("check", "/no/such.ko").ExitCode);
        Assert.Equal(1, _lkm.Lkm("objdump", file).ExitCode);
    }

    [Fact]
    public void Disassembly_names_what_relocations_lead_to()
    {
        string text = _lkm.Output("objdump", ResidentFixture.Misbehave, "misbehave_init");
        Assert.Contains("<misbehave_init>:", text);
        Assert.Contains("call    strcmp", text);
        Assert.Contains("R_X86_64_PLT32\tstrcmp-0x4", text);
        Assert.Equal(1, _lkm.Lkm("objdump", ResidentFixture.Misbehave, "no_such_function").ExitCode);
    }

    private static void Replace(byte[] bytes, ReadOnlySpan<byte> what, ReadOnlySpan<byte> by)
    {
        int at = bytes.AsSpan().IndexOf(what);
        Assert.True(at >= 0);
        by.CopyTo(bytes.AsSpan(at));
    }
}
