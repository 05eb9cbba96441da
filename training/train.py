"""Makes the sample models, and the scores another implementation gives for them.

    python3.11 -m venv training/.venv
    training/.venv/bin/pip install -r training/requirements.txt
    training/.venv/bin/python training/train.py

Writes models/<service>/1/model.onnx, models/<service>/sample.json and test/fixtures/expected-scores.json; the same of the
encrypted sample in examples/digits-encrypted, with test/fixtures/encrypted/held-out-digits.json. Each model is
compared with what was trained, then scored on rows it has not seen. Every run makes the same model bytes; when they are
not those that the service.json names by sha256, the run says so and fails. The last digit of an expected
float32 score depends on the CPU: compare with a tolerance.
"""

import hashlib
import json
import os
import sys
import textwrap
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when the library is loaded

import numpy as np
import onnxruntime
import sklearn
from digits_network import forward, to_grid
from digits_network import train as train_digits_network
from onnx import TensorProto, checker, helper, numpy_helper
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "models"
EXAMPLES = ROOT / "examples"
FIXTURE_ROWS = 12


def diabetes():
    """Ridge regression in float64: the Azure Machine Learning sample whose two scores were published.

    The coefficients are those of Ridge(alpha=0.4) on train_test_split(X, y, test_size=0.2, random_state=0), with the
    diabetes data as scikit-learn scaled it before version 1.1. Later versions scale it afresh, so they cannot give the
    last digits again; how far the same recipe lands today is printed. The two published rows are in the old scaling.
    """
    coefficients = np.array([
        3.667376236969423, -137.03884377642618, 414.2531952736959, 231.22218714779896, -27.59487891220319,
        -81.3362622533103, -190.80126062555738, 125.48559142769702, 350.55962210194, 96.85216850184753,
    ])
    intercept = 152.11788558574
    published_rows = np.array([
        [0.0199132141783263, 0.0506801187398187, 0.104808689473925, 0.0700725447072635, -0.0359677812752396,
         -0.0266789028311707, -0.0249926566315915, -0.00259226199818282, 0.00371173823343597, 0.0403433716478807],
        [-0.0127796318808497, -0.044641636506989, 0.0606183944448076, 0.0528581912385822, 0.0479653430750293,
         0.0293746718291555, -0.0176293810234174, 0.0343088588777263, 0.0702112981933102, 0.00720651632920303],
    ])
    published_scores = [217.67978776218715, 224.78937091757172]

    session = save_model(
        "diabetes",
        nodes=[
            helper.make_node("MatMul", ["data", "coefficients"], ["weighted"]),
            helper.make_node("Add", ["weighted", "intercept"], ["prediction"]),
        ],
        inputs=[helper.make_tensor_value_info("data", TensorProto.DOUBLE, ["batch", 10])],
        outputs=[helper.make_tensor_value_info("prediction", TensorProto.DOUBLE, ["batch"])],
        constants={"coefficients": coefficients, "intercept": np.array(intercept)},
    )

    (scores,) = session.run(None, {"data": published_rows})
    require(scores.tolist() == published_scores, f"diabetes: {scores.tolist()}, published were {published_scores}")
    print(f"  published rows: {scores.tolist()}, exactly as published")

    train_rows, test_rows, train_targets, test_targets = train_test_split(
        *load_diabetes(return_X_y=True), test_size=0.2, random_state=0
    )
    today = Ridge(alpha=0.4).fit(train_rows, train_targets)
    (predictions,) = session.run(None, {"data": test_rows})
    require_close("diabetes", predictions, test_rows @ coefficients + intercept, tolerance=1e-12)
    error = np.mean((predictions - test_targets) ** 2)
    error_today = np.mean((today.predict(test_rows) - test_targets) ** 2)
    print(f"  held-out mean squared error on today's data: {error:.4f} ({len(test_rows)} rows)")
    coefficient_gap = np.abs(today.coef_ - coefficients).max()
    score_gap = np.abs(today.predict(published_rows) - scores).max()
    print("  the same recipe on today's data:")
    print(f"    held-out mean squared error {error_today:.4f}")
    print(f"    {coefficient_gap:.1e} away in a coefficient, {score_gap:.1e} in a published score")

    save_sample("diabetes", published_rows)
    # The first two held-out rows are the published ones in today's scaling.
    return expected_scores(session, np.concatenate([published_rows, test_rows[2:FIXTURE_ROWS]]))


