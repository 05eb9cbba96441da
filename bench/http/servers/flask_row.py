"""Flask under gunicorn with one gthread worker, the shape of Azure ML's inference server."""

import os

import numpy as np
import onnxruntime as ort
from flask import Flask, jsonify, request

options = ort.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = ort.InferenceSession(os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
input_name = session.get_inputs()[0].name

app = Flask(__name__)


@app.post("/score")
def score():
    rows = np.array(request.get_json()["data"], dtype=np.float64)
    return jsonify(session.run(None, {input_name: rows})[0].tolist())
