namespace Lkm.Formats.Signatures;

/// <summary>The first signer of a PKCS#7 SignedData message (RFC 2315 section 9, RFC 5652 section 5).</summary>
/// <param name="Signer">Common name of the certificate's issuer; empty when the key is named by its identifier alone.</param>
/// <param name="KeyId">Serial number of the certificate, or its subject key identifier.</param>
/// <param name="HashAlgorithm">Digest by the kernel's name, such as sha256; "unknown" for others.</param>
/// <param name="Signature">The signature itself.</param>
internal readonly record struct Pkcs7Signer(string Signer, byte[] KeyId, string HashAlgorithm, byte[] Signature)
{
    /// <summary>Reads a message; false when it is not well-formed.</summary>
    public static bool TryRead(ReadOnlySpan<byte> message, out Pkcs7Signer signer)
    {
        signer = default;
        var outer = new DerReader(message);
        if (!outer.TryEnter(DerTag.Sequence, out DerReader contentInfo)
            || !contentInfo.TryRead(DerTag.ObjectIdentifier, out ReadOnlySpan<byte> contentType)
            || !contentType.SequenceEqual((ReadOnlySpan<byte>)[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02])
            || !contentInfo.TryEnter(DerTag.Context0, out DerReader content)
            || !content.TryEnter(DerTag.Sequence, out DerReader signedData)
            || !signedData.TryRead(DerTag.Integer, out _)
            || !signedData.TryRead(DerTag.Set, out _)
            || !signedData.TryRead(DerTag.Sequence, out _))
            return false;
        signedData.SkipOptional(DerTag.Context0);
        signedData.SkipOptional(DerTag.Context1);
        return signedData.TryEnter(DerTag.Set, out DerReader signerInfos)
            && signerInfos.TryEnter(DerTag.Sequence, out DerReader signerInfo)
            && TryReadSignerInfo(signerInfo, out signer);
    }

    private static bool TryReadSignerInfo(DerReader info, out Pkcs7Signer signer)
    {
        signer = default;
        string name = "";
        if (!info.TryRead(DerTag.Integer, out _))
            return false;
        if (info.TryEnter(DerTag.Sequence, out DerReader issuerAndSerial))
        {
            if (!issuerAndSerial.TryEnter(DerTag.Sequence, out DerReader issuer) || !issuerAndSerial.TryRead(DerTag.Integer, out ReadOnlySpan<byte> serial))
                return false;
            name = CommonName(issuer);
            while (serial is [0, ..])
                serial = serial[1..];
            return TryReadSignature(info, name, serial, out signer);
        }

        return info.TryRead(DerTag.ContextPrimitive0, out ReadOnlySpan<byte> keyId) && TryReadSignature(info, name, keyId, out signer);
    }

    private static bool TryReadSignature(DerReader info, string name, ReadOnlySpan<byte> keyId, out Pkcs7Signer signer)
    {
        signer = default;
        if (!info.TryEnter(DerTag.Sequence, out DerReader digest) || !digest.TryRead(DerTag.ObjectIdentifier, out ReadOnlySpan<byte> digestId))
            return false;
        info.SkipOptional(DerTag.Context0);
        if (!info.TryRead(DerTag.Sequence, out _) || !info.TryRead(DerTag.OctetString, out ReadOnlySpan<byte> signature))
            return false;
        signer = new Pkcs7Signer(name, keyId.ToArray(), HashName(digestId), signature.ToArray());
        return true;
    }

    /// <summary>The CN attribute (2.5.4.3) of a distinguished name.</summary>
    private static string CommonName(DerReader distinguishedName)
    {
        while (distinguishedName.TryEnter(DerTag.Set, out DerReader relative))
        {
            while (relative.TryEnter(DerTag.Sequence, out DerReader attribute))
            {
                if (attribute.TryRead(DerTag.ObjectIdentifier, out ReadOnlySpan<byte> type)
                    && type.SequenceEqual((ReadOnlySpan<byte>)[0x55, 0x04, 0x03])
                    && TryReadText(attribute, out string text))
                    return text;
            }
        }

        return "";
    }

    private static bool TryReadText(DerReader reader, out string text)
    {
        // UTF8String, PrintableString, T61String, IA5String: what certificates use.
        foreach (byte tag in (ReadOnlySpan<byte>)[0x0c, 0x13, 0x14, 0x16])
        {
            if (reader.TryRead((DerTag)tag, out ReadOnlySpan<byte> content))
            {
                text = CString.Text(content);
                return true;
            }
        }

        text = "";
        return false;
    }

    /// <summary>Names as in crypto/hash_info.c, for the identifiers of include/linux/oid_registry.h.</summary>
    private static string HashName(ReadOnlySpan<byte> id)
    {
        ReadOnlySpan<byte> nist = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];
        if (id.Length == nist.Length + 1 && id.StartsWith(nist))
        {
            return id[^1] switch
            {
                1 => "sha256",
                2 => "sha384",
                3 => "sha512",
                4 => "sha224",
                8 => "sha3-256",
                9 => "sha3-384",
                10 => "sha3-512",
                _ => "unknown",
            };
        }

        if (id.SequenceEqual((ReadOnlySpan<byte>)[0x2b, 0x0e, 0x03, 0x02, 0x1a]))
            return "sha1";
        if (id.SequenceEqual((ReadOnlySpan<byte>)[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x04]))
            return "md4";
        if (id.SequenceEqual((ReadOnlySpan<byte>)[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05]))
            return "md5";
        return id.SequenceEqual((ReadOnlySpan<byte>)[0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x11]) ? "sm3" : "unknown";
    }
}
