#!/bin/bash
# The tools' readers against mutated input: fuzz.sh [COUNT], 34000 of each kind: modules (plain and compressed), indexes, configuration files, and depmod's
# caches; 102,000 of the first three. Objects are held to 256 MiB by the runtime: what needs more fails.
set -eu
cd "$(dirname "$0")/../.."
dotnet build tests/Lkm.Tools.Tests -c Release -nologo -v quiet
export LKM_FUZZ_COUNT=${1:-34000} DOTNET_GCHeapHardLimit=0x10000000
dotnet test tests/Lkm.Tools.Tests -c Release --no-build -nologo --filter 'FullyQualifiedName~HostileInput' --logger 'console;verbosity=normal'
