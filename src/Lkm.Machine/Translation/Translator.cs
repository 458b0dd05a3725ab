namespace Lkm.Machine.Translation;

/// <summary>
/// Decides what is translated, and keeps the units. Everything but the compiling happens on the thread that runs the processor; there a unit
/// comes into force when the handler of the op at its entry is replaced, and its slot filled in.
/// </summary>
internal sealed unsafe class Translator : IDisposable
{
    private readonly TranslationOptions _options, _withoutCopies;
    private readonly CpuRecord* _record;
    private readonly CodeCache _code;
    private readonly HookSet _hooks;
    private readonly GuestCodeReader _reader;
    private readonly Dictionary<ulong, Unit> _units = [];
    private readonly UnitStore _store;
    private readonly List<Unit> _all = [];
    private readonly List<Unit> _dead = [];
    private readonly Profile _profile;
    private readonly CompilerThread? _compiler;
    private readonly long _recordFromAnchor;

    internal Translator(GuestMemory memory, ICpuEnvironment environment, CpuRecord* record, CodeCache code, HookSet hooks, TranslationOptions options)
    {
        (_options, _code, _hooks) = (options, code, hooks);
        _withoutCopies = options with { CopiedCalls = false };
        _record = record;
        _store = UnitStore.Take(options, (byte*)record - memory.Anchor);
        _reader = new GuestCodeReader(memory, environment);
        _profile = new Profile(options);
        var recordFromAnchor = _recordFromAnchor = (byte*)record - memory.Anchor;
        if (options.Engine == Engine.Mixed)
            _compiler = new CompilerThread(unit => UnitCompiler.Compile(unit, _options, SlotOf, recordFromAnchor));
        code.UnitChanged = Kill;
    }

    /// <summary>Instructions to the next sample.</summary>
    internal long NextSample() => _profile.Next();

    /// <summary>What is known of the code.</summary>
    internal ICodeMap? Map { get; set; }

    /// <summary>Units in force.</summary>
    internal int Count { get; private set; }

    /// <summary>Units that the compiler was asked for, so far.</summary>
    internal int Compiled { get; private set; }

    /// <summary>The slot of an address, on any thread.</summary>
    internal nint SlotOf(ulong address) => _store.SlotOf(address);

    /// <summary>What is new since the last time: units that were compiled. No unit is running.</summary>
    internal void Refresh()
    {
        if (_dead.Count > 0)
            KeepDead();
        while (_compiler != null && _compiler.TryTake(out var unit))
        {
            if (unit.IsDead)
                _dead.Add(unit);
            else if (unit.IsTooLarge)
                CompileAgain(unit);
            else
                Install(unit);
        }
    }

    private void CompileAgain(Unit unit)
    {
        Shrink(unit);
        _compiler!.Add(unit);
    }

    /// <summary>The interpreter was at a place where control arrived when it had done some thousands of instructions.</summary>
    internal void Sample(ulong rip)
    {
        if (_compiler == null || !Bounds(rip, out var start, out var end))
            return;
        if (!_profile.Add(rip, start, (int)(end - start), IsTranslated(start), out var entry))
            return;
        if (entry != start && HeadAround(start, entry) is var head && !IsTranslated(head))
            entry = head;
        if (IsTranslated(entry))
            return;
        Request(entry);
        _profile.ForgetPlaces(start, end);
    }

    // Where control will soon come that is at a place of a function now: the head of the loop there. A unit that is entered in the middle of a
    // loop, or many of them, would be a loop of another form.
    private ulong HeadAround(ulong start, ulong place)
    {
        if (!_options.EntriesAtHeads || Find(start, _withoutCopies) is not { } region || region.FollowsCall(place))
            return place;
        return Loops.HeadAround(region, place)?.Address ?? place;
    }

    private bool IsTranslated(ulong entry) => _units.ContainsKey(entry);

    /// <summary>The interpreter's handler of an op, even if the place is translated.</summary>
    internal nint OriginalHandler(Op* op) =>
        _units.TryGetValue(op->Rip, out var unit) && op->Handler == unit.Code ? unit.Original : op->Handler;

    /// <summary>Takes notice of an op at the start of a new trace.</summary>
    internal void Decoded(Op* op)
    {
        if (_units.TryGetValue(op->Rip, out var unit) && unit.IsInstalled)
            Install(unit, op);
    }

