namespace Lkm.Formats.Btf;

/// <summary>A function: its name and prototype.</summary>
public readonly struct BtfFunction
{
    internal BtfFunction(BtfType type) => Type = type;

    /// <summary>The function's own type; its target is the prototype.</summary>
    public BtfType Type { get; }

    /// <summary>The function's name.</summary>
    public string Name => Type.Name;

    /// <summary>What it returns.</summary>
    public BtfType ReturnType => Type.Target.Target;

    /// <summary>True when it takes further arguments (<c>...</c>).</summary>
    public bool IsVariadic => Prototype is { EntryCount: > 0 and int count } prototype && prototype.Parameter(count - 1) is { Name: "", Type.Id: 0 };

    /// <summary>Its parameters, without the dots of a variadic function.</summary>
    public IReadOnlyList<BtfParameter> Parameters
    {
        get
        {
            BtfType prototype = Prototype;
            var parameters = new BtfParameter[prototype.EntryCount - (IsVariadic ? 1 : 0)];
            for (int i = 0; i < parameters.Length; i++)
                parameters[i] = prototype.Parameter(i);
            return parameters;
        }
    }

    private BtfType Prototype => Type.Target is { Kind: BtfKind.FunctionPrototype } prototype ? prototype : default(BtfType).Of(Type.Types);

    /// <summary>The declaration in C: <c>void kfree(const void *objp)</c>.</summary>
    public override string ToString() => Prototype.Declare(Name);
}
