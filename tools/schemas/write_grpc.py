"""Writes the schemas of the Open Inference Protocol, and of gRPC's own health and reflection services, as their packages have them.

    pip install tritonclient[grpc]==2.73.0 grpcio-health-checking==1.81.1 grpcio-reflection==1.81.1
    python tools/schemas/write_grpc.py
"""

import base64
import textwrap
import zlib
from pathlib import Path

from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from tritonclient.grpc import model_config_pb2, service_pb2

PROTOCOLS = Path(__file__).parents[2] / "src/protocols"


def copy(module, file):
    module.DESCRIPTOR.CopyToProto(file)
    return file


def write(path, name, comment, files):
    """Base64 in lines as long as the formatter has them."""
    packed = base64.b64encode(zlib.compress(files.SerializeToString(), 9)).decode()
    lines = "".join(f"  '{line}',\n" for line in textwrap.wrap(packed, 112))
    text = f"// Made by tools/schemas/write_grpc.py.\n/**\n{comment} */\nexport const {name} = [\n{lines}].join('')\n"
    (PROTOCOLS / path).write_text(text)


own = descriptor_pb2.FileDescriptorSet()
copy(health_pb2, own.file.add())
copy(reflection_pb2, own.file.add())
# Version 1 has the same messages under another name (grpc-proto, grpc/reflection/v1/reflection.proto).
version1 = own.file.add()
copy(reflection_pb2, version1)
version1.name = "grpc/reflection/v1/reflection.proto"
version1.package = "grpc.reflection.v1"
for message in version1.message_type:
    for field in message.field:
        field.type_name = field.type_name.replace(".v1alpha.", ".v1.")
for method in version1.service[0].method:
    method.input_type = method.input_type.replace(".v1alpha.", ".v1.")
    method.output_type = method.output_type.replace(".v1alpha.", ".v1.")

write(
    "grpc/schemas.ts",
    "grpcSchemas",
    """ * The schemas of gRPC's health and reflection services: a `FileDescriptorSet` (google/protobuf/descriptor.proto), compressed
 * (zlib), as base64.
 *
 * Of grpcio-health-checking and grpcio-reflection 1.81.1, Copyright The gRPC Authors, Apache License 2.0.
""",
    own,
)

triton = descriptor_pb2.FileDescriptorSet()
copy(model_config_pb2, triton.file.add())
copy(service_pb2, triton.file.add())

write(
    "open-inference/schemas.ts",
    "openInferenceSchemas",
    """ * The schemas of `inference.GRPCInferenceService`: a `FileDescriptorSet` (google/protobuf/descriptor.proto) in which every file
 * comes after those that it imports, compressed (zlib), as base64.
 *
 * Of tritonclient 2.73.0, Copyright NVIDIA CORPORATION & AFFILIATES, under the BSD 3-Clause License:
 *
"""
    + "".join(
        f" * {line}".rstrip() + "\n"
        for line in textwrap.wrap(
            "Redistribution and use in source and binary forms, with or without modification, are permitted provided that the "
            "following conditions are met: Redistributions of source code must retain the above copyright notice, this list of "
            "conditions and the following disclaimer. Redistributions in binary form must reproduce the above copyright notice, "
            "this list of conditions and the following disclaimer in the documentation and/or other materials provided with the "
            "distribution. Neither the name of NVIDIA CORPORATION nor the names of its contributors may be used to endorse or "
            "promote products derived from this software without specific prior written permission. THIS SOFTWARE IS PROVIDED BY "
            'THE COPYRIGHT HOLDERS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED '
            "WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT "
            "OWNER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES "
            "(INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR "
            "BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT "
            "(INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE "
            "POSSIBILITY OF SUCH DAMAGE.",
            124,
        )
    ),
    triton,
)
