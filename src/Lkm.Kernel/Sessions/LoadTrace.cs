using System.Globalization;
using System.Text.Json;
using Lkm.Kernel.Modules;

namespace Lkm.Kernel.Sessions;

/// <summary>A step of loading a module, and when it was done.</summary>
/// <param name="Nanoseconds">Virtual time since the loading began.</param>
/// <param name="Event">What was done.</param>
public readonly record struct LoadStep(long Nanoseconds, ModuleLoadEvent Event)
{
    /// <summary>The step as a line for people.</summary>
    public string Format() => string.Create(CultureInfo.InvariantCulture, $"[{Nanoseconds / 1000,9} us] {(Event.Module.Length > 0 ? Event.Module : "the file")}: {What()}");

    /// <summary>The step as a JSON object.</summary>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteNumber("nanoseconds", Nanoseconds);
        json.WriteString("module", Event.Module);
        switch (Event)
        {
            case CheckPassed check:
                json.WriteString("step", "check");
                json.WriteString("check", check.Check);
                json.WriteString("detail", check.Detail);
                break;
            case SectionPlaced section:
                json.WriteString("step", "section");
                json.WriteString("section", section.Section);
                json.WriteString("address", $"{section.Address:x16}");
                json.WriteNumber("size", section.Size);
                json.WriteString("part", PartName(section.Part));
                break;
            case SymbolResolved symbol:
                json.WriteString("step", "symbol");
                json.WriteString("symbol", symbol.Symbol);
                json.WriteString("address", $"{symbol.Address:x16}");
                json.WriteString("from", symbol.Owner);
                json.WriteBoolean("gplOnly", symbol.GplOnly);
                break;
            case SectionRelocated relocated:
                json.WriteString("step", "relocate");
                json.WriteString("section", relocated.Section);
                json.WriteNumber("count", relocated.Count);
                break;
            case ParameterSet parameter:
                json.WriteString("step", "parameter");
                json.WriteString("parameter", parameter.Parameter);
                json.WriteString("value", parameter.Value);
                json.WriteNumber("code", parameter.Code);
                break;
            case StateEntered state:
                json.WriteString("step", "state");
                json.WriteString("state", StateName(state.State));
                break;
            case InitReturned init:
                json.WriteString("step", "init");
                json.WriteNumber("code", init.Code);
                break;
            default:
                throw new InvalidOperationException($"a trace knows no {Event.GetType().Name}");
        }

        json.WriteEndObject();
    }

    private string What() => Event switch
    {
        CheckPassed check => $"check     {check.Check}: {check.Detail}",
        SectionPlaced section => $"section   {section.Section,-28} {section.Address:x16} {section.Size,8} bytes of {PartName(section.Part)}",
        SymbolResolved symbol => $"symbol    {symbol.Symbol,-28} {symbol.Address:x16} from {symbol.Owner ?? "the kernel"}{(symbol.GplOnly ? ", GPL only" : "")}",
        SectionRelocated relocated => $"relocate  {relocated.Section}: {relocated.Count} places",
        ParameterSet parameter => $"parameter {parameter.Parameter}{(parameter.Value is { } value ? "=" + value : "")}: {Outcome(parameter.Code)}",
        StateEntered state => $"state     {StateName(state.State)}",
        InitReturned init => $"init      returned {init.Code}",
        _ => throw new InvalidOperationException($"a trace knows no {Event.GetType().Name}"),
    };

    private static string Outcome(int code) => code == 0 ? "set" : $"refused ({code})";

    private static string StateName(ModuleState? state) => state switch
    {
        ModuleState.Live => "live",
        ModuleState.Coming => "coming",
        ModuleState.Going => "going",
        ModuleState.Unformed => "unformed",
        _ => "gone",
    };

    private static string PartName(ModulePart part) => part switch
    {
        ModulePart.Text => "text",
        ModulePart.Data => "data",
        ModulePart.RoData => "read-only data",
        ModulePart.RoAfterInit => "data that is read-only after init",
        ModulePart.InitText => "init text",
        ModulePart.InitData => "init data",
        _ => "init read-only data",
    };
}
