"""
Scores two rows of a service that answers JSON inside a JSON string, as entry scripts with `return json.dumps(...)` do:
python3 score_json_string.py <scoring URI> <key> [<CA certificate>]
"""
import json
import sys

import requests

scoring_uri, key = sys.argv[1:3]
verify = sys.argv[3] if len(sys.argv) > 3 else True

input_data = json.dumps({"data": [
    [
        0.0199132141783263, 0.0506801187398187, 0.104808689473925, 0.0700725447072635, -0.0359677812752396,
        -0.0266789028311707, -0.0249926566315915, -0.00259226199818282, 0.00371173823343597, 0.0403433716478807,
    ],
    [
        -0.0127796318808497, -0.044641636506989, 0.0606183944448076, 0.0528581912385822, 0.0479653430750293,
        0.0293746718291555, -0.0176293810234174, 0.0343088588777263, 0.0702112981933102, 0.00720651632920303,
    ],
]})

headers = {"Content-Type": "application/json", "Authorization": "Bearer " + key}
response = requests.post(scoring_uri, data=input_data, headers=headers, verify=verify)
response.raise_for_status()

# Decoded twice: once as the body, once as the text that the body is.
result = json.loads(response.json())
print(result)
