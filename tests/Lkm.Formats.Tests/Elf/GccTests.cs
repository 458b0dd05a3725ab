using System.Diagnostics;
using Lkm.Formats.Elf;
using Lkm.Formats.Modules;

namespace Lkm.Formats.Tests.Elf;

/// <summary>
/// The readers against a real compiler's and assembler's output, with export entries written as include/linux/export.h does.
/// </summary>
public class GccTests
{
    private const string Source = """
        static const char info[] __attribute__((section(".modinfo"), used)) = "license=GPL";
        extern int absent(int) __attribute__((weak));
        extern int needed(int);
        int twice(int x) { return 2 * (absent ? absent(x) : needed(x)); }
        asm(".section \"__ksymtab_strings\",\"aMS\",%progbits,1\n"
            "__kstrtab_twice: .asciz \"twice\"\n"
            "__kstrtabns_twice: .asciz \"ARITHMETIC\"\n"
            ".previous\n"
            ".section \"___ksymtab_gpl+twice\", \"a\"\n"
            ".balign 4\n"
            "__ksymtab_twice: .long twice - .\n"
            ".long __kstrtab_twice - .\n"
            ".long __kstrtabns_twice - .\n"
            ".previous\n");
        """;

    [Fact]
    public void ReadsWhatGccWrites()
    {
        string folder = Directory.CreateTempSubdirectory("lkm-formats-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "a.c"), Source);
            string[] arguments = ["-O2", "-mcmodel=kernel", "-fno-pic", "-fcf-protection=none", "-ffreestanding", "-c", "a.c", "-o", "a.o"];
            using Process gcc = Process.Start(new ProcessStartInfo("gcc", arguments) { WorkingDirectory = folder })!;
            gcc.WaitForExit();
            Assert.Equal(0, gcc.ExitCode);

            ModuleFile module = ModuleFile.Read(Path.Combine(folder, "a.o"), ElfKind.Module).Value;

            Assert.Equal("GPL", module.Info["license"u8]);
            ExportedSymbol export = Assert.Single(module.Exports().Value);
            Assert.Equal(("twice", "ARITHMETIC", true, null), (export.Name, export.Namespace, export.IsGplOnly, export.Crc));
            Assert.Equal([("absent", true), ("needed", false)],
                module.Imports().Value.Select(import => (import.Name, import.IsWeak)).OrderBy(import => import.Name));
            ElfRelocationTable relocations = module.Elf.RelocationsFor(module.Elf.FindSection(".text"u8)!).Value!;
            Assert.All(Enumerable.Range(0, relocations.Count), i => Assert.True(relocations[i].X86Type.Width() > 0));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
