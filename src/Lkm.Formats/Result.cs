using System.Diagnostics.CodeAnalysis;

namespace Lkm.Formats;

/// <summary>A value, or the reason why there is none. Reading hostile bytes fails often and is no exception.</summary>
/// <typeparam name="T">What is read.</typeparam>
public readonly struct Result<T>
{
    private readonly T? _value;
    private readonly FormatError? _error;

    private Result(T? value, FormatError? error) => (_value, _error) = (value, error);

    /// <summary>True when there is a value.</summary>
    public bool IsOk => _error is null;

    /// <summary>The value. Asking for it without knowing that there is one is a bug of the caller.</summary>
    /// <exception cref="InvalidOperationException">The result is an error.</exception>
    public T Value => _error is null ? _value! : throw new InvalidOperationException(_error.ToString());

    /// <summary>The error, or null when there is a value.</summary>
    public FormatError? Error => _error;

    /// <summary>Takes the result apart: a value and true, or an error and false.</summary>
    public bool TryGet([MaybeNullWhen(false)] out T value, [NotNullWhen(false)] out FormatError? error)
    {
        value = _value;
        error = _error;
        return error is null;
    }

    /// <summary>The value, or <paramref name="fallback"/> when there is none.</summary>
    public T ValueOr(T fallback) => _error is null ? _value! : fallback;

    /// <summary>Goes on with the value; an error passes through.</summary>
    public Result<TNext> Then<TNext>(Func<T, Result<TNext>> next) => _error is null ? next(_value!) : _error;

    /// <summary>A value is a result.</summary>
    public static implicit operator Result<T>(T value) => new(value, null);

    /// <summary>An error is a result.</summary>
    public static implicit operator Result<T>(FormatError error) => new(default, error);
}
