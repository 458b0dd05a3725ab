using System.Runtime.CompilerServices;
using Lkm.Machine.Translation;

namespace Lkm.Machine;

// The processor's second tier. Translated code and handlers take turns; which of them executes an instruction cannot be seen from outside.
public sealed unsafe partial class Cpu
{
    private ICodeMap? _codeMap;

    /// <summary>What is known of the code, for who translates it. Without it, everything is translated, and function bounds are guessed.</summary>
    public ICodeMap? CodeMap
    {
        get => _codeMap;
        set
        {
            _codeMap = value;
            if (_translator != null)
                _translator.Map = value;
        }
    }

    /// <summary>Regions of guest code that are in force as translated methods now.</summary>
    public int TranslatedUnits => _translator?.Count ?? 0;

    /// <summary>Regions that were compiled for this processor: not those that one before it had left, and not again when code became what it had been.</summary>
    internal int CompiledUnits => _translator?.Compiled ?? 0;

    internal nint SlotOf(ulong address) => _translator!.SlotOf(address);

    private void StartClock(long budget)
    {
        _ = Code; // which handlers look into
        _clockEnd = Instructions + budget;
        _c->Budget = budget;
        _c->Withheld = 0;
    }

    private void BeginTranslation()
    {
        if (_options.Engine == Engine.Interpreter || !RuntimeFeature.IsDynamicCodeSupported)
            return;
        const ulong HostStack = 512 << 10;
        int here;
        _c->StackLimit = (ulong)&here - HostStack;
        if (_options.Engine == Engine.Translator)
        {
            _translator ??= NewTranslator();
            _translator.Refresh();
            return;
        }
        if (_translator == null)
        {
            if (Instructions < _options.FirstAfter)
                return;
            _translator = NewTranslator();
        }
        Withhold();
    }

    private Translator NewTranslator() => new(Memory, Environment, _c, Code, _hooks, _options) { Map = _codeMap };

    // All of the budget but what lies before the next sample.
    private void Withhold()
    {
        var now = Math.Min(_c->Budget, _translator!.NextSample());
        _c->Withheld = _c->Budget - now;
        _c->Budget = now;
    }

    // The budget in force is used up or was taken away. The interpreter arrived where it is by a transfer of control, translated code gave way.
    private nint LookAround(nint reason)
    {
        if (_c->Budget > 0 && (reason != Handlers.Interpret || _c->Budget > _options.LargestUnit))
            return reason;
        if (reason == Handlers.Edge && _translator is { } translator)
            translator.Sample(_c->Rip);
        _c->Budget += _c->Withheld;
        _c->Withheld = 0;
        if (_options.Engine != Engine.Mixed)
            return reason;
        _translator!.Refresh();
        if (_c->Budget > 0)
            Withhold();
        return reason == Handlers.Interpret ? Handlers.Continue : reason;
    }

    private nint RunWithTranslator(Op* op, nint reason)
    {
        var handler = op->Handler;
        if (reason == Handlers.Interpret)
        {
            handler = _translator!.OriginalHandler(op);
            if (_options.Engine == Engine.Translator && _c->Budget > _options.LargestUnit && handler != (nint)Handlers.Hooked)
                return ExecuteOne();
        }
        else if (_options.Engine == Engine.Translator)
        {
            _translator!.Force(op);
            handler = op->Handler;
        }
        return ((Handler)handler)(op, _c, Memory.Bias, Memory.ShadowBias);
    }

    // Translated code left by a return or a jump. A return is none that the interpreter's memory of calls still waits for.
    private void GoOnAt(ulong rip)
    {
        _c->Rip = rip;
        ref var entry = ref _c->Returns[(int)((_c->ReturnTop - 1) % CpuRecord.ReturnDepth)];
        if (entry.Rip == rip)
            _c->ReturnTop--;
    }
}
