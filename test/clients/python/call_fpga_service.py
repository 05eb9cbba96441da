"""Calls services as programs for the FPGA services of Azure ML and for TensorFlow Serving do.

Reads lists of calls as lines of JSON, and prints what became of them as a line each; TensorFlow takes seconds to start.
"""
import json
import os
import sys
import types

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import grpc
import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import classification_pb2, get_model_metadata_pb2, inference_pb2, predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc, regression_pb2

# The genuine client, without the rest of its package, which manages services in Azure: of azureml-core it needs a name for an
# annotation.
for name in ("azureml.core", "azureml.core.webservice", "azureml.core.webservice.aks"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["azureml.core.webservice.aks"].AksWebservice = object
import azureml

accel = types.ModuleType("azureml.accel")
accel.__path__ = [os.path.join(os.path.dirname(azureml.__file__), "accel")]
sys.modules["azureml.accel"] = accel
from azureml.accel import _client

pauses = []
_client.time.sleep = pauses.append  # it sleeps 15 s in all before it gives up


def shown(array):
    flat = array.reshape(-1).tolist()
    if array.dtype in (np.int64, np.uint64):
        flat = [str(value) for value in flat]
    if array.dtype == object:
        flat = [value.decode() for value in flat]
    return {"dtype": "string" if array.dtype == object else str(array.dtype), "shape": list(array.shape), "values": flat}


def array_of(given):
    if given["dtype"] == "string":
        return np.array(given["values"], object).reshape(given["shape"])
    return np.array(given["values"]).astype(given["dtype"]).reshape(given["shape"])


def channel_of(call):
    address = "%s:%d" % (call["address"], call["port"])
    if call.get("use_ssl"):
        return grpc.secure_channel(address, grpc.ssl_channel_credentials())
    return grpc.insecure_channel(address)


def by_accel(call):
    """`azureml.accel.PredictionClient`, unchanged."""
    client = _client.PredictionClient(
        call["address"], call["port"], call.get("use_ssl", False), call.get("token", ""), call["service"])
    if "file" in call:
        return shown(client.score_file(call["file"], **call.get("options", {})))
    arrays = {name: array_of(given) for name, given in call["arrays"].items()}
    return shown(client.score_numpy_arrays(arrays, **call.get("options", {})))


def by_first(call):
    """What `amlrealtimeai.PredictionClient` sends, and what it looks for: it composes its credentials and drops them."""
    def key(context, callback):
        callback([("authorization", call.get("token", ""))], None)

    grpc.composite_channel_credentials(grpc.ssl_channel_credentials(), grpc.metadata_call_credentials(key))
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel_of(call))
    request = predict_pb2.PredictRequest()
    if "file" in call:
        with open(call["file"], "rb") as image:
            request.inputs["images"].CopyFrom(tf.make_tensor_proto(image.read(), shape=[1]))
    else:
        request.inputs["images"].CopyFrom(tf.make_tensor_proto(array_of(call["array"])))
    return shown(tf.make_ndarray(stub.Predict(request, 10).outputs["output_alias"]))


def metadata_of(call):
    metadata = []
    if "token" in call:
        metadata.append(("authorization", call["token"]))
    if "route" in call:
        metadata.append(("x-ms-aml-grpc-service-route", call["route"]))
    return metadata


def set_spec(spec, given):
    spec.name = given.get("name", "")
    spec.signature_name = given.get("signature", "")
    if "version" in given:
        spec.version.value = given["version"]


def by_serving(call):
    """A program for TensorFlow Serving."""
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel_of(call))
    request = predict_pb2.PredictRequest(output_filter=call.get("filter", []))
    set_spec(request.model_spec, call.get("spec", {}))
    for name, given in call.get("arrays", {}).items():
        proto = tf.make_tensor_proto(array_of(given), shape=given.get("proto_shape"))
        request.inputs[name].CopyFrom(proto)
    for name, given in call.get("protos", {}).items():
        request.inputs[name].CopyFrom(tensor_pb2.TensorProto(**given))
    response = stub.Predict(request, call.get("timeout", 10), metadata=metadata_of(call))
    return {
        "outputs": {name: shown(tf.make_ndarray(tensor)) for name, tensor in response.outputs.items()},
        "content": sum(len(tensor.tensor_content) for tensor in response.outputs.values()),
        "spec": [response.model_spec.name, response.model_spec.version.value, response.model_spec.signature_name],
    }


def by_metadata(call):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel_of(call))
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=call.get("fields", ["signature_def"]))
    set_spec(request.model_spec, call.get("spec", {}))
    response = stub.GetModelMetadata(request, 10, metadata=metadata_of(call))
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)

    def described(tensors):
        return {
            name: [info.name, tf.as_dtype(info.dtype).name, tf.TensorShape(info.tensor_shape).as_list()]
            for name, info in tensors.items()
        }

    return {
        "spec": [response.model_spec.name, response.model_spec.version.value],
        "signatures": {
            name: {"method": each.method_name, "inputs": described(each.inputs), "outputs": described(each.outputs)}
            for name, each in signatures.signature_def.items()
        },
    }


def by_example(call):
    """The methods that take `tf.Example`."""
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel_of(call))
    requests = {
        "Classify": classification_pb2.ClassificationRequest,
        "Regress": regression_pb2.RegressionRequest,
        "MultiInference": inference_pb2.MultiInferenceRequest,
    }
    method = call["method"]
    return str(getattr(stub, method)(requests[method](), 10, metadata=metadata_of(call)))


clients = {
    "accel": by_accel, "first": by_first, "serving": by_serving, "metadata": by_metadata, "example": by_example,
}


def outcome(call):
    del pauses[:]
    try:
        return {"answer": clients[call["client"]](call)}
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata() or [])
        return {
            "status": error.code().name, "details": error.details(), "pauses": list(pauses),
            "code": trailers.get("x-scoring-error-code"), "pushback": trailers.get("grpc-retry-pushback-ms"),
        }


# The client prints each try that it repeats.
answers, sys.stdout = sys.stdout, open(os.devnull, "w")
for line in sys.stdin:
    print(json.dumps([outcome(call) for call in json.loads(line)]), file=answers, flush=True)
