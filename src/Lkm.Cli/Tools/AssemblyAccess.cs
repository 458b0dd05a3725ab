using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Lkm.Tools.Tests")]
