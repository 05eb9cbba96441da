"""A batch job of encrypted rows by the Python packages of Azure ML's tutorial. Reads a JSON object from standard input, and prints the
scores of its rows."""
import json
import sys
import time
import urllib.request

from azure.storage.blob import BlobServiceClient
from encrypted.inference.eiclient import EILinearRegressionClient

given = json.load(sys.stdin)


def call(method, path, body=None):
    headers = {"Authorization": "Bearer " + given["key"], "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(given["url"] + path, data, headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request) as response:
        return json.load(response)


edp = EILinearRegressionClient()
key_id, public_keys = edp.get_public_keys()
blobs = BlobServiceClient.from_connection_string(given["conn_str"])
keys, rows = (blobs.get_container_client(name) for name in (given["container"], "input"))
for each in (keys, rows):
    if not each.exists():
        each.create_container()
keys.upload_blob(key_id, public_keys)
names = {"key_id": key_id, "conn_str": given["conn_str"], "container": given["container"]}
lines = [json.dumps({"data": edp.encrypt(row), **names}) for row in given["rows"]]
rows.upload_blob("encrypted.jsonl", "\n".join(lines))

job = call("POST", "/jobs", {"input": {"blob": "input/encrypted.jsonl"}})
while job["status"] in ("NotStarted", "Running", "Finalizing"):
    time.sleep(0.1)
    job = call("GET", "/jobs/" + job["jobId"])
container, _, path = job["output"]["blob"].partition("/")
output = blobs.get_blob_client(container, path).download_blob().readall().decode()
replies = [json.loads(line) for line in output.splitlines()]
assert [reply["index"] for reply in replies] == list(range(len(lines))), output[:1000]
print(json.dumps({"status": job["status"], "scores": [edp.decrypt(reply["prediction"]).tolist() for reply in replies]}))
