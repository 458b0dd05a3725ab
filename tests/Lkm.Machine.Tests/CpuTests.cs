using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Lkm.Machine.Tests;

/// <summary>Exits, clocks, hooks, faults and changing code.</summary>
public class CpuTests
{
    private static void Count(Assembler a)
    {
        var loop = a.CreateLabel();
        a.mov(ecx, 10);
        a.xor(eax, eax);
        a.Label(ref loop);
        a.add(rax, rcx);
        a.dec(rcx);
        a.jne(loop);
        a.ret();
    }

    [Fact]
    public void Return_to_address_0_is_a_page_fault_there()
    {
        using var machine = new TestMachine().Load(a =>
        {
            a.push(0);
            a.ret();
        });
        var exit = machine.Run();
        Assert.Equal((CpuExitKind.Exception, CpuVector.PageFault, 0UL), (exit.Kind, exit.Vector, machine.Cpu.Rip));
    }

    [Fact]
    public void A_function_runs_and_returns_into_a_hook()
    {
        using var machine = new TestMachine().Load(Count);
        var exit = machine.Run();
        Assert.Equal((CpuExitKind.Hook, TestMachine.Done, 55UL), (exit.Kind, exit.Address, machine.Cpu.Rax));
        Assert.Equal(33, machine.Cpu.Instructions);
    }

    [Fact]
    public void A_budget_ends_at_an_edge_that_depends_on_nothing_but_the_instructions()
    {
        using var cold = new TestMachine().Load(Count);
        using var warm = new TestMachine().Load(Count);
        warm.Run();
        warm.Cpu.Rip = TestMachine.Code + 5; // other traces: from the middle
        warm.Run(12);
        for (var budget = 1; budget < 40; budget++)
        {
            cold.Reset();
            warm.Reset();
            var (before, beforeWarm) = (cold.Cpu.Instructions, warm.Cpu.Instructions);
            Assert.Equal(cold.Run(budget).Kind, warm.Run(budget).Kind);
            Assert.Equal((cold.Cpu.Rip, cold.Cpu.Rcx, cold.Cpu.Rflags), (warm.Cpu.Rip, warm.Cpu.Rcx, warm.Cpu.Rflags));
            Assert.Equal(cold.Cpu.Instructions - before, warm.Cpu.Instructions - beforeWarm);
            Assert.InRange(cold.Cpu.Instructions - before, Math.Min(budget, 33), budget + 5);
        }
        Assert.Equal(CpuExitKind.Budget, cold.Run(0).Kind);
    }

    [Fact]
    public void A_run_in_pieces_is_the_same_run()
    {
        using var machine = new TestMachine().Load(Count);
        while (machine.Run(1).Kind == CpuExitKind.Budget)
        {
        }
        Assert.Equal((55UL, 33L), (machine.Cpu.Rax, machine.Cpu.Instructions));
    }

    [Fact]
    public void A_hook_needs_no_memory()
    {
        using var machine = new TestMachine().Load(a => a.ret());
        machine.Cpu.Hook(0xDEAD_0000);
        machine.Memory.WriteUInt64(machine.Cpu.Rsp, 0xDEAD_0000);
        Assert.Equal((CpuExitKind.Hook, 0xDEAD_0000UL), (machine.Run().Kind, machine.Cpu.Rip));
        machine.Cpu.Unhook(0xDEAD_0000);
        Assert.Equal(CpuExitKind.Exception, machine.Run().Kind);
    }

    [Fact]
    public void A_hook_stops_before_its_instruction_and_can_be_passed()
    {
        using var machine = new TestMachine().Load(Count);
        machine.Run();
        machine.Cpu.Hook(TestMachine.Code + 7); // the loop, already decoded
        machine.Reset();
        for (var i = 10; i > 0; i--)
        {
            Assert.Equal(new CpuExit(CpuExitKind.Hook, 0, 0, TestMachine.Code + 7, 0, false, Shadow.Unmapped), machine.Run());
            Assert.Equal((ulong)i, machine.Cpu.Rcx);
            Assert.Equal(CpuExitKind.Hook, machine.Run().Kind); // again, unless told otherwise
            Assert.Equal((ulong)i, machine.Cpu.Rcx);
            machine.Cpu.SkipHookOnce = true;
        }
        Assert.Equal(TestMachine.Done, machine.Run().Address);
        Assert.Equal(55UL, machine.Cpu.Rax);
        machine.Cpu.Unhook(TestMachine.Code + 7);
        machine.Reset();
        Assert.Equal(TestMachine.Done, machine.Run().Address);
    }

