"""The steps of Azure ML's tutorial of encrypted inference against a running service. Reads a JSON object from standard input, and prints
the scores of its rows."""
import json
import sys
import urllib.request

from azure.storage.blob import BlobServiceClient
from encrypted.inference.eiclient import EILinearRegressionClient

given = json.load(sys.stdin)


def call(method, path, body, content_type):
    headers = {"Authorization": "Bearer " + given["key"], "Content-Type": content_type, "Accept-Encoding": "gzip"}
    request = urllib.request.Request(given["url"] + path, body, headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request) as response:
        return response.read()


edp = EILinearRegressionClient()
key_id, public_keys = edp.get_public_keys()
conn_str, container = given.get("conn_str"), given.get("container")
if conn_str:
    blobs = BlobServiceClient.from_connection_string(conn_str)
    containers = [each.name for each in blobs.list_containers()]
    if container not in containers:
        blobs.create_container(container)
    blobs.get_blob_client(container=container, blob=key_id).upload_blob(public_keys)
else:
    call("PUT", "/encrypted/keys/" + key_id, bytes(public_keys), "application/octet-stream")

scores = []
for row in given["rows"]:
    body = {"data": edp.encrypt(row), "key_id": key_id}
    if conn_str:
        body.update(conn_str=conn_str, container=container)
    ciphertexts = json.loads(call("POST", "/score", json.dumps(body).encode(), "application/json"))
    scores.append(edp.decrypt(ciphertexts).tolist())
print(json.dumps({"key_id": key_id, "scores": scores}))
