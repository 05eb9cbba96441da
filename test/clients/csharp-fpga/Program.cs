// Scores an image as the C# client of the FPGA services does: the bare key in "authorization", the image as a string in the
// input "images", and scores from float_val of "output_alias". It needs the framework only, so the few messages are
// written and read by hand.
//
// dotnet run -- <host:port> <key> <CA certificate> <image>
using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;

byte[] image = File.ReadAllBytes(args[3]);

// TensorProto { dtype: DT_STRING, tensor_shape { dim { size: 1 } }, string_val: image }
byte[] tensor = Join(Number(1, 7), Bytes(2, Bytes(2, Number(1, 1))), Bytes(8, image));
// PredictRequest { model_spec {}, inputs { "images": tensor } }
byte[] message = Join(Bytes(1), Bytes(2, Bytes(1, Encoding.UTF8.GetBytes("images")), Bytes(2, tensor)));

using var handler = new HttpClientHandler();
Trust(handler, args[2]);
using var client = new HttpClient(handler);
byte[] length = new byte[4];
BinaryPrimitives.WriteInt32BigEndian(length, message.Length);
var request = new HttpRequestMessage(HttpMethod.Post, $"https://{args[0]}/tensorflow.serving.PredictionService/Predict")
{
    Version = HttpVersion.Version20,
    VersionPolicy = HttpVersionPolicy.RequestVersionExact,
    Content = new ByteArrayContent(Join(new byte[] { 0 }, length, message)),
};
request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
request.Headers.TryAddWithoutValidation("authorization", args[1]);
request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));

using var response = await client.SendAsync(request);
byte[] answer = await response.Content.ReadAsByteArrayAsync();
// A failure without a message has its status among the headers.
string? status = Find(response.TrailingHeaders, "grpc-status") ?? Find(response.Headers, "grpc-status");
if (status != "0")
{
    string? reason = Find(response.TrailingHeaders, "grpc-message") ?? Find(response.Headers, "grpc-message");
    Console.Error.WriteLine($"HTTP {(int)response.StatusCode}, gRPC status {status}: {reason}");
    return 1;
}
foreach (var (field, entry) in Fields(answer.AsMemory(5)))
{
    if (field != 1) continue;
    var output = Fields(entry).ToDictionary(each => each.Field, each => each.Content);
    if (Encoding.UTF8.GetString(output[1].Span) != "output_alias") continue;
    var packed = Fields(output[2]).Single(each => each.Field == 5).Content.ToArray();
    var scores = Enumerable.Range(0, packed.Length / 4).Select(index => BitConverter.ToSingle(packed, 4 * index));
    Console.WriteLine(JsonSerializer.Serialize(scores));
}
return 0;

static string? Find(HttpResponseHeaders headers, string name)
{
    return headers.TryGetValues(name, out var values) ? values.First() : null;
}

static byte[] Join(params byte[][] parts) => parts.SelectMany(part => part).ToArray();

static byte[] Varint(ulong value)
{
    var bytes = new List<byte>();
    for (; value >= 128; value >>= 7) bytes.Add((byte)(value | 128));
    bytes.Add((byte)value);
    return bytes.ToArray();
}

static byte[] Number(int field, ulong value) => Join(Varint((ulong)field << 3), Varint(value));

static byte[] Bytes(int field, params byte[][] content)
{
    byte[] joined = Join(content);
    return Join(Varint((ulong)field << 3 | 2), Varint((ulong)joined.Length), joined);
}

// The fields of a message that have a length; numbers are passed over.
static List<(int Field, ReadOnlyMemory<byte> Content)> Fields(ReadOnlyMemory<byte> message)
{
    var fields = new List<(int, ReadOnlyMemory<byte>)>();
    int at = 0;
    ulong Next()
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte part = message.Span[at++];
            value |= (ulong)(part & 127) << shift;
            if (part < 128) return value;
        }
    }
    while (at < message.Length)
    {
        ulong tag = Next();
        ulong value = Next();
        if ((tag & 7) != 2) continue;
        fields.Add(((int)(tag >> 3), message.Slice(at, (int)value)));
        at += (int)value;
    }
    return fields;
}

// Accepts servers whose certificate the one in the PEM file has signed.
static void Trust(HttpClientHandler handler, string path)
{
    var trusted = X509Certificate2.CreateFromPem(File.ReadAllText(path));
    handler.ServerCertificateCustomValidationCallback = (_, certificate, _, errors) =>
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(trusted);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) == 0 && chain.Build(certificate!);
    };
}