    /// <summary>Translates the place of an op, if that is not done and can be.</summary>
    internal void Force(Op* op)
    {
        if (!_units.ContainsKey(op->Rip) && !_hooks.Contains(op->Rip))
            Request(op->Rip);
    }

    private bool Bounds(ulong address, out ulong start, out ulong end)
    {
        if (Map != null)
            return Map.TryGetFunction(address, out start, out end);
        const ulong Near = 1 << 16;
        start = Math.Max(address, GuestMemory.WindowStart + Near) - Near;
        end = address > ulong.MaxValue - Near ? ulong.MaxValue : address + Near;
        return true;
    }

    private void Request(ulong entry)
    {
        if (_code.Full || Find(entry, _options) is not { } region)
            return;
        _profile.Stir();
        var unit = new Unit(entry) { Region = region, Ranges = region.Ranges, Identity = region.Identity() };
        _units[entry] = unit;
        _all.Add(unit);
        Watch(_all.Count);
        unit.Method = _store.Find(entry, unit.Identity);
        if (unit.Method != null)
        {
            Install(unit);
            return;
        }
        Compiled++;
        if (_compiler != null)
        {
            _compiler.Add(unit);
            return;
        }
        UnitCompiler.Compile(unit, _options, SlotOf, _recordFromAnchor);
        while (unit.IsTooLarge)
        {
            Shrink(unit);
            UnitCompiler.Compile(unit, _options, SlotOf, _recordFromAnchor);
        }
        Install(unit);
    }

    // Part of its code as a unit: from the same entry, so what is watched is enough.
    private void Shrink(Unit unit) =>
        unit.Region = Find(unit.Entry, _withoutCopies with { LargestUnit = unit.Region!.Instructions.Length / 2 })!;

    private Region? Find(ulong entry, TranslationOptions options) =>
        Region.Find(entry, options, _reader, _hooks, Bounds, at => Handlers.LastTarget(_record, at));

    private void Watch(int number)
    {
        foreach (var (first, last) in _all[number - 1].Ranges)
            _code.AddUnit(first, last, number);
    }

    /// <summary>The decoded code was forgotten; what is translated is still to be told of changes of its bytes.</summary>
    internal void WatchAnew()
    {
        for (var n = 1; n <= _all.Count; n++)
        {
            if (!_all[n - 1].IsDead)
                Watch(n);
        }
    }

    private void Install(Unit unit)
    {
        ((Slot*)SlotOf(unit.Entry))->Code = unit.Code;
        unit.IsInstalled = true;
        Count++;
        var op = CodeCache.Find(_record, unit.Entry);
        if (op != null)
            Install(unit, op);
    }

    private static void Install(Unit unit, Op* op)
    {
        if (op->Index != 0 || op->Handler == unit.Code)
            return;
        unit.Original = op->Handler;
        op->Handler = unit.Code;
    }

    /// <summary>Bytes of a unit were changed: nobody enters it any more, and who is in it leaves at the next look at the budget.</summary>
    private void Kill(int number)
    {
        var unit = _all[number - 1];
        if (unit.IsDead)
            return;
        unit.IsDead = true;
        if (_units.TryGetValue(unit.Entry, out var current) && current == unit)
            _units.Remove(unit.Entry);
        _record->Withheld += _record->Budget;
        _record->Budget = 0;
        if (!unit.IsInstalled)
            return; // Refresh will find it
        ((Slot*)SlotOf(unit.Entry))->Code = (nint)Handlers.NoCode;
        var op = CodeCache.Find(_record, unit.Entry);
        if (op != null && op->Handler == unit.Code)
            op->Handler = unit.Original;
        Count--;
        _dead.Add(unit);
    }

    /// <summary>Forgets everything; before the decoded code is.</summary>
    internal void Clear()
    {
        for (var n = 1; n <= _all.Count; n++)
            Kill(n);
        _profile.Clear();
    }

    // Code that changes may become what it was, as with static keys.
    private void KeepDead()
    {
        foreach (var unit in _dead)
            _store.Keep(unit);
        _dead.Clear();
    }

    public void Dispose()
    {
        _compiler?.Dispose();
        foreach (var unit in _all)
            _store.Keep(unit);
        _store.Return();
    }
}
