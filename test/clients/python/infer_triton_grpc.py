"""Calls services with Triton's own client over gRPC, and with gRPC's own health and reflection. Prints how many facts held."""

import asyncio
import json
import queue
import sys

import grpc
import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

target, keys, case = sys.argv[1], json.loads(sys.argv[2]), json.loads(open(sys.argv[3]).read())
certificate = sys.argv[4] if len(sys.argv) > 4 else None
secure = {"ssl": True, "root_certificates": certificate} if certificate else {}
client = triton.InferenceServerClient(target, **secure)
if certificate:
    credentials = grpc.ssl_channel_credentials(open(certificate, "rb").read())
    channel = grpc.secure_channel(target, credentials)
else:
    channel = grpc.insecure_channel(target)
count = 0


def fact(held, what):
    global count
    assert held, what
    count += 1


def key(service):
    return {"authorization": f"Bearer {keys[service]}"}


def refused(status, text, call):
    try:
        call()
    except InferenceServerException as error:
        fact(text in error.message() and error.status() == f"StatusCode.{status}", f"{error}, not {status} {text}")
    else:
        raise AssertionError(f"not refused: {status} {text}")


def input_of(name, array, datatype):
    tensor = triton.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array)
    return tensor


# Health and descriptions.
fact(client.is_server_live() and client.is_server_ready(), "live and ready")
fact(client.is_model_ready("simple") and client.is_model_ready("simple", "1"), "model is ready")
fact(not client.is_model_ready("simple", "9") and not client.is_model_ready("nobody"), "others are not")
fact("classification" in client.get_server_metadata().extensions, "server metadata")
metadata = client.get_model_metadata("simple", headers=key("simple"), as_json=True)
fact(metadata["inputs"][0] == {"name": "INPUT0", "datatype": "INT32", "shape": ["-1", "16"]}, metadata)
config = client.get_model_config("simple", headers=key("simple")).config
fact(config.max_batch_size == 64 and list(config.input[0].dims) == [16] and config.backend == "onnxruntime", config)
fact(config.input[0].data_type == triton.model_config_pb2.TYPE_INT32, config)
index = client.get_model_repository_index(headers=key("simple"), as_json=True)
fact(index == {"models": [{"name": "simple", "version": "1", "state": "READY"}]}, index)

# Triton's own example "simple", packed or not.
one = np.arange(16, dtype=np.int32).reshape(1, 16)
two = np.ones((1, 16), dtype=np.int32)
inputs = [input_of("INPUT0", one, "INT32"), input_of("INPUT1", two, "INT32")]
for packed in None, "gzip", "deflate":
    result = client.infer("simple", inputs, request_id="7", headers=key("simple"), compression_algorithm=packed)
    fact((result.as_numpy("OUTPUT0") == one + two).all(), "sum")
    fact((result.as_numpy("OUTPUT1") == one - two).all(), "difference")
    answer = result.get_response()
    fact(answer.id == "7" and answer.model_name == "simple" and answer.model_version == "1", answer)
chosen = [triton.InferRequestedOutput("OUTPUT1")]
answer = client.infer("simple", inputs, outputs=chosen, headers=key("simple")).get_response()
fact([output.name for output in answer.outputs] == ["OUTPUT1"], answer)

# 600 KB, packed and not.
many = np.tile(one, (9600, 1))
large = [input_of("INPUT0", many, "INT32"), input_of("INPUT1", many, "INT32")]
for packed in None, "gzip":
    result = client.infer("simple", large, headers=key("simple"), compression_algorithm=packed)
    fact((result.as_numpy("OUTPUT0") == 2 * many).all(), "600 KB")

