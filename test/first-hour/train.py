"""Trains a classifier of mixed columns with scikit-learn's defaults, and exports it with skl2onnx's: train.py SEED FILE SEED FILE"""

import json
import sys

import numpy
import pandas
from skl2onnx import to_onnx
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def train(seed, file):
    random = numpy.random.default_rng(seed)
    customers = pandas.DataFrame({
        "age": random.integers(18, 80, 200).astype("float32"),
        "income": random.normal(50_000, 15_000, 200).astype("float32"),
        "plan": random.choice(["basic", "plus", "pro"], 200),
    })
    customers.loc[::7, "income"] = None
    churned = numpy.where((customers["plan"] == "basic") & (customers["age"] < 40 + seed), "yes", "no")

    pipeline = make_pipeline(
        ColumnTransformer([
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income"]),
            ("plan", OneHotEncoder(handle_unknown="ignore"), ["plan"]),
        ]),
        LogisticRegression(),
    ).fit(customers, churned)
    with open(file, "wb") as model:
        model.write(to_onnx(pipeline, customers[:1]).SerializeToString())

    # What scikit-learn itself says about the rows that score.py sends.
    asked = pandas.DataFrame({
        "age": [25, 61, 33], "income": [31_000, None, 72_000], "plan": ["basic", "plus", "unknown"],
    }).astype({"age": "float32", "income": "float32"})
    return json.loads(pandas.DataFrame(pipeline.predict_proba(asked), columns=pipeline.classes_).to_json(orient="records"))


print(json.dumps([train(int(seed), file) for seed, file in zip(sys.argv[1::2], sys.argv[2::2])]))
