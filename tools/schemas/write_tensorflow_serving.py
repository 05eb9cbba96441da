"""Writes src/protocols/tensorflow-serving/schemas.ts: the schemas of TensorFlow Serving, as its Python package has them.

Python 3.7 with tensorflow==1.15.5, tensorflow-serving-api==1.15.0 (--no-deps) and protobuf==3.20.3:
python tools/schemas/write_tensorflow_serving.py > src/protocols/tensorflow-serving/schemas.ts
"""
import base64
import zlib

from google.protobuf import descriptor_pb2
from tensorflow_serving.apis import prediction_service_pb2

LINE = 116

files = {}


def add(descriptor):
    """What a file imports comes before it."""
    for dependency in descriptor.dependencies:
        add(dependency)
    if descriptor.name not in files:
        files[descriptor.name] = descriptor_pb2.FileDescriptorProto()
        descriptor.CopyToProto(files[descriptor.name])


add(prediction_service_pb2.DESCRIPTOR)
schemas = descriptor_pb2.FileDescriptorSet(file=files.values()).SerializeToString()
text = base64.b64encode(zlib.compress(schemas, 9)).decode()
lines = ["  '%s'," % text[at:at + LINE] for at in range(0, len(text), LINE)]
print(
    """// Made by tools/schemas/write_tensorflow_serving.py.
/**
 * The schemas of `tensorflow.serving.PredictionService`: a `FileDescriptorSet` (google/protobuf/descriptor.proto) in which
 * every file comes after those that it imports, compressed (zlib), as base64.
 *
 * Of TensorFlow 1.15.5 and TensorFlow Serving 1.15.0, Copyright The TensorFlow Authors and Google Inc., Apache License 2.0.
 */
export const tensorflowServingSchemas = [
%s
].join('')"""
    % "\n".join(lines)
)
