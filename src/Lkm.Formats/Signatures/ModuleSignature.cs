using System.Buffers.Binary;
using System.Text;

namespace Lkm.Formats.Signatures;

/// <summary>How a module's signature names its key (enum pkey_id_type of include/linux/module_signature.h).</summary>
public enum SignatureIdType : byte
{
    /// <summary>OpenPGP</summary>
    Pgp = 0,

    /// <summary>X.509, the form of Linux before 4.3</summary>
    X509 = 1,

    /// <summary>PKCS#7, the only one that Linux still accepts</summary>
    Pkcs7 = 2,
}

/// <summary>
/// The signature behind a module: signer's name, key id and signature data, then struct module_signature (12 bytes), then a
/// marker line. It is read, not verified.
/// </summary>
public sealed class ModuleSignature
{
    private const int InfoSize = 12;

    private readonly string? _file;
    private readonly byte[] _info;

    private ModuleSignature(string? file, byte[] info, int contentLength)
    {
        _file = file;
        _info = info;
        ContentLength = contentLength;
    }

    /// <summary>The line that ends a signed module (MODULE_SIG_STRING).</summary>
    public static ReadOnlySpan<byte> Marker => "~Module signature appended~\n"u8;

    /// <summary>Size in bytes of what is signed: the object file before the signature.</summary>
    public int ContentLength { get; }

    /// <summary>How the key is named.</summary>
    public SignatureIdType IdType => (SignatureIdType)_info[2];

    /// <summary>What modinfo prints as sig_id: PGP, X509 or PKCS#7; "unknown" for others.</summary>
    public string IdTypeName => IdType switch
    {
        SignatureIdType.Pgp => "PGP",
        SignatureIdType.X509 => "X509",
        SignatureIdType.Pkcs7 => "PKCS#7",
        _ => "unknown",
    };

    /// <summary>The signature data as they stand in the file: of PKCS#7 the whole message.</summary>
    public required ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>Common name of the signing certificate's issuer.</summary>
    public required string Signer { get; init; }

    /// <summary>Serial number of the signing certificate, or its key identifier; modinfo's sig_key.</summary>
    public required ReadOnlyMemory<byte> KeyId { get; init; }

    /// <summary>Digest by the kernel's name, such as sha256; "unknown" when it is not known or the message is damaged.</summary>
    public required string HashAlgorithm { get; init; }

    /// <summary>The signature itself, without the message around it.</summary>
    public required ReadOnlyMemory<byte> Signature { get; init; }

    /// <summary>False when <see cref="Data"/> should be a PKCS#7 message and is not.</summary>
    public required bool IsWellFormed { get; init; }

    /// <summary>Reads the signature of a module.</summary>
    /// <param name="module">The whole file, decompressed.</param>
    /// <param name="file">Name for error messages.</param>
    /// <returns>Null as value when the file is not signed; EBADMSG when the marker is there and what it announces is
    /// not.</returns>
    public static Result<ModuleSignature?> Read(ReadOnlyMemory<byte> module, string? file = null)
    {
        if (module.Length < Marker.Length || !module.Span[^Marker.Length..].SequenceEqual(Marker))
            return default(Result<ModuleSignature?>);
        int infoAt = module.Length - Marker.Length - InfoSize;
        if (infoAt <= 0)
            return new FormatError(file, 0, "nothing stands before the module signature's marker", Errno.EBADMSG);

        byte[] info = module.Slice(infoAt, InfoSize).ToArray();
        uint dataLength = BinaryPrimitives.ReadUInt32BigEndian(info.AsSpan(8));
        int signerLength = info[3], keyIdLength = info[4];
        if (dataLength >= infoAt || signerLength + keyIdLength > infoAt - dataLength)
            return new FormatError(file, infoAt, $"module signature of {dataLength} bytes is longer than the file before it", Errno.EBADMSG);

        ReadOnlyMemory<byte> data = module.Slice(infoAt - (int)dataLength, (int)dataLength);
        int namesAt = infoAt - (int)dataLength - signerLength - keyIdLength;
        if (info[2] != (byte)SignatureIdType.Pkcs7)
        {
            return new ModuleSignature(file, info, namesAt)
            {
                Data = data,
                Signer = Encoding.UTF8.GetString(module.Span.Slice(namesAt, signerLength)),
                KeyId = module.Slice(namesAt + signerLength, keyIdLength),
                HashAlgorithm = OldHashName(info[1]),
                Signature = data,
                IsWellFormed = true,
            };
        }

        bool isWellFormed = Pkcs7Signer.TryRead(data.Span, out Pkcs7Signer signer);
        return new ModuleSignature(file, info, namesAt)
        {
            Data = data,
            Signer = isWellFormed ? signer.Signer : "",
            KeyId = isWellFormed ? signer.KeyId : default(ReadOnlyMemory<byte>),
            HashAlgorithm = isWellFormed ? signer.HashAlgorithm : "unknown",
            Signature = isWellFormed ? signer.Signature : default(ReadOnlyMemory<byte>),
            IsWellFormed = isWellFormed,
        };
    }

    /// <summary>What mod_check_sig() of kernel/module_signature.c and the PKCS#7 parser object to; null when nothing.</summary>
    public FormatError? CheckForKernel()
    {
        if (IdType != SignatureIdType.Pkcs7)
            return new FormatError(_file, ContentLength, $"signed with {IdTypeName}, not with a PKCS#7 message", Errno.ENOPKG);
        if (_info[0] != 0 || _info[1] != 0 || _info.AsSpan(3, 5).ContainsAnyExcept((byte)0))
            return new FormatError(_file, ContentLength, "module signature has non-zero parameters that PKCS#7 does not use", Errno.EBADMSG);
        return IsWellFormed ? null : new FormatError(_file, ContentLength, "module signature is not a well-formed PKCS#7 message", Errno.EBADMSG);
    }

    /// <summary>enum pkey_hash_algo of Linux before 4.3.</summary>
    private static string OldHashName(byte hash) => hash switch
    {
        0 => "md4",
        1 => "md5",
        2 => "sha1",
        3 => "rmd160",
        4 => "sha256",
        5 => "sha384",
        6 => "sha512",
        7 => "sha224",
        8 => "sm3",
        _ => "unknown",
    };
}
