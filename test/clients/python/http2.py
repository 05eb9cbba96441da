"""Sends requests with httpx over HTTP/2 and calls with gRPC to the same port: http2.py <url> [certificate to trust]."""

import json
import ssl
import sys
from urllib.parse import urlsplit

import grpc
import httpx

url, *certificate = sys.argv[1:]
# In clear text httpx speaks HTTP/2 only if it may not speak HTTP/1.1.
trust = {"verify": ssl.create_default_context(cafile=certificate[0])} if certificate else {"http1": False}
with httpx.Client(http2=True, trust_env=False, **trust) as client:
    versions = set()
    for size in (0, 10, 5_000_000):
        answer = client.post(f"{url}/api/echo", content=bytes(size))
        assert (answer.status_code, answer.content) == (200, bytes(size)), answer
        versions.add(answer.http_version)
    unread = client.post(f"{url}/api/unread", content=bytes(5_000_000))
    assert (unread.status_code, unread.text) == (401, "no"), unread

options = [("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0)]
target = urlsplit(url).netloc
if certificate:
    with open(certificate[0], "rb") as file:
        channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(file.read()), options)
else:
    channel = grpc.insecure_channel(target, options)
with channel:
    say = channel.unary_unary("/test.Echo/Say")
    for size in (0, 10, 5_000_000):
        assert say(bytes(size), timeout=20) == bytes(size)
    calls = [say.future(bytes([index]), timeout=20) for index in range(100)]
    assert [call.result() for call in calls] == [bytes([index]) for index in range(100)]
    ends = []
    for method, timeout in (("Refuse", 20), ("Nosuch", 20), ("Wait", 0.2)):
        try:
            channel.unary_unary(f"/test.Echo/{method}")(b"", timeout=timeout)
        except grpc.RpcError as error:
            ends.append(error.code().name)

print(json.dumps({"versions": sorted(versions), "ends": ends}))
