"""Calls services with Triton's own client over HTTP: each way to send and to receive tensors. Prints how many facts held."""

import json
import sys

import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

url, keys, case = sys.argv[1], json.loads(sys.argv[2]), json.loads(open(sys.argv[3]).read())
client = triton.InferenceServerClient(url.removeprefix("http://"), concurrency=4)
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
        fact(text in error.message() and str(error.status()) in (str(status), "None"), f"{error}, not {status} {text}")
    else:
        raise AssertionError(f"not refused: {status} {text}")


def input_of(name, array, datatype, binary):
    tensor = triton.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


# Health and descriptions.
fact(client.is_server_live() and client.is_server_ready(), "live and ready")
fact(client.is_model_ready("simple") and client.is_model_ready("simple", "1"), "model is ready")
fact(not client.is_model_ready("simple", "9") and not client.is_model_ready("nobody"), "others are not")
fact("binary_tensor_data" in client.get_server_metadata()["extensions"], "server metadata")
metadata = client.get_model_metadata("simple", headers=key("simple"))
fact(metadata["inputs"][0] == {"name": "INPUT0", "datatype": "INT32", "shape": [-1, 16]}, metadata)
config = client.get_model_config("simple", headers=key("simple"))
fact(config["max_batch_size"] == 64 and config["input"][0]["dims"] == [16], config)
fact(config["input"][0]["data_type"] == "TYPE_INT32", config)
index = client.get_model_repository_index(headers=key("simple"))
fact(index == [{"name": "simple", "version": "1", "state": "READY", "reason": ""}], index)

# Triton's own example "simple": sums and differences, each combination of JSON and bytes, packed or not.
one = np.arange(16, dtype=np.int32).reshape(1, 16)
two = np.ones((1, 16), dtype=np.int32)
for binary_in in (False, True), (True, False), (True, True), (False, False):
    inputs = [input_of("INPUT0", one, "INT32", binary_in[0]), input_of("INPUT1", two, "INT32", binary_in[1])]
    for binary_out in (False, True), (True, False), (True, True), None:
        outputs = binary_out and [
            triton.InferRequestedOutput("OUTPUT0", binary_data=binary_out[0]),
            triton.InferRequestedOutput("OUTPUT1", binary_data=binary_out[1]),
        ]
        for packed in None, "gzip", "deflate":
            result = client.infer(
                "simple",
                inputs,
                outputs=outputs,
                request_id="7",
                headers=key("simple"),
                request_compression_algorithm=packed,
                response_compression_algorithm=packed,
            )
            fact((result.as_numpy("OUTPUT0") == one + two).all(), "sum")
            fact((result.as_numpy("OUTPUT1") == one - two).all(), "difference")
            answer = result.get_response()
            fact(answer["id"] == "7" and answer["model_name"] == "simple" and answer["model_version"] == "1", answer)

# Large enough to be compressed in the answer.
many = np.tile(one, (60, 1))
inputs = [input_of("INPUT0", many, "INT32", True), input_of("INPUT1", many, "INT32", True)]
for packed in "gzip", "deflate":
    result = client.infer("simple", inputs, headers=key("simple"), response_compression_algorithm=packed)
    fact((result.as_numpy("OUTPUT0") == 2 * many).all(), packed)

# Every type, by bytes and by JSON.
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
for binary in True, False:
    inputs = [input_of(name, array, name, binary or name == "FP16") for name, array in values.items()]
    outputs = [triton.InferRequestedOutput(f"of-{name}", binary_data=binary or name == "FP16") for name in values]
    result = client.infer("every_type", inputs, outputs=outputs, headers=key("every-type"))
    fact(result.get_response()["model_name"] == "every_type", "the name that was asked for")
    for name, array in values.items():
        out = result.as_numpy(f"of-{name}")
        if name == "BYTES":
            out = np.array([[text.decode() if binary else text for text in out[0]]], dtype=object)
        fact(out.shape == (1, 2) and (out == array).all() and out.dtype == array.dtype, f"{name}: {out}")

# What Python's ONNX Runtime gives, and the best classes with their labels.
rows = np.array(case["rows"], dtype=np.float32)
inputs = [input_of("X", rows, "FP32", True)]
result = client.infer("logistic", inputs, headers=key("logistic"))
fact((result.as_numpy("output_label") == case["labels"]).all(), "labels")
fact(np.allclose(result.as_numpy("output_probability"), case["probabilities"], rtol=1e-6), "probabilities")
outputs = [triton.InferRequestedOutput("output_probability", class_count=2)]
classes = client.infer("logistic", inputs, outputs=outputs, headers=key("logistic")).as_numpy("output_probability")
fact(classes.shape == (3, 2), classes)
for row, probabilities in zip(classes, case["probabilities"]):
    value, place, label = row[0].decode().split(":")
    best = int(np.argmax(probabilities))
    fact(abs(float(value) - probabilities[best]) < 1e-6 and int(place) == best and label == str(best), row)

# Concurrent calls.
inputs = [input_of("INPUT0", one, "INT32", True), input_of("INPUT1", two, "INT32", True)]
pending = [client.async_infer("simple", inputs, headers=key("simple")) for _ in range(20)]
fact(all((each.get_result().as_numpy("OUTPUT0") == one + two).all() for each in pending), "async_infer")

# Statistics go up with each request.
before = client.get_inference_statistics("simple", headers=key("simple"))["model_stats"][0]
client.infer("simple", inputs, headers=key("simple"))
after = client.get_inference_statistics(headers=key("simple"))["model_stats"][0]
for name in "queue", "success", "compute_infer":
    fact(after["inference_stats"][name]["count"] == before["inference_stats"][name]["count"] + 1, name)
fact(after["last_inference"] >= before["last_inference"] > 0, "last inference")

# Refusals.
refused(401, "needs a key", lambda: client.infer("simple", inputs))
refused(404, "Request for unknown model: 'nobody' is not found", lambda: client.infer("nobody", inputs))
refused(404, "is not found", lambda: client.get_model_metadata("simple", "9", headers=key("simple")))
refused(400, '"INPUT1" is missing', lambda: client.infer("simple", inputs[:1], headers=key("simple")))
wide = [input_of(name, np.ones((1, 17), dtype=np.int32), "INT32", True) for name in ("INPUT0", "INPUT1")]
refused(400, "shape [1, 17]", lambda: client.infer("simple", wide, headers=key("simple")))
other = [triton.InferRequestedOutput("OUTPUT9")]
refused(400, "no output", lambda: client.infer("simple", inputs, outputs=other, headers=key("simple")))
refused(501, "takes no tensors", lambda: client.infer("raw", inputs, headers=key("raw")))
refused(501, "failed to load 'simple'", lambda: client.load_model("simple", headers=key("simple")))
refused(501, "shares no memory", lambda: client.get_system_shared_memory_status())
print(count)
