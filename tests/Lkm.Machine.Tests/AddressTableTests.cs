namespace Lkm.Machine.Tests;

/// <summary>The table of decoded code behaves as a dictionary does.</summary>
public class AddressTableTests
{
    [Fact]
    public void It_answers_as_a_dictionary_through_insertions_and_removals()
    {
        var random = new Random(1);
        var table = AddressTable.Create();
        var expected = new Dictionary<ulong, uint>();
        for (uint i = 1; i < 60_000; i++)
        {
            // Few enough addresses to meet again, close enough together to share runs of slots.
            var address = GuestMemory.WindowStart + (ulong)random.Next(20_000);
            if (random.Next(3) == 0)
            {
                table.Remove(address);
                expected.Remove(address);
            }
            else
            {
                table.Set(address, i);
                expected[address] = i;
            }
            Assert.Equal(expected.GetValueOrDefault(address), table.Find(address));
        }
        for (ulong offset = 0; offset < 20_000; offset++)
            Assert.Equal(expected.GetValueOrDefault(GuestMemory.WindowStart + offset), table.Find(GuestMemory.WindowStart + offset));
        table.Clear();
        Assert.Equal(0u, table.Find(GuestMemory.WindowStart + 1));
        table.Dispose();
    }
}
