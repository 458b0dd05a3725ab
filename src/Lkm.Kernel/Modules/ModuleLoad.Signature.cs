using Lkm.Formats;
using Lkm.Formats.Signatures;
using Lkm.Kernel.Functions;

namespace Lkm.Kernel.Modules;

// kernel/module/signing.c.
internal sealed partial class ModuleLoad
{
    private const long LockdownModuleSignature = 1;

    /// <summary>
    /// module_sig_check(): the cryptography is the image's own (mod_verify_sig()), against the keys that it was built with; what follows
    /// from its result is decided here. Strips the signature from the file.
    /// </summary>
    private async GuestTask<Refusal?> CheckSignature()
    {
        if (!_kernel.Has("mod_verify_sig"))
            return null;
        var code = -(int)Errno.ENODATA;
        var marker = ModuleSignature.Marker.Length;
        var mayHaveOne = (_flags & (ModuleLoadFlags.IgnoreModversions | ModuleLoadFlags.IgnoreVermagic)) == 0 && _info.Length > (ulong)marker;
        if (mayHaveOne && Memory.Span(_info.Header + _info.Length - (ulong)marker, marker).SequenceEqual(ModuleSignature.Marker))
        {
            _info.Length -= (ulong)marker;
            code = await _kernel.CallInt("mod_verify_sig", _info.Header, _info.Address);
            if (code == 0)
            {
                _info.SetSigned();
                Passed("signature", "verified");
                return null;
            }
        }

        var reason = (Errno)(-code) switch
        {
            Errno.ENODATA => "unsigned module",
            Errno.ENOPKG => "module with unsupported crypto",
            Errno.ENOKEY => "module with unavailable key",
            _ => null,
        };
        if (reason is null)
            return new Refusal(code, "the module's signature is wrong: the file was changed after it was signed, or is damaged");
        if ((await _kernel.Call("is_module_sig_enforced") & 0xff) != 0)
        {
            _kernel.Notice($"Loading of {reason} is rejected");
            return new Refusal(Errno.EKEYREJECTED, $"{reason}: this kernel takes signed modules only (module.sig_enforce)");
        }

        code = await _kernel.IsLockedDown(LockdownModuleSignature);
        Passed("signature", reason);
        return code == 0 ? null : new Refusal(code, $"{reason}: the kernel is locked down");
    }

    /// <summary>The taint of a module whose signature was not verified. Linux says so once; the kernel's taint remembers that.</summary>
    private async GuestTask NoteSignature()
    {
        if (!_kernel.Has("mod_verify_sig"))
            return;
        _module.WriteFlag("sig_ok", _info.IsSigned);
        if (_info.IsSigned)
            return;
        if (!_kernel.IsTainted(Modules.Taint.UnsignedModule))
            _kernel.Notice($"{Name}: module verification failed: signature and/or required key missing - tainting kernel");
        await Taint(Modules.Taint.UnsignedModule);
    }
}
