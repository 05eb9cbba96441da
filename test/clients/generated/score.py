"""Scores two rows with a client that OpenAPI Generator wrote: score.py <folder of the client> <host> <key>"""

import sys

folder, host, key = sys.argv[1:]
sys.path.insert(0, folder)

import scoring_client  # noqa: E402

configuration = scoring_client.Configuration(
    host=host, api_key={"Bearer": key}, api_key_prefix={"Bearer": "Bearer"}
)
rows = [
    [
        0.0199132141783263, 0.0506801187398187, 0.104808689473925, 0.0700725447072635, -0.0359677812752396,
        -0.0266789028311707, -0.0249926566315915, -0.00259226199818282, 0.00371173823343597, 0.0403433716478807,
    ],
    [
        -0.0127796318808497, -0.044641636506989, 0.0606183944448076, 0.0528581912385822, 0.0479653430750293,
        0.0293746718291555, -0.0176293810234174, 0.0343088588777263, 0.0702112981933102, 0.00720651632920303,
    ],
]
with scoring_client.ApiClient(configuration) as client:
    service = scoring_client.DefaultApi(client)
    print(service.service_health_check())
    try:
        print(service.run_ml_service(scoring_client.ServiceInput(data=rows)))
    except scoring_client.ApiException as failure:
        sys.exit(f"{failure.status} {failure.data.code}")
