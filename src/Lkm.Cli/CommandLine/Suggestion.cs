namespace Lkm.Cli.CommandLine;

/// <summary>Finds what somebody who mistyped a word may have meant.</summary>
internal static class Suggestion
{
    private const int MostChanges = 2;

    /// <summary>The known word within two changes, the nearest first; null when there is none.</summary>
    public static string? For(string word, IEnumerable<string> known)
    {
        string? nearest = null;
        int least = MostChanges + 1;
        foreach (string candidate in known)
        {
            int distance = Distance(word, candidate);
            if (distance < least && distance < candidate.Length - 1)
                (nearest, least) = (candidate, distance);
        }
        return nearest;
    }

    /// <summary>Levenshtein's distance.</summary>
    private static int Distance(string left, string right)
    {
        if (Math.Abs(left.Length - right.Length) > MostChanges)
            return MostChanges + 1;
        int[] row = new int[right.Length + 1];
        for (int j = 0; j <= right.Length; j++)
            row[j] = j;
        for (int i = 1; i <= left.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= right.Length; j++)
            {
                int replaced = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(replaced, Math.Min(row[j], row[j - 1]) + 1);
            }
        }
        return row[right.Length];
    }
}
