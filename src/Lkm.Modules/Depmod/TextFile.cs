namespace Lkm.Modules;

/// <summary>Text that is being put together as bytes, so that what is not UTF-8 comes out as it went in.</summary>
internal sealed class TextFile
{
    private byte[] _bytes = new byte[64 * 1024];
    private int _length;

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    public TextFile Add(ReadOnlySpan<char> text)
    {
        var most = _length + text.Length * 3;
        if (most > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(most, _bytes.Length * 2));
        }
        _length += LosslessText.Encode(text, _bytes.AsSpan(_length));
        return this;
    }
}
