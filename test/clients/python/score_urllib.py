"""Scores two rows with the standard library: python3 score_urllib.py <scoring URI> <key> [<CA certificate>]"""
import json
import ssl
import sys
import urllib.error
import urllib.request

scoring_uri, key = sys.argv[1:3]
context = ssl.create_default_context(cafile=sys.argv[3] if len(sys.argv) > 3 else None)

data = {"data": [
    [
        0.0199132141783263, 0.0506801187398187, 0.104808689473925, 0.0700725447072635, -0.0359677812752396,
        -0.0266789028311707, -0.0249926566315915, -0.00259226199818282, 0.00371173823343597, 0.0403433716478807,
    ],
    [
        -0.0127796318808497, -0.044641636506989, 0.0606183944448076, 0.0528581912385822, 0.0479653430750293,
        0.0293746718291555, -0.0176293810234174, 0.0343088588777263, 0.0702112981933102, 0.00720651632920303,
    ],
]}
body = str.encode(json.dumps(data))
headers = {"Content-Type": "application/json", "Authorization": "Bearer " + key}

request = urllib.request.Request(scoring_uri, body, headers)
try:
    with urllib.request.urlopen(request, context=context) as response:
        print(response.read().decode("utf8"))
except urllib.error.HTTPError as error:
    # The headers carry the request id, which helps to find the failure in the log.
    print(error.info(), error.read().decode("utf8", "ignore"), file=sys.stderr)
    sys.exit(f"The request failed with status code: {error.code}")
