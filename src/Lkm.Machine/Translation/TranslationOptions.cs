namespace Lkm.Machine.Translation;

/// <summary>Who executes guest code. All three have the same meaning, to the instruction.</summary>
public enum Engine
{
    /// <summary>The interpreter alone.</summary>
    Interpreter,

    /// <summary>The interpreter, and the translator for what runs often; it compiles on a thread of its own.</summary>
    Mixed,

    /// <summary>The translator for everything that can be translated, before it first runs: for tests.</summary>
    Translator,
}

/// <summary>What the translator may do. Each optimisation can be switched off, so that tests can force the plain way.</summary>
public sealed record TranslationOptions
{
    /// <summary>Who executes.</summary>
    public Engine Engine { get; init; } = Engine.Interpreter;

    /// <summary>Guest instructions in one method at most: the host's compiler stops optimising methods that are too large.</summary>
    public int LargestUnit { get; init; } = 1000;

    /// <summary>Instructions interpreted before the translator is set up at all: short runs do not pay for it.</summary>
    public long FirstAfter { get; init; } = 20_000_000;

    /// <summary>Executions of each instruction of a function that make it worth compiling.</summary>
    public int WorthExecutions { get; init; } = 2_000;

    /// <summary>Flags that nobody reads before they are set again are not computed.</summary>
    public bool DeadFlags { get; init; } = true;

    /// <summary>What runs often within a function gets an entry at the head of its loop, not where it happens to be found.</summary>
    public bool EntriesAtHeads { get; init; } = true;

    /// <summary>Where ways meet the flags are not stored, and the budget is looked at where none from before are needed.</summary>
    public bool FlagsAtJoins { get; init; } = true;

    /// <summary>Registers that a loop does not touch are not kept in registers of the host while it runs.</summary>
    public bool Parking { get; init; } = true;

    /// <summary>An access of what was checked on every way to it is not checked again, and accesses of one place are checked together.</summary>
    public bool SharedChecks { get; init; } = true;

    /// <summary>
    /// The stack pointer is followed through calls that come back to where it was, and what a unit accesses of its stack is checked when it is entered.
    /// </summary>
    public bool Frames { get; init; } = true;

    /// <summary>Simple loops have a second form, which checks the accesses of many rounds at once.</summary>
    public bool PlainLoops { get; init; } = true;

    /// <summary>Instructions have code of their own; otherwise each calls the interpreter's step for it.</summary>
    public bool NativeForms { get; init; } = true;

    /// <summary>Calls run the callee in the caller's host frame; otherwise every call leaves the method.</summary>
    public bool DirectCalls { get; init; } = true;

    /// <summary>Small functions are copied to where they are called directly.</summary>
    public bool CopiedCalls { get; init; } = true;

    /// <summary>The options that the environment variable LKM_ENGINE (interpreter, mixed, translator) asks for.</summary>
    public static TranslationOptions FromEnvironment() => new()
    {
        Engine = Environment.GetEnvironmentVariable("LKM_ENGINE") switch
        {
            "translator" => Engine.Translator,
            "interpreter" => Engine.Interpreter,
            _ => Engine.Mixed,
        },
    };
}

/// <summary>What the machine is told of the code that it runs.</summary>
public interface ICodeMap
{
    /// <summary>
    /// The bounds of the function that holds an address. False for code that is not to be translated, as it runs only once.
    /// </summary>
    /// <param name="address">An address of code.</param>
    /// <param name="start">The function's first byte.</param>
    /// <param name="end">The byte after its last.</param>
    bool TryGetFunction(ulong address, out ulong start, out ulong end);
}
