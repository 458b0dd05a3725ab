namespace Lkm.Kernel.Tests.Modules;

/// <summary>Damaged modules: each is refused, or loaded, or ends in an oops of the guest as on Linux; never in an error of the host.</summary>
[Collection(KernelCollection.Name)]
public sealed class LoaderFuzzTests
{
    private const int Mutations = 300;

    [Fact]
    public void Mutations_are_answered()
    {
        var random = new System.Random(20240611);
        var kernel = new KernelWithModules();
        var original = kernel.Files["provider.ko"];
        var headers = (int)BitConverter.ToUInt64(original, 40);
        int loaded = 0, refused = 0, oopsed = 0;
        for (var i = 0; i < Mutations; i++)
        {
            var file = (byte[])original.Clone();
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                var at = random.Next(2) == 0 ? random.Next(64) : random.Next(headers, original.Length);
                file[at] = random.Next(3) == 0 ? (byte)random.Next(256) : (byte)(file[at] ^ (1 << random.Next(8)));
            }

            var result = kernel.LoadBytes(file);
            if (result is null)
            {
                // The process was killed, and what it held is lost, as on Linux.
                Assert.Contains(kernel.Kernel.Log.Records, record => record.Level <= 1);
                oopsed++;
                kernel.Dispose();
                kernel = new KernelWithModules();
            }
            else if (result.Succeeded)
            {
                loaded++;
                Assert.True(kernel.Unload(result.Name).Succeeded);
            }
            else
            {
                refused++;
                Assert.NotEmpty(result.Explanation);
            }
        }

        Assert.Equal("", kernel.ReadFile("/proc/modules"));
        kernel.Dispose();
        Assert.True(loaded > 0 && refused > Mutations / 4 && oopsed < Mutations / 10, $"{loaded} loaded, {refused} refused, {oopsed} oopsed");
    }
}
