using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Lkm.Kernel.Functions;

/// <summary>
/// Work of the kernel core that calls guest code and goes on when that returns. There is one CPU loop and it is never nested: an
/// <c>async GuestTask</c> method gives the CPU back at each <c>await</c> of guest code, and is resumed by the return of that code
/// (see <see cref="GuestCalls"/>). It has no thread and no scheduler: it continues on whatever guest stack it was called on.
/// </summary>
[AsyncMethodBuilder(typeof(GuestTaskMethodBuilder))]
public class GuestTask : INotifyCompletion
{
    private Action? _continuation;
    private ExceptionDispatchInfo? _exception;

    /// <summary>Whether the work is done.</summary>
    public bool IsCompleted { get; private set; }

    /// <summary>A task that is done.</summary>
    public static GuestTask Completed { get; } = CreateCompleted();

    /// <summary>The awaiter: the task itself.</summary>
    public GuestTask GetAwaiter() => this;

    /// <summary>Ends an await; rethrows what the work threw.</summary>
    public void GetResult() => _exception?.Throw();

    /// <inheritdoc/>
    public void OnCompleted(Action continuation)
    {
        if (IsCompleted)
            continuation();
        else
            _continuation += continuation;
    }

    internal void Complete()
    {
        IsCompleted = true;
        _continuation?.Invoke();
    }

    internal void Fail(Exception e)
    {
        _exception = ExceptionDispatchInfo.Capture(e);
        if (_continuation is null)
            _exception.Throw();
        Complete();
    }

    private static GuestTask CreateCompleted()
    {
        var task = new GuestTask();
        task.Complete();
        return task;
    }
}

/// <summary>Work that calls guest code and has a result.</summary>
/// <typeparam name="T">The result's type.</typeparam>
[AsyncMethodBuilder(typeof(GuestTaskMethodBuilder<>))]
public sealed class GuestTask<T> : GuestTask
{
    /// <summary>The result; meaningful once the task is completed.</summary>
    public T Result { get; internal set; } = default!;

    /// <summary>A task that is done.</summary>
    public static GuestTask<T> FromResult(T result)
    {
        var task = new GuestTask<T> { Result = result };
        task.Complete();
        return task;
    }

    /// <summary>The awaiter: the task itself.</summary>
    public new GuestTask<T> GetAwaiter() => this;

    /// <summary>Ends an await: the result, or what the work threw.</summary>
    public new T GetResult()
    {
        base.GetResult();
        return Result;
    }
}
