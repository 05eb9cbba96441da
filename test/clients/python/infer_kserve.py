"""
Calls a service with KServe's own client over HTTP. Only its module of the client is imported: the package around it loads a
server, Kubernetes and pandas, which takes a minute. What the module imports of those is an empty class here.
"""

import asyncio
import importlib.util
import sys
import types


class AbsentClass(type):
    def __getattr__(cls, name):
        return absent(name)

    def __getitem__(cls, _):
        return cls


def absent(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return AbsentClass(name, (), {})


class AbsentModule(types.ModuleType):
    def __getattr__(self, name):
        return absent(name)


package = types.ModuleType("kserve")
package.__path__ = list(importlib.util.find_spec("kserve").submodule_search_locations)
sys.modules["kserve"] = package
for name in (
    "cloudevents",
    "cloudevents.conversion",
    "cloudevents.http",
    "fastapi",
    "fastapi.responses",
    "google",
    "google.protobuf",
    "google.protobuf.internal",
    "google.protobuf.internal.containers",
    "grpc",
    "kserve.protocol.grpc.grpc_predict_v2_pb2",
    "kserve.protocol.grpc.grpc_predict_v2_pb2_grpc",
    "pandas",
    "psutil",
    "yaml",
):
    sys.modules[name] = AbsentModule(name)

import httpx  # noqa: E402
import numpy as np  # noqa: E402
from kserve.inference_client import InferenceRESTClient, RESTConfig  # noqa: E402
from kserve.protocol.infer_type import InferInput, InferRequest, RequestedOutput  # noqa: E402

url, key = sys.argv[1:]
one = np.arange(16, dtype=np.int32).reshape(1, 16)
two = np.ones((1, 16), dtype=np.int32)


def request(binary):
    inputs = []
    for name, array in ("INPUT0", one), ("INPUT1", two):
        tensor = InferInput(name, [1, 16], "INT32")
        tensor.set_data_from_numpy(array, binary_data=binary)
        inputs.append(tensor)
    outputs = [RequestedOutput("OUTPUT1", parameters={"binary_data": binary})]
    return InferRequest(model_name="simple", infer_inputs=inputs, request_id="7", request_outputs=outputs)


async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    assert await client.is_server_live(url)
    assert await client.is_server_ready(url)
    assert await client.is_model_ready(url, "simple")
    headers = {"authorization": f"Bearer {key}"}  # the client adds to what it is given
    for base, binary in (url, True), (url, False), (f"{url}/api/v1/service/simple", True):
        answer = await client.infer(base, request(binary), model_name="simple", headers=dict(headers))
        assert answer.id == "7" and answer.model_name == "simple", answer
        assert [output.name for output in answer.outputs] == ["OUTPUT1"], answer
        assert (answer.outputs[0].as_numpy() == one - two).all(), answer
    try:
        await client.infer(url, request(True), model_name="nobody", headers=dict(headers))
        raise AssertionError("not refused")
    except httpx.HTTPStatusError as error:
        assert "Request for unknown model: 'nobody' is not found" in str(error), error
    print("ok")


asyncio.run(main())