def iris():
    """Logistic regression on four lengths in cm; answers with the name of the species and three probabilities."""
    data = load_iris()
    species = data.target_names.tolist()
    train_rows, test_rows, train_labels, test_labels = train_test_split(
        data.data, data.target, test_size=0.3, random_state=0, stratify=data.target
    )
    model = LogisticRegression(max_iter=1000, tol=1e-8).fit(train_rows, train_labels)
    model.coef_, model.intercept_ = to_grid(model.coef_), to_grid(model.intercept_)

    session = save_model(
        "iris",
        nodes=[
            helper.make_node("MatMul", ["features", "coefficients"], ["weighted"]),
            helper.make_node("Add", ["weighted", "intercepts"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
            helper.make_node("ArgMax", ["logits"], ["index"], axis=1, keepdims=0),
            helper.make_node("Gather", ["species", "index"], ["label"]),
        ],
        inputs=[helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", 4])],
        outputs=[
            helper.make_tensor_value_info("label", TensorProto.STRING, ["batch"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3]),
        ],
        constants={
            "coefficients": model.coef_.T.astype(np.float32),
            "intercepts": model.intercept_.astype(np.float32),
            "species": np.array(species, dtype=object),
        },
    )

    labels, probabilities = session.run(None, {"features": test_rows.astype(np.float32)})
    require_close("iris", probabilities, model.predict_proba(test_rows), tolerance=1e-5)
    print_accuracy(labels == data.target_names[test_labels])

    save_sample("iris", [test_rows[test_labels == label][0] for label in (0, 2)])
    return expected_scores(session, test_rows[:FIXTURE_ROWS].astype(np.float32))


def digits():
    """A convolutional network on 8x8 handwritten digits; the pixels go in raw, 0 (blank) to 16 (ink)."""
    data = load_digits()
    train_images, test_images, train_labels, test_labels = train_test_split(
        data.images, data.target, test_size=0.2, random_state=0, stratify=data.target
    )
    weights = train_digits_network(train_images, train_labels)

    session = save_model(
        "digits",
        nodes=[
            helper.make_node("Reshape", ["images", "as_one_channel"], ["raw_pixels"]),
            helper.make_node("Mul", ["raw_pixels", "pixel_scale"], ["pixels"]),
            helper.make_node("Conv", ["pixels", "conv1", "bias1"], ["edges"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["edges"], ["hidden1"]),
            helper.make_node("Conv", ["hidden1", "conv2", "bias2"], ["strokes"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["strokes"], ["hidden2"]),
            helper.make_node("MaxPool", ["hidden2"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Gemm", ["flat", "dense", "bias3"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        inputs=[helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 8, 8])],
        outputs=[helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 10])],
        constants={
            "as_one_channel": np.array([-1, 1, 8, 8], dtype=np.int64),
            "pixel_scale": np.array(1 / 16, dtype=np.float32),
            **{name: value.astype(np.float32) for name, value in weights.items()},
        },
    )

    (probabilities,) = session.run(None, {"images": test_images.astype(np.float32)})
    require_close("digits", probabilities, forward(weights, test_images)[0], tolerance=1e-5)
    accuracy = print_accuracy(probabilities.argmax(axis=1) == test_labels)
    require(accuracy >= 0.97, "digits: less than 97 % of the held-out digits are right")

    save_sample("digits", test_images[:2])
    return expected_scores(session, test_images[:FIXTURE_ROWS].astype(np.float32))


def digits_encrypted():
    """Logistic regression on 64 raw pixels, 0 to 16: linear, so that it can score what it cannot read. Answers with scores, not
    probabilities, as encrypted scores are."""
    data = load_digits()
    train_rows, test_rows, train_labels, test_labels = train_test_split(
        data.data, data.target, test_size=0.2, random_state=0, stratify=data.target
    )
    model = LogisticRegression(C=0.05, solver="newton-cholesky", tol=1e-8).fit(train_rows, train_labels)
    model.coef_, model.intercept_ = to_grid(model.coef_), to_grid(model.intercept_)

    service = "digits-encrypted"
    session = save_model(
        service,
        nodes=[helper.make_node("Gemm", ["pixels", "coefficients", "intercepts"], ["scores"], transB=1)],
        inputs=[helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 64])],
        outputs=[helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 10])],
        constants={
            "coefficients": model.coef_.astype(np.float32),
            "intercepts": model.intercept_.astype(np.float32),
        },
        folder=EXAMPLES,
    )

    (scores,) = session.run(None, {"pixels": test_rows.astype(np.float32)})
    require_close(service, scores, model.decision_function(test_rows), tolerance=1e-4)
    accuracy = print_accuracy(scores.argmax(axis=1) == test_labels)
    require(accuracy >= 0.95, f"{service}: less than 95 % of the held-out digits are right")

    save_sample(service, test_rows[:2], folder=EXAMPLES)
    rows = test_rows[:100]
    save_json(
        ROOT / "test" / "fixtures" / "encrypted" / "held-out-digits.json",
        {
            "madeBy": f"scikit-learn {sklearn.__version__}: LogisticRegression.decision_function",
            "rows": as_json_numbers(rows),
            "scores": as_json_numbers(model.decision_function(rows).round(9)),
        },
    )


# --- Files ---


def save_model(service, nodes, inputs, outputs, constants, folder=MODELS):
    """Writes <folder>/<service>/1/model.onnx and opens it again, with one thread as the services do."""
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    model = helper.make_model(
        helper.make_graph(nodes, service, inputs, outputs, initializers),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
        producer_name="scoring-functions",
    )
    checker.check_model(model, full_check=True)
    path = folder / service / "1" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    print(f"{service}: {path.relative_to(ROOT).as_posix()}, {path.stat().st_size} bytes")

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def save_sample(service, rows, folder=MODELS):
    save_json(folder / service / "sample.json", {"data": as_json_numbers(np.asarray(rows))})


def expected_scores(session, rows):
    """What ONNX Runtime for Python answers to `rows`, for test/fixtures/expected-scores.json."""
    name = session.get_inputs()[0].name
    outputs = session.run(None, {name: rows})
    alone = zip(*(session.run(None, {name: rows[i : i + 1]}) for i in range(len(rows))))
    is_identical = all(np.array_equal(np.concatenate(one_by_one), output) for one_by_one, output in zip(alone, outputs))
    print(f"  {len(rows)} rows scored alone and together: {'bit-identical' if is_identical else 'NOT bit-identical'}")
    return {
        "inputs": {name: as_json_numbers(rows)},
        "outputs": {meta.name: as_json_numbers(value) for meta, value in zip(session.get_outputs(), outputs)},
    }


def as_json_numbers(values):
    """Nested lists, each number in the fewest digits that read back as the same float64 or float32."""
    if values.ndim:
        return [as_json_numbers(np.asarray(value)) for value in values]
    if values.dtype.kind != "f":
        return values.item()
    number = float(str(values))
    return int(number) if number.is_integer() else number


def save_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_json(value) + "\n", encoding="utf-8", newline="\n")


def to_json(value, indent=""):
    """JSON as the repository's formatter leaves it: two spaces, a list on one line if it fits, numbers side by side."""
    deeper = indent + "  "
    one_line = json.dumps(value)
    if isinstance(value, dict):
        members = [f"{deeper}{json.dumps(key)}: {to_json(member, deeper)}" for key, member in value.items()]
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    if not isinstance(value, list) or len(one_line) <= 100:
        return one_line
    if isinstance(value[0], list):
        return "[\n" + ",\n".join(deeper + to_json(item, deeper) for item in value) + f"\n{indent}]"
    numbers = textwrap.wrap(one_line[1:-1], 120 - len(deeper), break_on_hyphens=False)
    return "[\n" + "\n".join(deeper + line for line in numbers) + f"\n{indent}]"


# --- Checks ---


def require(condition, message):
    if not condition:
        sys.exit(f"train.py: {message}")


def require_close(service, actual, expected, tolerance):
    difference = np.abs(actual - expected).max()
    require(difference <= tolerance, f"{service}: the ONNX model is {difference:.1e} from the trained one")
    print(f"  largest difference from the trained model: {difference:.1e}")


def print_accuracy(is_right):
    print(f"  held-out accuracy: {is_right.mean():.2%} ({is_right.sum()} of {len(is_right)})")
    return is_right.mean()


def require_named_hashes(folders):
    """Fails unless each service.json names the bytes that were written."""
    problems = []
    for folder in folders:
        made = hashlib.sha256((folder / "1" / "model.onnx").read_bytes()).hexdigest()
        definition = json.loads((folder / "service.json").read_text(encoding="utf-8"))
        named = definition["models"][folder.name]["sha256"]
        if made != named:
            problems.append(f"{folder.relative_to(ROOT).as_posix()}/service.json names sha256 {named}, the model just made has {made}")
    require(not problems, "\n  ".join(["service.json does not match:", *problems]))
    print("every service.json names the sha256 of its model")


if __name__ == "__main__":
    scores = {service.__name__: service() for service in (diabetes, iris, digits)}
    made_by = f"onnxruntime {onnxruntime.__version__} for Python, CPU, one thread"
    save_json(ROOT / "test" / "fixtures" / "expected-scores.json", {"madeBy": made_by, "services": scores})
    digits_encrypted()
    require_named_hashes([*(MODELS / service for service in scores), EXAMPLES / "digits-encrypted"])
