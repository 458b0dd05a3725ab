namespace Lkm.Formats.Btf;

/// <summary>Kinds of types (BTF_KIND_* of include/uapi/linux/btf.h).</summary>
public enum BtfKind : byte
{
    /// <summary>void, which has no entry of its own: type 0</summary>
    Void = 0,

    /// <summary>Integer</summary>
    Int = 1,

    /// <summary>Pointer</summary>
    Pointer = 2,

    /// <summary>Array</summary>
    Array = 3,

    /// <summary>Structure</summary>
    Struct = 4,

    /// <summary>Union</summary>
    Union = 5,

    /// <summary>Enumeration of up to 32 bits</summary>
    Enum = 6,

    /// <summary>Structure or union that is only declared</summary>
    Forward = 7,

    /// <summary>Typedef</summary>
    Typedef = 8,

    /// <summary>volatile</summary>
    Volatile = 9,

    /// <summary>const</summary>
    Const = 10,

    /// <summary>restrict</summary>
    Restrict = 11,

    /// <summary>Function; its type is a prototype</summary>
    Function = 12,

    /// <summary>Function prototype</summary>
    FunctionPrototype = 13,

    /// <summary>Global variable</summary>
    Variable = 14,

    /// <summary>Variables of one section</summary>
    DataSection = 15,

    /// <summary>Floating-point number</summary>
    Float = 16,

    /// <summary>Annotation of a declaration</summary>
    DeclarationTag = 17,

    /// <summary>Annotation of a type</summary>
    TypeTag = 18,

    /// <summary>Enumeration of 64 bits</summary>
    Enum64 = 19,
}
