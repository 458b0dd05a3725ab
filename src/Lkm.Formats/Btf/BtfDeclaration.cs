using System.Text;

namespace Lkm.Formats.Btf;

/// <summary>
/// Writes types as C declarations. A declaration is built from the identifier outwards: each pointer, array and parameter
/// list wraps what is there, and the base type goes in front.
/// </summary>
internal sealed class BtfDeclaration
{
    /// <summary>No declaration in a kernel refers to this many types; it bounds the walk through damaged ones.</summary>
    private const int MaxTypes = 2000;

    private const int MaxLength = 16 * 1024;

    private int _types;

    public static string Of(BtfType type, string identifier) => new BtfDeclaration().Wrap(type, identifier, BtfKind.Void);

    /// <param name="type">The type.</param>
    /// <param name="inner">The declarator so far.</param>
    /// <param name="outer">Kind of the type that led here: a pointer to an array or function needs parentheses.</param>
    private string Wrap(BtfType type, string inner, BtfKind outer)
    {
        if (++_types > MaxTypes || inner.Length > MaxLength)
            return "...";
        switch (type.Kind)
        {
            case BtfKind.Pointer:
                return Wrap(type.Target, "*" + inner, BtfKind.Pointer);
            case BtfKind.Array:
                return Wrap(type.Target, $"{Parenthesised(inner, outer)}[{(type.ElementCount == 0 ? "" : type.ElementCount)}]", BtfKind.Array);
            case BtfKind.FunctionPrototype:
                return Wrap(type.Target, Parenthesised(inner, outer) + Parameters(type), BtfKind.FunctionPrototype);
            case BtfKind.Const:
                return Qualified("const", type, inner, outer);
            case BtfKind.Volatile:
                return Qualified("volatile", type, inner, outer);
            case BtfKind.Restrict:
                return Qualified("restrict", type, inner, outer);
            case BtfKind.TypeTag:
                return Wrap(type.Target, inner, outer);
            case BtfKind.Function or BtfKind.Variable:
                return Wrap(type.Target, inner.Length == 0 ? type.Name : inner, BtfKind.Void);
            default:
                return inner.Length == 0 ? BaseName(type) : $"{BaseName(type)} {inner}";
        }
    }

    /// <summary>A qualified pointer has the qualifier behind its star; of any other type it stands in front.</summary>
    private string Qualified(string qualifier, BtfType type, string inner, BtfKind outer)
    {
        BtfType target = type.Target;
        for (int depth = 0; target.Kind is BtfKind.Const or BtfKind.Volatile or BtfKind.Restrict or BtfKind.TypeTag && depth < BtfType.MaxDepth; depth++)
            target = target.Target;
        if (target.Kind == BtfKind.Pointer)
            return Wrap(type.Target, inner.Length == 0 ? qualifier : $"{qualifier} {inner}", outer);
        return $"{qualifier} {Wrap(type.Target, inner, outer)}";
    }

    private static string Parenthesised(string inner, BtfKind outer) => outer == BtfKind.Pointer ? $"({inner})" : inner;

    private string Parameters(BtfType prototype)
    {
        var text = new StringBuilder("(");
        for (int i = 0; i < prototype.EntryCount && text.Length < MaxLength; i++)
        {
            BtfParameter parameter = prototype.Parameter(i);
            bool isDots = parameter is { Name: "", Type.Id: 0 };
            text.Append(i == 0 ? "" : ", ").Append(isDots ? "..." : Wrap(parameter.Type, parameter.Name, BtfKind.Void));
        }

        return text.Append(prototype.EntryCount == 0 ? "void)" : ")").ToString();
    }

    private static string BaseName(BtfType type)
    {
        string name = type.Name.Length == 0 ? "{...}" : type.Name;
        return type.Kind switch
        {
            BtfKind.Void => "void",
            BtfKind.Struct => $"struct {name}",
            BtfKind.Union => $"union {name}",
            BtfKind.Enum or BtfKind.Enum64 => $"enum {name}",
            BtfKind.Forward => $"{(type.KindFlag ? "union" : "struct")} {name}",
            _ => type.Name,
        };
    }
}