    [Fact]
    public void What_is_behind_a_hook_is_executed_as_it_is_now()
    {
        using var machine = new TestMachine().Load([0xB0, 1, 0xC3]); // mov al, 1; ret
        machine.Cpu.Hook(TestMachine.Code);
        for (byte value = 1; value < 9; value++)
        {
            machine.Memory.Span(TestMachine.Code, 2)[1] = value;
            machine.Cpu.InvalidateCode(TestMachine.Code, 2);
            for (var time = 0; time < 2; time++)
            {
                machine.Reset();
                Assert.Equal(CpuExitKind.Hook, machine.Run().Kind);
                machine.Cpu.SkipHookOnce = true;
                Assert.Equal(TestMachine.Done, machine.Run().Address);
                Assert.Equal(value, machine.Cpu.Rax);
            }
        }

        machine.NotExecutable.Add(TestMachine.Code & ~(GuestMemory.PageSize - 1));
        machine.Reset();
        Assert.Equal(CpuExitKind.Hook, machine.Run().Kind);
        machine.Cpu.SkipHookOnce = true;
        Assert.Equal(CpuExitKind.Exception, machine.Run().Kind);
    }

    [Fact]
    public void The_trap_flag_stops_after_each_instruction()
    {
        using var machine = new TestMachine().Load(Count);
        machine.Cpu.TrapFlag = true;
        var steps = 0;
        CpuExit exit;
        while ((exit = machine.Run()).Kind == CpuExitKind.Exception)
        {
            Assert.Equal(CpuVector.Debug, exit.Vector);
            Assert.Equal(++steps, machine.Cpu.Instructions);
        }
        Assert.Equal((33, 55UL, CpuExitKind.Hook), (steps, machine.Cpu.Rax, exit.Kind));
    }

    [Fact]
    public void POPF_starts_single_steps_with_the_next_instruction()
    {
        using var machine = new TestMachine().Load(a =>
        {
            a.push(0x302);
            a.popfq();
            a.inc(eax);
            a.inc(eax);
        });
        Assert.Equal(CpuVector.Debug, machine.Run().Vector);
        Assert.Equal(1UL, machine.Cpu.Rax);
        Assert.True(machine.Cpu.InterruptFlag);
    }

    [Theory]
    [InlineData(0UL, 4, 0u)]
    [InlineData(0xFFFF_8000_0000_0000UL, 4, 0u)]
    [InlineData(TestMachine.Data + 0x10000, 4, 0u)]
    [InlineData(TestMachine.Data + 0xFFFE, 4, 0u)]
    public void A_read_that_is_not_allowed_changes_nothing(ulong address, int size, uint error)
    {
        using var machine = new TestMachine().Load(a =>
        {
            a.stc();
            a.adc(eax, __dword_ptr[rbx]);
        });
        machine.Cpu.Rbx = address;
        machine.Cpu.Rax = 5;
        var exit = machine.Run();
        Assert.Equal((CpuExitKind.Exception, CpuVector.PageFault, error, size), (exit.Kind, exit.Vector, exit.ErrorCode, exit.Size));
        Assert.Equal(address == TestMachine.Data + 0xFFFE ? address + 2 : address, exit.Address);
        Assert.Equal((TestMachine.Code + 1, 5UL, 1UL, exit.Address), (machine.Cpu.Rip, machine.Cpu.Rax, machine.Cpu.Rflags & 1, machine.Cpu.Cr2));
        Assert.Equal(1, machine.Cpu.Instructions);
    }

    [Fact]
    public void Poison_says_which_and_can_be_stepped_over()
    {
        using var machine = new TestMachine().Load(a =>
        {
            a.mov(__qword_ptr[rbx + 8], rax);
            a.hlt();
        });
        machine.Memory.SetAccess(TestMachine.Data + 8, 8, Shadow.Freed);
        (machine.Cpu.Rbx, machine.Cpu.Rax) = (TestMachine.Data, 77);
        var exit = machine.Run();
        Assert.Equal((Shadow.Freed, true, TestMachine.Data + 8, 8), (exit.Shadow, exit.Write, exit.Address, exit.Size));
        Assert.Equal((uint)PageFaultError.Write, exit.ErrorCode);
        Assert.Equal(CpuExitKind.Budget, machine.Cpu.StepIgnoringShadow().Kind);
        Assert.Equal(77UL, machine.Memory.ReadUInt64(TestMachine.Data + 8));
        Assert.Equal(CpuExitKind.Halt, machine.Run().Kind);
    }

