"""The script that a data scientist would write without any server: pandas reads a CSV in chunks, onnxruntime scores each.

    python pandas_chunks.py <model.onnx> <rows of a chunk> (<input.csv> <output.jsonl>)...

Prints the seconds that took, without the start of the process and of the model.
"""

import sys
import time

import numpy as np
import onnxruntime as ort
import pandas as pd

model, chunk_rows, *files = sys.argv[1:]
options = ort.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
model_input = session.get_inputs()[0]
dtype = np.float64 if model_input.type == "tensor(double)" else np.float32

started_at = time.perf_counter()
for source, target in zip(files[::2], files[1::2], strict=True):
    index = 0
    with open(target, "w", encoding="utf-8") as output:
        for chunk in pd.read_csv(source, chunksize=int(chunk_rows)):
            [prediction] = session.run(None, {model_input.name: chunk.to_numpy(dtype)})
            rows = pd.DataFrame({"index": range(index, index + len(chunk)), "prediction": prediction.ravel()})
            # Without `double_precision`, to_json would keep ten digits; it writes 15 at most.
            output.write(rows.to_json(orient="records", lines=True, double_precision=15))
            index += len(chunk)
print(f"{time.perf_counter() - started_at:.3f}")
