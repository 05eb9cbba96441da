"""The Python package encrypted-inference as a process of the benchmark.

    genuine.py FOLDER

Reads FOLDER/cases.json, [{"name", "weights", "bias", "features"}, ...]; writes FOLDER/keys.bin and FOLDER/requests.json, the keys and
requests of one client. Then runs a command a line and prints one JSON value for each:

    native NAME   CPU milliseconds of its native code for all classes, with buffers built before
    predict NAME  CPU milliseconds of EIServer.predict
    decrypt FILE  the scores of a list of replies
"""

import base64
import ctypes
import json
import sys
import time
from pathlib import Path

import numpy as np
from encrypted.inference.eiclient import EILinearRegressionClient
from encrypted.inference.eiserver import EIServer
from encrypted.inference.internal import einative

folder = Path(sys.argv[1])
cases = {case["name"]: case for case in json.loads((folder / "cases.json").read_text())}
client = EILinearRegressionClient()
_, keys = client.get_public_keys()
(folder / "keys.bin").write_bytes(keys)
requests = {name: client.encrypt(case["features"]) for name, case in cases.items()}
(folder / "requests.json").write_text(json.dumps(requests))


def native(name):
    case = cases[name]
    server = einative.SEALServerInstance()
    ciphertexts = b"".join(base64.b64decode(text) for text in requests[name])
    request = (ctypes.c_byte * len(ciphertexts)).from_buffer_copy(ciphertexts)
    key_bytes = (ctypes.c_byte * len(keys)).from_buffer_copy(keys)
    size = server.get_ciphertext_buffer_size()
    rows = [(ctypes.c_double * len(row))(*row) for row in case["weights"]]
    reply = (ctypes.c_byte * size)()
    begin = time.process_time()
    for row, bias in zip(rows, case["bias"]):
        reply_bytes = ctypes.c_uint64(size)
        error = einative._einative.ComputeDotProduct(
            server.native_ptr, ctypes.c_uint64(len(row)), row, ctypes.c_double(bias), ctypes.c_uint64(len(ciphertexts)),
            request, ctypes.c_uint64(len(keys)), key_bytes, ctypes.byref(reply_bytes), reply,
        )
        if error:
            raise RuntimeError(f"ComputeDotProduct failed with {error}")
    return (time.process_time() - begin) * 1000


def predict(name):
    server = EIServer(np.array(cases[name]["weights"]), np.array(cases[name]["bias"]))
    begin = time.process_time()
    server.predict(requests[name], keys)
    return (time.process_time() - begin) * 1000


def decrypt(file):
    return client.decrypt(json.loads(Path(file).read_text())).tolist()


commands = {"native": native, "predict": predict, "decrypt": decrypt}
print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    command, argument = line.split(maxsplit=1)
    print(json.dumps(commands[command](argument.strip())), flush=True)
