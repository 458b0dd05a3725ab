global using unsafe Handler = delegate*<Lkm.Machine.Op*, Lkm.Machine.CpuRecord*, byte*, byte*, nint>;
