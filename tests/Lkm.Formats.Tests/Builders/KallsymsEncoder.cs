using System.Text;

namespace Lkm.Formats.Tests.Builders;

/// <summary>How a kernel version lays kallsyms out.</summary>
public enum KallsymsLayout
{
    /// <summary>Linux 5.10: addresses first, names of at most 255 bytes.</summary>
    Linux510,

    /// <summary>Linux 6.1.y: the same, long names, and the order by name before the tokens.</summary>
    Linux61,

    /// <summary>Linux 6.12: addresses behind the tokens.</summary>
    Linux612,

    /// <summary>Linux 6.15: the same, all addresses relative to the base.</summary>
    Linux615,

    /// <summary>Linux 7: offsets relative to their own places, no base.</summary>
    Linux7,

    /// <summary>Without CONFIG_KALLSYMS_BASE_RELATIVE.</summary>
    Absolute,
}

/// <summary>Encodes symbols as scripts/kallsyms.c does, with a fixed choice of tokens.</summary>
public static class KallsymsEncoder
{
    public const ulong TextBase = 0xffff_ffff_8100_0000;
    public const ulong RodataAddress = 0xffff_ffff_8240_0000;

    private static readonly string[] Tokens = MakeTokens();

    /// <summary>Symbols that ascend from the per-CPU area through text, with repeated, aliased and long names.</summary>
    public static List<(ulong Address, char Type, string Name)> Sample(int count, bool hasPerCpu = true)
    {
        var symbols = new List<(ulong, char, string)>();
        if (hasPerCpu)
            symbols.AddRange([(0UL, 'A', "fixed_percpu_data"), (0x1fb80UL, 'A', "current_task")]);
        symbols.AddRange([(TextBase, 'T', "_stext"), (TextBase, 'T', "_text")]);
        for (int i = symbols.Count; i < count; i++)
        {
            string name = i % 50 == 0 ? "static_helper" : i % 97 == 0 ? $"very_long_{new string('x', 120)}_{i}" : $"kmalloc_sys_function.part.{i}";
            symbols.Add((TextBase + (ulong)i * 24, "tTdDbr"[i % 6], name));
        }

        return symbols;
    }

    public static byte[] Encode(IReadOnlyList<(ulong Address, char Type, string Name)> symbols, KallsymsLayout layout)
    {
        var bytes = new ByteWriter();
        bytes.Text("something before the tables").Align(64);
        bool addressesFirst = layout is KallsymsLayout.Linux510 or KallsymsLayout.Linux61 or KallsymsLayout.Absolute;
        if (addressesFirst)
            WriteAddresses(bytes, symbols, layout);
        WriteNames(bytes, symbols, layout);
        if (layout == KallsymsLayout.Linux61)
            WriteSequences(bytes, symbols);
        WriteTokens(bytes);
        if (!addressesFirst)
        {
            WriteAddresses(bytes, symbols, layout);
            WriteSequences(bytes, symbols);
        }

        return bytes.Text("something behind the tables").Align(64).ToArray();
    }

    private static string[] MakeTokens()
    {
        string[] tokens = [.. Enumerable.Range(0, 256).Select(code => code is > 0x20 and < 0x7f ? ((char)code).ToString() : "")];
        tokens[1] = "kmalloc_";
        tokens[2] = "sys_function";
        tokens[3] = "tk";
        tokens[200] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxx";
        return tokens;
    }

    private static byte[] Compress(string text)
    {
        var result = new List<byte>();
        for (int at = 0; at < text.Length;)
        {
            int token = Enumerable.Range(0, 256).Where(code => Tokens[code].Length > 0 && text.AsSpan(at).StartsWith(Tokens[code], StringComparison.Ordinal))
                .MaxBy(code => Tokens[code].Length);
            result.Add((byte)token);
            at += Tokens[token].Length;
        }

        return [.. result];
    }

    private static void WriteNames(ByteWriter bytes, IReadOnlyList<(ulong Address, char Type, string Name)> symbols, KallsymsLayout layout)
    {
        bytes.U32(symbols.Count).Align(8);
        var names = new ByteWriter();
        var markers = new ByteWriter();
        for (int i = 0; i < symbols.Count; i++)
        {
            if (i % 256 == 0)
                markers.U32(names.Length);
            byte[] compressed = Compress(symbols[i].Type + symbols[i].Name);
            if (compressed.Length > 127 && layout != KallsymsLayout.Linux510)
                names.U8(compressed.Length & 0x7f | 0x80).U8(compressed.Length >> 7);
            else
                names.U8(compressed.Length);
            names.Bytes(compressed);
        }

        bytes.Bytes(names.ToArray()).Align(8).Bytes(markers.ToArray()).Align(8);
    }

    private static void WriteSequences(ByteWriter bytes, IReadOnlyList<(ulong Address, char Type, string Name)> symbols)
    {
        foreach (int i in Enumerable.Range(0, symbols.Count).OrderBy(i => symbols[i].Name, StringComparer.Ordinal))
            bytes.U8(i >> 16).U8(i >> 8).U8(i);
        bytes.Align(8);
    }

    private static void WriteTokens(ByteWriter bytes)
    {
        var index = new ByteWriter();
        var table = new ByteWriter();
        foreach (string token in Tokens)
        {
            index.U16(table.Length);
            table.Bytes(Encoding.UTF8.GetBytes(token)).U8(0);
        }

        bytes.Bytes(table.ToArray()).Align(8).Bytes(index.ToArray()).Align(8);
    }

    private static void WriteAddresses(ByteWriter bytes, IReadOnlyList<(ulong Address, char Type, string Name)> symbols, KallsymsLayout layout)
    {
        int at = bytes.Length;
        for (int i = 0; i < symbols.Count; i++)
        {
            ulong address = symbols[i].Address;
            switch (layout)
            {
                case KallsymsLayout.Absolute:
                    bytes.U64(address);
                    break;
                case KallsymsLayout.Linux7:
                    bytes.U32((long)(address - (RodataAddress + (ulong)(at + 4 * i))));
                    break;
                case KallsymsLayout.Linux615:
                    bytes.U32((long)(address - TextBase));
                    break;
                default:
                    bytes.U32((long)(address < TextBase ? address : TextBase - 1 - address));
                    break;
            }
        }

        bytes.Align(8);
        if (layout is not (KallsymsLayout.Absolute or KallsymsLayout.Linux7))
            bytes.U64(TextBase);
    }
}
