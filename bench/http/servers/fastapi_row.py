"""FastAPI at its fastest: an async route, the request read as plain JSON, no pydantic."""

import os

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

options = ort.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = ort.InferenceSession(os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
input_name = session.get_inputs()[0].name

app = FastAPI()


@app.post("/score")
async def score(request: Request):
    rows = np.array((await request.json())["data"], dtype=np.float64)
    return JSONResponse(session.run(None, {input_name: rows})[0].tolist())
