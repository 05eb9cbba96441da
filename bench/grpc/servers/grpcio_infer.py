"""ModelInfer of the Open Inference Protocol with grpcio and ONNX Runtime: how a Python team would write it."""

import os
import sys
from concurrent import futures

import grpc
import numpy as np
import onnxruntime as ort
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

DTYPES = {"FP32": np.float32, "FP64": np.float64}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


def open_session(path: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Service(service_pb2_grpc.GRPCInferenceServiceServicer):
    def __init__(self, session: ort.InferenceSession) -> None:
        self.session = session
        self.outputs = [output.name for output in session.get_outputs()]

    def ModelInfer(self, request, context):
        feeds = {
            tensor.name: np.frombuffer(raw, DTYPES[tensor.datatype]).reshape(tensor.shape)
            for tensor, raw in zip(request.inputs, request.raw_input_contents)
        }
        answer = pb.ModelInferResponse(model_name=request.model_name, model_version=request.model_version)
        for name, values in zip(self.outputs, self.session.run(self.outputs, feeds)):
            answer.outputs.add(name=name, datatype=NAMES[values.dtype], shape=values.shape)
            answer.raw_output_contents.append(values.tobytes())
        return answer


def main() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(Service(open_session(os.environ["BENCH_MODEL"])), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"Listening on http://127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    sys.exit(main())