    [Fact]
    public void Objects_end_at_the_byte()
    {
        using var machine = new TestMachine().Load(a =>
        {
            a.movzx(eax, __byte_ptr[rbx]);
            a.hlt();
        });
        machine.Memory.SetAccess(TestMachine.Data, 64, Shadow.Redzone);
        machine.Memory.Allow(TestMachine.Data, 13);
        for (var offset = 0UL; offset < 24; offset++)
        {
            machine.Reset();
            machine.Cpu.Rbx = TestMachine.Data + offset;
            Assert.Equal(offset < 13 ? CpuExitKind.Halt : CpuExitKind.Exception, machine.Run().Kind);
        }
    }

    [Fact]
    public void Read_only_memory_is_present_and_forbids_writes()
    {
        using var machine = new TestMachine().Load(a => a.add(__dword_ptr[rbx], 1));
        machine.Memory.SetAccess(TestMachine.Data, 8, Shadow.ReadOnly);
        machine.Cpu.Rbx = TestMachine.Data;
        var exit = machine.Run();
        Assert.Equal((uint)(PageFaultError.Present | PageFaultError.Write), exit.ErrorCode);
        Assert.Equal(Shadow.ReadOnly, exit.Shadow);
    }

    [Fact]
    public void Read_only_memory_is_written_while_write_protection_is_off()
    {
        const ulong writeProtect = 1 << 16;
        using var machine = new TestMachine().Load(a =>
        {
            a.add(__dword_ptr[rbx], 1);
            a.mov(rdi, rbx);
            a.mov(ecx, 2);
            a.rep.stosq();
            a.hlt();
        });
        machine.Memory.SetAccess(TestMachine.Data, 8, Shadow.ReadOnly);
        machine.Cpu.Rbx = TestMachine.Data;
        machine.Cpu.Rax = 7;
        machine.Cpu.Cr0 &= ~writeProtect;
        Assert.Equal(CpuExitKind.Halt, machine.Run().Kind);
        Assert.Equal(7UL, machine.Memory.ReadUInt64(TestMachine.Data));
        Assert.Equal(7UL, machine.Memory.ReadUInt64(TestMachine.Data + 8));
        machine.Cpu.Cr0 |= writeProtect;
        machine.Reset();
        Assert.Equal(CpuVector.PageFault, machine.Run().Vector);
    }

    [Fact]
    public void Page_tables_are_asked_when_read_only_memory_is_written()
    {
        using var machine = new TestMachine().Load(a =>
        {
            a.add(__qword_ptr[rbx], 1);
            a.hlt();
        });
        machine.Memory.SetAccess(TestMachine.Data, 16, Shadow.ReadOnly);
        machine.BecomesWritable = address =>
        {
            machine.Memory.SetAccess(address & ~7UL, 8, Shadow.Accessible);
            return true;
        };
        machine.Cpu.Rbx = TestMachine.Data + 4;
        Assert.Equal(CpuExitKind.Halt, machine.Run().Kind);
        Assert.Equal(1UL, machine.Memory.ReadUInt64(TestMachine.Data + 4));
    }

    [Theory]
    [InlineData(0x1000, 0x1000)] // the target lies there
    [InlineData(0xFFE, 0x1000)] // an instruction reaches into it
    public void Code_is_not_fetched_where_page_tables_forbid_it(int target, int fault)
    {
        using var machine = new TestMachine().Load(a => a.jmp(TestMachine.Code + (ulong)target));
        byte[] instruction = [0xb8, 1, 0, 0, 0, 0xf4]; // mov eax, 1; hlt
        instruction.CopyTo(machine.Memory.Span(TestMachine.Code + (ulong)target, instruction.Length));
        machine.NotExecutable.Add(TestMachine.Code + 0x1000);
        var exit = machine.Run();
        Assert.Equal(CpuVector.PageFault, exit.Vector);
        Assert.Equal((uint)(PageFaultError.Present | PageFaultError.Fetch), exit.ErrorCode);
        Assert.Equal(TestMachine.Code + (ulong)fault, exit.Address);
        Assert.Equal(TestMachine.Code + (ulong)target, machine.Cpu.Rip);
        machine.NotExecutable.Clear();
        Assert.Equal(CpuExitKind.Halt, machine.Run().Kind);
    }

