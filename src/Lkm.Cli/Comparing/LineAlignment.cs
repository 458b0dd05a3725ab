namespace Lkm.Cli.Comparing;

/// <summary>Two lines side by side: the same, one in place of the other, or one that the other side lacks.</summary>
/// <param name="Real">Real Linux's; null when it has none.</param>
/// <param name="Lkm">lkm's; null when it has none.</param>
/// <param name="IsSame">Whether they say the same.</param>
internal readonly record struct AlignedLine(string? Real, string? Lkm, bool IsSame)
{
    /// <summary>Between the columns, as <c>diff --side-by-side</c> marks lines.</summary>
    public char Mark => IsSame ? ' ' : Real is null ? '>' : Lkm is null ? '<' : '|';
}

/// <summary>Puts the lines of both sides beside each other, with as many that say the same as possible (the longest common subsequence).</summary>
internal static class LineAlignment
{
    /// <summary>Where the tables of the algorithm would grow beyond this, lines stand beside each other as they come.</summary>
    private const int MostCells = 4_000_000;

    /// <summary>Aligns lines of output.</summary>
    public static IReadOnlyList<AlignedLine> Align(IReadOnlyList<string> real, IReadOnlyList<string> lkm) =>
        Align(real, lkm, real.Select(Normalizer.Normalize), lkm.Select(Normalizer.Normalize));

    /// <summary>Aligns lines of logs, without the guesses of call traces. A level counts too; it is shown where it is the only difference.</summary>
    public static IReadOnlyList<AlignedLine> Align(IReadOnlyList<LogLine> real, IReadOnlyList<LogLine> lkm)
    {
        var rows = new List<AlignedLine>();
        foreach (AlignedLine row in Align(Leveled(real), Leveled(lkm)))
        {
            string? left = row.Real?[3..], right = row.Lkm?[3..];
            bool onlyLevel = !row.IsSame && left is not null && right is not null && Normalizer.Normalize(left) == Normalizer.Normalize(right);
            rows.Add(onlyLevel ? row : row with { Real = left, Lkm = right });
        }
        return rows;

        static string[] Leveled(IReadOnlyList<LogLine> lines) =>
            [.. lines.Where(line => !Normalizer.IsGuess(line.Text)).Select(line => $"<{line.Level}>{line.Text}")];
    }

    private static List<AlignedLine> Align(IReadOnlyList<string> real, IReadOnlyList<string> lkm, IEnumerable<string> realKeys, IEnumerable<string> lkmKeys)
    {
        string[] left = [.. realKeys], right = [.. lkmKeys];
        int start = 0, leftEnd = left.Length, rightEnd = right.Length;
        while (start < leftEnd && start < rightEnd && left[start] == right[start])
            start++;
        while (leftEnd > start && rightEnd > start && left[leftEnd - 1] == right[rightEnd - 1])
            (leftEnd, rightEnd) = (leftEnd - 1, rightEnd - 1);

        var rows = new List<AlignedLine>();
        for (int i = 0; i < start; i++)
            rows.Add(new AlignedLine(real[i], lkm[i], IsSame: true));
        int leftFrom = start, rightFrom = start;
        foreach ((int l, int r) in CommonLines(left.AsSpan(start..leftEnd), right.AsSpan(start..rightEnd)))
        {
            AddDifferent(leftFrom, start + l, rightFrom, start + r);
            rows.Add(new AlignedLine(real[start + l], lkm[start + r], IsSame: true));
            (leftFrom, rightFrom) = (start + l + 1, start + r + 1);
        }
        AddDifferent(leftFrom, leftEnd, rightFrom, rightEnd);
        for (int i = 0; leftEnd + i < left.Length; i++)
            rows.Add(new AlignedLine(real[leftEnd + i], lkm[rightEnd + i], IsSame: true));
        return rows;

        void AddDifferent(int leftFrom, int leftTo, int rightFrom, int rightTo)
        {
            for (; leftFrom < leftTo || rightFrom < rightTo; leftFrom++, rightFrom++)
                rows.Add(new AlignedLine(leftFrom < leftTo ? real[leftFrom] : null, rightFrom < rightTo ? lkm[rightFrom] : null, IsSame: false));
        }
    }

    private static List<(int Left, int Right)> CommonLines(ReadOnlySpan<string> left, ReadOnlySpan<string> right)
    {
        var pairs = new List<(int, int)>();
        if (left.IsEmpty || right.IsEmpty || (long)(left.Length + 1) * (right.Length + 1) > MostCells)
            return pairs;
        // lengths[l, r]: how many lines left[l..] and right[r..] have in common.
        int[,] lengths = new int[left.Length + 1, right.Length + 1];
        for (int l = left.Length - 1; l >= 0; l--)
        {
            for (int r = right.Length - 1; r >= 0; r--)
                lengths[l, r] = left[l] == right[r] ? lengths[l + 1, r + 1] + 1 : Math.Max(lengths[l + 1, r], lengths[l, r + 1]);
        }
        for (int l = 0, r = 0; l < left.Length && r < right.Length;)
        {
            if (left[l] == right[r])
                pairs.Add((l++, r++));
            else if (lengths[l + 1, r] >= lengths[l, r + 1])
                l++;
            else
                r++;
        }
        return pairs;
    }
}
