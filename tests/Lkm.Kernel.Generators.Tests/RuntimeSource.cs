namespace Lkm.Kernel.Generators.Tests;

/// <summary>The types that generated code builds on, as small as they can be, and a way to call them without reflection on each.</summary>
internal static class RuntimeSource
{
    public const string Text = """
        #nullable enable
        using System;
        using System.Collections.Generic;
        using System.Linq;
        using System.Runtime.CompilerServices;

        namespace Lkm.Kernel.Functions
        {
            public enum Support { Full, Partial }

            [AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
            public sealed class KernelFunctionAttribute(string name) : Attribute
            {
                public string Name => name;
                public Support Support { get; set; }
                public string? Note { get; set; }
                public string? Since { get; set; }
            }

            public readonly record struct KernelFunctionInfo(
                string Name, int Index, Support Support, string? Note, string Signature, int ArgumentCount);

            public interface IKernelFunctions
            {
                ReadOnlySpan<KernelFunctionInfo> Functions { get; }
                GuestTask? Invoke(int index, CallFrame frame);
                string FormatArguments(int index, CallFrame frame);
            }

            public sealed class CallFrame(ulong[] arguments)
            {
                public ulong? Rax;
                public ulong Argument(int n) => arguments[n];
                public void Return(ulong value) => Rax = value;
                public ulong ReturnAddress => 0xfeed;
            }

            [AsyncMethodBuilder(typeof(Builder))]
            public class GuestTask : INotifyCompletion
            {
                private Action? continuation;
                private Exception? exception;
                public bool IsCompleted { get; private set; }
                public GuestTask GetAwaiter() => this;
                public void GetResult() { if (exception is not null) throw exception; }
                public void OnCompleted(Action next) => continuation += next;
                public void Complete(Exception? e = null) { exception = e; IsCompleted = true; continuation?.Invoke(); }
            }

            [AsyncMethodBuilder(typeof(Builder<>))]
            public sealed class GuestTask<T> : GuestTask
            {
                public T Result = default!;
                public new GuestTask<T> GetAwaiter() => this;
                public new T GetResult() { base.GetResult(); return Result; }
            }

            public class Builder
            {
                public GuestTask Task { get; } = new();
                public static Builder Create() => new();
                public void SetResult() => Task.Complete();
                public void SetException(Exception e) => Task.Complete(e);
                public void SetStateMachine(IAsyncStateMachine machine) { }
                public void Start<M>(ref M machine) where M : IAsyncStateMachine => machine.MoveNext();
                public void AwaitOnCompleted<A, M>(ref A awaiter, ref M machine) where A : INotifyCompletion where M : IAsyncStateMachine
                { IAsyncStateMachine boxed = machine; awaiter.OnCompleted(boxed.MoveNext); }
                public void AwaitUnsafeOnCompleted<A, M>(ref A awaiter, ref M machine) where A : INotifyCompletion where M : IAsyncStateMachine
                    => AwaitOnCompleted(ref awaiter, ref machine);
            }

            public class Builder<T>
            {
                public GuestTask<T> Task { get; } = new();
                public static Builder<T> Create() => new();
                public void SetResult(T result) { Task.Result = result; Task.Complete(); }
                public void SetException(Exception e) => Task.Complete(e);
                public void SetStateMachine(IAsyncStateMachine machine) { }
                public void Start<M>(ref M machine) where M : IAsyncStateMachine => machine.MoveNext();
                public void AwaitOnCompleted<A, M>(ref A awaiter, ref M machine) where A : INotifyCompletion where M : IAsyncStateMachine
                { IAsyncStateMachine boxed = machine; awaiter.OnCompleted(boxed.MoveNext); }
                public void AwaitUnsafeOnCompleted<A, M>(ref A awaiter, ref M machine) where A : INotifyCompletion where M : IAsyncStateMachine
                    => AwaitOnCompleted(ref awaiter, ref machine);
            }
        }

        /// <summary>Calls one kernel function by name.</summary>
        public sealed class Caller(Lkm.Kernel.Functions.IKernelFunctions functions, string name, ulong[] arguments)
        {
            private readonly Lkm.Kernel.Functions.CallFrame frame = new(arguments);
            private Lkm.Kernel.Functions.GuestTask? task;

            private int Index => functions.Functions.ToArray().Single(f => f.Name == name).Index;

            public void Call() => task = functions.Invoke(Index, frame);
            public void CallIndex(int index) => task = functions.Invoke(index, frame);
            public string Format() => functions.FormatArguments(Index, frame);
            public ulong? Rax => frame.Rax;
            public bool Pending => task is { IsCompleted: false };
            public void Rethrow() => task?.GetResult();
            public static string[] Table(Lkm.Kernel.Functions.IKernelFunctions functions) =>
                functions.Functions.ToArray().Select(f => $"{f.Index}|{f.Name}|{f.Support}|{f.Note}|{f.Signature}|{f.ArgumentCount}").ToArray();
        }
        """;
}