    [Fact]
    public void A_fault_in_a_repetition_shows_how_far_it_got()
    {
        using var machine = new TestMachine().Load(a => a.rep.movsb());
        machine.Memory.SetAccess(TestMachine.Data + 0x1000, 0x20, Shadow.Accessible);
        machine.Memory.SetAccess(TestMachine.Data + 0x1020, 0x20, Shadow.Redzone);
        machine.Cpu.Rsi = TestMachine.Data;
        machine.Cpu.Rdi = TestMachine.Data + 0x1000;
        machine.Cpu.Rcx = 100;
        var exit = machine.Run();
        Assert.Equal((Shadow.Redzone, TestMachine.Data + 0x1020, TestMachine.Code), (exit.Shadow, exit.Address, machine.Cpu.Rip));
        Assert.Equal((68UL, TestMachine.Data + 0x20), (machine.Cpu.Rcx, machine.Cpu.Rsi));
        machine.Memory.SetAccess(TestMachine.Data + 0x1020, 0x100, Shadow.Accessible);
        machine.Cpu.Hook(TestMachine.Code + 2);
        Assert.Equal(CpuExitKind.Hook, machine.Run().Kind);
        Assert.Equal((0UL, TestMachine.Data + 100), (machine.Cpu.Rcx, machine.Cpu.Rsi));
    }

    [Fact]
    public void Addresses_that_are_not_canonical_raise_GP()
    {
        using var machine = new TestMachine().Load(a => a.mov(eax, __dword_ptr[rbx]));
        machine.Cpu.Rbx = 0x0800_0000_0000_0000;
        Assert.Equal(CpuVector.GeneralProtection, machine.Run().Vector);
        machine.Load(a => a.jmp(rbx));
        machine.Cpu.Rbx = 0x0800_0000_0000_0000;
        Assert.Equal(CpuVector.GeneralProtection, machine.Run().Vector);
        Assert.Equal(TestMachine.Code, machine.Cpu.Rip);
    }

    [Fact]
    public void Fetching_where_nothing_is_faults_at_the_target()
    {
        using var machine = new TestMachine().Load(a => a.jmp(rbx));
        machine.Cpu.Rbx = TestMachine.Data + 0x10000;
        var exit = machine.Run();
        Assert.Equal((CpuVector.PageFault, (uint)PageFaultError.Fetch, TestMachine.Data + 0x10000), (exit.Vector, exit.ErrorCode, exit.Address));
        Assert.Equal(TestMachine.Data + 0x10000, machine.Cpu.Rip);
        machine.Load(0x90, 0x90);
        machine.Memory.SetAccess(TestMachine.Code + 8, 8, Shadow.Freed);
        machine.Load(0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x48, 0xB8); // an instruction that ends in freed memory
        exit = machine.Run();
        Assert.Equal((TestMachine.Code + 8, Shadow.Freed, TestMachine.Code + 6), (exit.Address, exit.Shadow, machine.Cpu.Rip));
    }

    [Fact]
    public void Divisions_that_do_not_fit_raise_DE()
    {
        using var machine = new TestMachine();
        foreach (var (code, rax, rdx, divisor) in new (Action<Assembler>, ulong, ulong, ulong)[]
        {
            (a => a.div(rbx), 1, 0, 0), (a => a.idiv(rbx), 1, 0, 0), (a => a.div(rbx), 0, 5, 5), (a => a.idiv(rbx), 1UL << 63, ulong.MaxValue, ulong.MaxValue),
            (a => a.idiv(rbx), 0, 1UL << 63, ulong.MaxValue), (a => a.idiv(ebx), 0x80000000, 0xFFFFFFFF, 0xFFFFFFFF), (a => a.idiv(bl), 0xFF80, 0, 0xFF), (a => a.div(bl), 0x200, 0, 2),
            (a => a.idiv(rbx), 0, 1, 2), (a => a.idiv(bx), 0x8000, 0xFFFF, 0xFFFF),
        })
        {
            machine.Load(code);
            (machine.Cpu.Rax, machine.Cpu.Rdx, machine.Cpu.Rbx) = (rax, rdx, divisor);
            var exit = machine.Run();
            Assert.Equal((CpuExitKind.Exception, CpuVector.DivideError), (exit.Kind, exit.Vector));
            Assert.Equal((rax, rdx, TestMachine.Code), (machine.Cpu.Rax, machine.Cpu.Rdx, machine.Cpu.Rip));
        }
    }

