// Scores two rows with HttpClient: dotnet run -- <scoring URI> <key> [<CA certificate>]
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;

string scoringUri = args[0];
string authKey = args[1];

double[][] data =
{
    new[]
    {
        0.0199132141783263, 0.0506801187398187, 0.104808689473925, 0.0700725447072635, -0.0359677812752396,
        -0.0266789028311707, -0.0249926566315915, -0.00259226199818282, 0.00371173823343597, 0.0403433716478807,
    },
    new[]
    {
        -0.0127796318808497, -0.044641636506989, 0.0606183944448076, 0.0528581912385822, 0.0479653430750293,
        0.0293746718291555, -0.0176293810234174, 0.0343088588777263, 0.0702112981933102, 0.00720651632920303,
    },
};

using var handler = new HttpClientHandler();
if (args.Length > 2) Trust(handler, args[2]);
using var client = new HttpClient(handler);
client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", authKey);

var request = new HttpRequestMessage(HttpMethod.Post, new Uri(scoringUri));
request.Content = new StringContent(JsonSerializer.Serialize(new { data }));
request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
var response = await client.SendAsync(request);
string answer = await response.Content.ReadAsStringAsync();
if (!response.IsSuccessStatusCode)
{
    Console.Error.WriteLine($"status {(int)response.StatusCode}: {answer}");
    return 1;
}
Console.WriteLine(answer);
return 0;

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