# Every type, raw and in the fields of its type.
values = {
    "BOOL": np.array([[True, False]]),
    "UINT8": np.array([[0, 255]], dtype=np.uint8),
    "UINT16": np.array([[0, 65535]], dtype=np.uint16),
    "UINT32": np.array([[0, 2**32 - 1]], dtype=np.uint32),
    "UINT64": np.array([[0, 2**64 - 1]], dtype=np.uint64),
    "INT8": np.array([[-128, 127]], dtype=np.int8),
    "INT16": np.array([[-32768, 32767]], dtype=np.int16),
    "INT32": np.array([[-(2**31), 2**31 - 1]], dtype=np.int32),
    "INT64": np.array([[-(2**63), 2**63 - 1]], dtype=np.int64),
    "FP16": np.array([[0.1, -65504]], dtype=np.float16),
    "FP32": np.array([[0.1, -3.4028235e38]], dtype=np.float32),
    "FP64": np.array([[0.1, -1.7976931348623157e308]], dtype=np.float64),
    "BYTES": np.array([["naïve €", ""]], dtype=object),
}
contents = {
    "BOOL": "bool",
    **dict.fromkeys(["INT8", "INT16", "INT32"], "int"),
    "INT64": "int64",
    **dict.fromkeys(["UINT8", "UINT16", "UINT32"], "uint"),
    "UINT64": "uint64",
    "FP32": "fp32",
    "FP64": "fp64",
    "BYTES": "bytes",
}


def check_every_type(result):
    for name, array in values.items():
        out = result.as_numpy(f"of-{name}")
        if name == "BYTES":
            out = np.array([[text.decode() for text in out[0]]], dtype=object)
        fact(out.shape == (1, 2) and (out == array).all() and out.dtype == array.dtype, f"{name}: {out}")


result = client.infer("every_type", [input_of(*each) for each in ((n, a, n) for n, a in values.items())], headers=key("every-type"))
fact(result.get_response().model_name == "every_type", "the name that was asked for")
check_every_type(result)
stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
metadata = [("authorization", keys["every-type"])]  # the bare key
request = service_pb2.ModelInferRequest(model_name="every_type")
for name, array in values.items():
    tensor = request.inputs.add(name=name, datatype=name, shape=array.shape)
    if name == "BYTES":
        tensor.contents.bytes_contents.extend(text.encode() for text in array[0])
    elif name != "FP16":
        getattr(tensor.contents, f"{contents[name]}_contents").extend(array[0].tolist())
try:
    stub.ModelInfer(request, metadata=metadata)
except grpc.RpcError as error:
    fact(error.code() == grpc.StatusCode.INVALID_ARGUMENT and '"FP16"' in error.details(), error)
    fact(dict(error.trailing_metadata())["x-scoring-error-code"] == "INPUT_INVALID", error)
typed = service_pb2.ModelInferRequest(model_name="simple")
for name, array in ("INPUT0", one), ("INPUT1", two):
    tensor = typed.inputs.add(name=name, datatype="INT32", shape=array.shape)
    tensor.contents.int_contents.extend(array[0].tolist())
answer = stub.ModelInfer(typed, metadata=[("authorization", keys["simple"])])
fact(np.frombuffer(answer.raw_output_contents[0], np.int32).tolist() == (one + two)[0].tolist(), "typed contents")

# What Python's ONNX Runtime gives, and the best classes with their labels.
rows = np.array(case["rows"], dtype=np.float32)
inputs_of_rows = [input_of("X", rows, "FP32")]
result = client.infer("logistic", inputs_of_rows, headers=key("logistic"))
fact((result.as_numpy("output_label") == case["labels"]).all(), "labels")
fact(np.allclose(result.as_numpy("output_probability"), case["probabilities"], rtol=1e-6), "probabilities")
chosen = [triton.InferRequestedOutput("output_probability", class_count=2)]
classes = client.infer("logistic", inputs_of_rows, outputs=chosen, headers=key("logistic")).as_numpy("output_probability")
fact(classes.shape == (3, 2), classes)
for row, probabilities in zip(classes, case["probabilities"]):
    value, place, label = row[0].decode().split(":")
    best = int(np.argmax(probabilities))
    fact(abs(float(value) - probabilities[best]) < 1e-6 and int(place) == best and label == str(best), row)

# Concurrent calls, with threads and with asyncio.
answers = queue.Queue()
for _ in range(20):
    client.async_infer("simple", inputs, lambda result, error: answers.put((result, error)), headers=key("simple"))
for _ in range(20):
    result, error = answers.get(timeout=60)
    fact(error is None and (result.as_numpy("OUTPUT0") == one + two).all(), error)