    [Fact]
    public void Traps_end_the_run_with_RIP_where_the_manual_says()
    {
        using var machine = new TestMachine();
        var exit = machine.Load(0xCC).Run();
        Assert.Equal((CpuVector.Breakpoint, TestMachine.Code + 1, false), (exit.Vector, machine.Cpu.Rip, exit.IsSoftwareInterrupt));
        exit = machine.Load(0xCD, 0x80).Run();
        Assert.Equal((0x80, TestMachine.Code + 2, true), (exit.Vector, machine.Cpu.Rip, exit.IsSoftwareInterrupt));
        exit = machine.Load(0x0F, 0x0B).Run();
        Assert.Equal((CpuExitKind.Exception, CpuVector.InvalidOpcode, TestMachine.Code), (exit.Kind, exit.Vector, machine.Cpu.Rip));
        exit = machine.Load(0x06).Run(); // PUSH ES: no instruction of 64-bit mode
        Assert.Equal((CpuExitKind.Exception, CpuVector.InvalidOpcode), (exit.Kind, exit.Vector));
        exit = machine.Load(0x0F, 0x05).Run();
        Assert.Equal((CpuExitKind.SystemCall, TestMachine.Code), (exit.Kind, machine.Cpu.Rip));
        exit = machine.Load(0xC5, 0xFD, 0x6F, 0x00).Run();
        Assert.Equal((CpuExitKind.Unsupported, TestMachine.Code), (exit.Kind, machine.Cpu.Rip));
        Assert.Equal("vmovdqa ymm0,ymmword ptr [rax]", machine.Cpu.UnsupportedInstruction);
    }

    [Fact]
    public void Code_that_changes_the_next_instruction_runs_the_new_one()
    {
        using var machine = new TestMachine().Load(0xC6, 0x03, 0xC2, 0xFF, 0xC0, 0xF4); // MOV [RBX], C2; INC EAX, to become INC EDX; HLT
        var target = TestMachine.Code + 3;
        machine.Cpu.Rbx = target + 1;
        Assert.Equal(CpuExitKind.Halt, machine.Run().Kind);
        Assert.Equal((0UL, 1UL, 3L), (machine.Cpu.Rax, machine.Cpu.Rdx, machine.Cpu.Instructions));
    }

    [Fact]
    public void Callers_of_changed_code_find_the_new_code()
    {
        using var machine = new TestMachine().Load(a =>
        {
            var (loop, function) = (a.CreateLabel(), a.CreateLabel());
            a.Label(ref loop);
            a.call(function);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
            a.Label(ref function);
            a.add(ebx, 1);
            a.mov(eax, ebx);
            a.ret();
        });
        machine.Cpu.Rcx = 10;
        machine.Run();
        Assert.Equal(10UL, machine.Cpu.Rax);
        var immediate = TestMachine.Code + 10 + 2;
        Assert.Equal(1, machine.Memory.ReadByte(immediate));
        Assert.Equal(Shadow.Code, machine.Memory.ShadowAt(immediate));
        machine.Memory.WriteByte(immediate, 5); // a trusted write, as text_poke does
        machine.Cpu.InvalidateCode(immediate, 1);
        machine.Reset();
        machine.Cpu.Rcx = 10;
        machine.Run();
        Assert.Equal(60UL, machine.Cpu.Rax);
        // and when the memory is given to something else
        machine.Memory.SetAccess(TestMachine.Code, 0x1000, Shadow.FreePage);
        machine.Reset();
        Assert.Equal(Shadow.FreePage, machine.Run().Shadow);
    }

    [Fact]
    public void State_can_be_taken_out_and_put_back()
    {
        using var machine = new TestMachine().Load(Count);
        machine.Cpu.SetXmm(3, new UInt128(1, 2));
        machine.Cpu.GsBase = 0x1234;
        machine.Run(10);
        var state = machine.Cpu.Save();
        machine.Run();
        machine.Cpu.GsBase = 0;
        var end = machine.Cpu.Instructions;
        machine.Cpu.Restore(state);
        Assert.Equal((state.Rip, state.Rflags, state.Instructions), (machine.Cpu.Rip, machine.Cpu.Rflags, machine.Cpu.Instructions));
        Assert.Equal((new UInt128(1, 2), 0x1234UL), (machine.Cpu.GetXmm(3), machine.Cpu.GsBase));
        machine.Run();
        Assert.Equal((55UL, end), (machine.Cpu.Rax, machine.Cpu.Instructions));
    }

    [Fact]
    public void An_instruction_with_a_condition_that_is_not_known_is_not_passed_over()
    {
        using var machine = new TestMachine().Load(0x31, 0xC0, 0xC4, 0xE2, 0x61, 0xE0, 0x45, 0xD2); // xor eax, eax; cmpoxadd [rbp-2eh], eax, ebx
        Assert.Equal((CpuExitKind.Unsupported, TestMachine.Code + 2), (machine.Run().Kind, machine.Cpu.Rip));
    }
}
