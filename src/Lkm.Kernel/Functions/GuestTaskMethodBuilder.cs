using System.ComponentModel;
using System.Runtime.CompilerServices;

namespace Lkm.Kernel.Functions;

/// <summary>What the compiler drives <c>async GuestTask</c> methods with.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public readonly struct GuestTaskMethodBuilder
{
    private GuestTaskMethodBuilder(GuestTask task) => Task = task;

    /// <summary>The task that the method returns.</summary>
    public GuestTask Task { get; }

    /// <summary>Called by the compiler.</summary>
    public static GuestTaskMethodBuilder Create() => new(new GuestTask());

    /// <summary>Called by the compiler.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Start<TStateMachine>(ref TStateMachine stateMachine)
        where TStateMachine : IAsyncStateMachine => stateMachine.MoveNext();

    /// <summary>Called by the compiler.</summary>
    public void SetStateMachine(IAsyncStateMachine stateMachine) => _ = stateMachine;

    /// <summary>Called by the compiler.</summary>
    public void SetResult() => Task.Complete();

    /// <summary>Called by the compiler.</summary>
    public void SetException(Exception exception) => Task.Fail(exception);

    /// <summary>Called by the compiler.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AwaitOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : INotifyCompletion
        where TStateMachine : IAsyncStateMachine => awaiter.OnCompleted(Resumption.Of(ref stateMachine));

    /// <summary>Called by the compiler.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AwaitUnsafeOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : ICriticalNotifyCompletion
        where TStateMachine : IAsyncStateMachine => awaiter.UnsafeOnCompleted(Resumption.Of(ref stateMachine));
}

/// <summary>What the compiler drives <c>async GuestTask&lt;T&gt;</c> methods with.</summary>
/// <typeparam name="T">The result's type.</typeparam>
[EditorBrowsable(EditorBrowsableState.Never)]
public readonly struct GuestTaskMethodBuilder<T>
{
    private GuestTaskMethodBuilder(GuestTask<T> task) => Task = task;

    /// <summary>The task that the method returns.</summary>
    public GuestTask<T> Task { get; }

    /// <summary>Called by the compiler.</summary>
    public static GuestTaskMethodBuilder<T> Create() => new(new GuestTask<T>());

    /// <summary>Called by the compiler.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Start<TStateMachine>(ref TStateMachine stateMachine)
        where TStateMachine : IAsyncStateMachine => stateMachine.MoveNext();

    /// <summary>Called by the compiler.</summary>
    public void SetStateMachine(IAsyncStateMachine stateMachine) => _ = stateMachine;

    /// <summary>Called by the compiler.</summary>
    public void SetResult(T result)
    {
        Task.Result = result;
        Task.Complete();
    }

    /// <summary>Called by the compiler.</summary>
    public void SetException(Exception exception) => Task.Fail(exception);

    /// <summary>Called by the compiler.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AwaitOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : INotifyCompletion
        where TStateMachine : IAsyncStateMachine => awaiter.OnCompleted(Resumption.Of(ref stateMachine));

    /// <summary>Called by the compiler.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AwaitUnsafeOnCompleted<TAwaiter, TStateMachine>(ref TAwaiter awaiter, ref TStateMachine stateMachine)
        where TAwaiter : ICriticalNotifyCompletion
        where TStateMachine : IAsyncStateMachine => awaiter.UnsafeOnCompleted(Resumption.Of(ref stateMachine));
}

/// <summary>
/// How a state machine goes on. It is copied to the heap at each await: a resumed machine is the copy, and what it awaits next copies that copy.
/// Awaits of guest code are rare beside the code itself, so the plain way is fast enough.
/// </summary>
/// <remarks>
/// No method of a machine's own type is made for it: a run resumes some ninety kinds of machine, most of them once, and the run time would take
/// longer to get such methods ready than they run.
/// </remarks>
internal sealed class Resumption
{
    private readonly IAsyncStateMachine _machine;

    private Resumption(IAsyncStateMachine machine) => _machine = machine;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Action Of<TStateMachine>(ref TStateMachine stateMachine)
        where TStateMachine : IAsyncStateMachine => new Resumption(stateMachine).GoOn;

    private void GoOn() => _machine.MoveNext();
}
