using System.Diagnostics.CodeAnalysis;

namespace Lkm.Distribution;

/// <summary>
/// What an operation on the outside world gave: a value, or one line saying what failed and what to do next.
/// A missing kernel or an unreachable mirror is expected; it is never an exception.
/// </summary>
/// <typeparam name="T">What success gives.</typeparam>
public readonly record struct Outcome<T> where T : class
{
    private Outcome(T? value, string? error) => (Value, Error) = (value, error);

    /// <summary>The value, when the operation succeeded.</summary>
    public T? Value { get; }

    /// <summary>One line for the user, when it failed.</summary>
    public string? Error { get; }

    /// <summary>Whether there is a value.</summary>
    [MemberNotNullWhen(true, nameof(Value))]
    [MemberNotNullWhen(false, nameof(Error))]
    public bool Succeeded => Error is null;

    /// <summary>A success.</summary>
    /// <param name="value">What was obtained.</param>
    public static implicit operator Outcome<T>(T value) => new(value, null);

    /// <summary>A success, for a type that converts to nothing (an interface).</summary>
    /// <param name="value">What was obtained.</param>
    public static Outcome<T> Success(T value) => new(value, null);

    /// <summary>A failure.</summary>
    /// <param name="error">One line: what, where, and what to do next.</param>
    public static Outcome<T> Failure(string error) => new(null, error);
}