async def with_asyncio():
    async with tritonclient.grpc.aio.InferenceServerClient(target, **secure) as client:
        calls = (client.infer("simple", inputs, headers=key("simple")) for _ in range(20))
        for result in await asyncio.gather(*calls):
            fact((result.as_numpy("OUTPUT0") == one + two).all(), "asyncio")


asyncio.run(with_asyncio())

# A stream: answers in order, and one that fails does not end it.
client.start_stream(lambda result, error: answers.put((result, error)), headers=key("simple"))
for number in range(30):
    model = "nobody" if number == 7 else "simple"
    client.async_stream_infer(model, inputs, request_id=str(number), enable_empty_final_response=number == 29)
for number in range(30):
    result, error = answers.get(timeout=60)
    if number == 7:
        fact("Request for unknown model: 'nobody' is not found" in str(error), error)
    else:
        fact(error is None and result.get_response().id == str(number), error)
fact(result.get_response().parameters["triton_final_response"].bool_param, "mark of the last answer")
client.stop_stream()

# Statistics go up with each request.
before = client.get_inference_statistics("simple", headers=key("simple")).model_stats[0]
client.infer("simple", inputs, headers=key("simple"))
after = client.get_inference_statistics(headers=key("simple")).model_stats[0]
for name in "queue", "success", "compute_infer":
    counted = getattr(after.inference_stats, name).count - getattr(before.inference_stats, name).count
    fact(counted == 1, name)

# Refusals.
refused("UNAUTHENTICATED", "needs a key", lambda: client.infer("simple", inputs))
refused("UNAUTHENTICATED", "not valid", lambda: client.infer("simple", inputs, headers=key("logistic")))
refused("NOT_FOUND", "Request for unknown model: 'nobody' is not found", lambda: client.infer("nobody", inputs))
refused("NOT_FOUND", "is not found", lambda: client.get_model_metadata("simple", "9", headers=key("simple")))
refused("INVALID_ARGUMENT", '"INPUT1" is missing', lambda: client.infer("simple", inputs[:1], headers=key("simple")))
wide = [input_of(name, np.ones((1, 17), dtype=np.int32), "INT32") for name in ("INPUT0", "INPUT1")]
refused("INVALID_ARGUMENT", "shape [1, 17]", lambda: client.infer("simple", wide, headers=key("simple")))
other = [triton.InferRequestedOutput("OUTPUT9")]
refused("INVALID_ARGUMENT", "no output", lambda: client.infer("simple", inputs, outputs=other, headers=key("simple")))
refused("UNIMPLEMENTED", "takes no tensors", lambda: client.infer("raw", inputs, headers=key("raw")))
refused("UNIMPLEMENTED", "failed to load", lambda: client.load_model("simple", headers=key("simple")))
refused("UNIMPLEMENTED", "shares no memory", lambda: client.get_system_shared_memory_status())
# So many rows take some milliseconds. A single one may be there within the first, to which gRPC rounds the timeout.
many = [input_of(name, np.ones((20_000, 16), dtype=np.int32), "INT32") for name in ("INPUT0", "INPUT1")]
refused("DEADLINE_EXCEEDED", "", lambda: client.infer("simple", many, headers=key("simple"), client_timeout=1e-5))

# gRPC's own health, and schemas that build without the stubs of a client.
health = health_pb2_grpc.HealthStub(channel)
for service in "", "simple", "inference.GRPCInferenceService":
    fact(health.Check(health_pb2.HealthCheckRequest(service=service)).status == 1, service)
fact(next(iter(health.Watch(health_pb2.HealthCheckRequest(service="simple")))).status == 1, "watch")
schemas = ProtoReflectionDescriptorDatabase(channel)
fact("inference.GRPCInferenceService" in schemas.get_services(), "services")
pool = DescriptorPool(schemas)
service = pool.FindServiceByName("inference.GRPCInferenceService")
fact(service.methods_by_name["ModelInfer"].input_type.fields_by_name["raw_input_contents"].number == 7, "schema")
fact(pool.FindMessageTypeByName("inference.ModelConfig").fields_by_name["max_batch_size"].number == 4, "import")
fact(pool.FindServiceByName("grpc.health.v1.Health") is not None, "health")
print(count)
