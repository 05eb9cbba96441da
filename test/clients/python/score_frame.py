"""Scores a DataFrame in every form that pandas writes: score_frame.py <scoring URI> <key> <JSON file with rows and answers>

The file has {"rows": [record, …], "answers": [number, …]}; null in a row is a missing value.
"""

import io
import json
import sys

import pandas as pd
import requests

scoring_uri, key, file = sys.argv[1:]
with open(file) as lines:
    case = json.load(lines)

# An index that is neither sorted nor whole, as after a split into training and test data.
frame = pd.DataFrame(case["rows"])
frame.index = [10 - 3 * row for row in range(len(frame))]
headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}


def own(orient):
    return json.loads(frame.to_json(orient=orient))


bodies = {
    "to_dict list": json.dumps({"data": frame.to_dict("list")}),
    "to_dict records": json.dumps({"data": frame.to_dict("records")}),
    "to_dict split": json.dumps({"data": frame.to_dict("split")}),
    "to_dict tight": json.dumps({"data": frame.to_dict("tight")}),
    "to_dict dict": json.dumps({"data": frame.to_dict("dict")}),
    "to_dict index": json.dumps({"data": frame.to_dict("index")}),
    "values": json.dumps({"data": frame.values.tolist()}),
    "to_json": frame.to_json(),
    "to_json split": frame.to_json(orient="split"),
    "to_json table": frame.to_json(orient="table"),
    "input_data split": json.dumps({"input_data": own("split")}),
    "input_data records": json.dumps({"input_data": own("records")}),
    "Inputs": json.dumps({"Inputs": {"data": own("records")}, "GlobalParameters": {}}),
    **{f"data to_json {orient}": json.dumps({"data": own(orient)}) for orient in ["records", "columns", "index", "values", "table"]},
}
for name, body in bodies.items():
    response = requests.post(scoring_uri, data=body, headers=headers)
    if response.status_code != 200:
        sys.exit(f"{name}: status {response.status_code}: {response.text}")
    # The answer is an object of columns, which pandas reads; only the classes are compared.
    labels = pd.read_json(io.StringIO(json.dumps({"label": response.json()["label"]})))["label"]
    if labels.tolist() != case["answers"]:
        sys.exit(f"{name}: {labels.tolist()}")
print(len(bodies))
