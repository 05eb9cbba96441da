"""The models of ONNX's own test suite, each with the rows on every axis of every input, and what ONNX Runtime makes of them.

    python variants.py make FOLDER [PART OF]    writes <number>.onnx and variants.json
    python variants.py check FOLDER [VERDICTS]  reads verdicts.json (what the proof says of each), prints what is wrong

A variant is a model with one input, or all of them, opened on one axis, and with one of its outputs; the other inputs
become constants. Checked is that rows together give what each gives alone, and that replacing one row changes no other.
"""
import json
import pathlib
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

warnings.simplefilter('ignore')
onnxruntime.set_default_logger_severity(4)


def cases(part, of):
    from onnx.backend.test.case.node import collect_testcases
    from onnx.backend.test.loader import load_model_tests

    for index, case in enumerate(collect_testcases(None)):
        if index % of == part and case.model is not None and case.data_sets:
            yield case.name, case.model, list(case.data_sets[0][0])
    from contrib_cases import all_cases

    for index, case in enumerate(all_cases()):
        if index % of == part:
            yield case
    for kind in ('simple', 'pytorch-operator', 'pytorch-converted'):
        for index, case in enumerate(load_model_tests(kind=kind)):
            folder = pathlib.Path(case.model_dir)
            if index % of != part or not (folder / 'test_data_set_0').exists():
                continue
            model = onnx.load(folder / 'model.onnx')
            inputs = [read_input(folder / 'test_data_set_0' / f'input_{i}.pb') for i in range(len(model.graph.input))]
            yield case.name, model, [array for array in inputs if array is not None]


def read_input(path):
    if not path.exists():
        return None
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return numpy_helper.to_array(tensor)


def variants(model, arrays):
    """Yields (model, axis of the rows by input) for every way of opening it."""
    sent = sent_inputs(model)
    if not sent or len(sent) != len(arrays):
        return
    if not all(isinstance(array, np.ndarray) and value.type.HasField('tensor_type') for value, array in zip(sent, arrays)):
        return
    ways = [{value.name: axis} for value, array in zip(sent, arrays) for axis in range(array.ndim)]
    if len(sent) > 1:
        deepest = min(array.ndim for array in arrays)
        ways += [{value.name: axis for value in sent} for axis in range(deepest)]
        ways += [{value.name: 0 for value, array in zip(sent, arrays) if array.ndim > 0}]
    seen = set()
    for axes in ways:
        key = json.dumps(axes)
        if key in seen or not axes:
            continue
        seen.add(key)
        for output in range(len(model.graph.output)):
            yield opened(model, arrays, axes, output), axes


def sent_inputs(model):
    given = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in given]


def opened(model, arrays, axes, output):
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for value, array in zip(sent_inputs(model), arrays):
        if value.name not in axes:
            tensor = numpy_helper.from_array(np.ascontiguousarray(array), value.name)
            if tensor.data_type != value.type.tensor_type.elem_type:
                tensor = helper.make_tensor(value.name, value.type.tensor_type.elem_type, array.shape, array.tobytes(), raw=True)
            copy.graph.initializer.append(tensor)
    kept = [value for value in copy.graph.input if value.name in axes]
    for value, array in [(value, array) for value, array in zip(sent_inputs(model), arrays) if value.name in axes]:
        declared = next(each for each in kept if each.name == value.name).type.tensor_type
        declared.shape.Clear()
        for axis, size in enumerate(array.shape):
            dimension = declared.shape.dim.add()
            if axis == axes[value.name]:
                dimension.dim_param = 'rows'
            else:
                dimension.dim_value = size
    kept = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in kept]
    if copy.ir_version < 4:
        copy.ir_version = 4
    del copy.graph.input[:]
    copy.graph.input.extend(kept)
    declared_output = onnx.ValueInfoProto.FromString(copy.graph.output[output].SerializeToString())
    if declared_output.type.HasField('tensor_type'):
        declared_output.type.tensor_type.ClearField('shape')
    del copy.graph.output[:]
    copy.graph.output.append(declared_output)
    del copy.graph.value_info[:]
    return copy


def make(folder, part=0, of=1):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, model, arrays in cases(int(part), int(of)):
        for variant, axes in variants(model, arrays):
            path = folder / f'{len(written)}.onnx'
            path.write_bytes(variant.SerializeToString())
            samples = {value.name: array for value, array in zip(sent_inputs(model), arrays) if value.name in axes}
            np.savez(folder / f'{len(written)}.npz', **{f'in_{i}': array for i, array in enumerate(samples.values())})
            written.append({'name': name, 'axes': axes})
    (folder / 'variants.json').write_text(json.dumps(written))
    print(len(written), 'variants')


def rows_like(array, axis, count, random, wild):
    """That many rows of the array's type, of unlike size and sign, or (not wild) within the array's own range."""
    shape = list(array.shape)
    shape[axis] = count
    kind = array.dtype.kind
    if kind == 'b':
        return random.random(shape) < 0.5
    if kind in 'OUS':
        return random.choice(array.reshape(-1) if array.size else np.array(['']), shape)
    if kind == 'f' or array.dtype.name == 'bfloat16':
        if wild:
            scales = np.exp(random.uniform(-3, 3, [count if i == axis else 1 for i in range(len(shape))]))
            return (random.normal(size=shape) * scales).astype(array.dtype)
        finite = array[np.isfinite(array.astype(np.float64))]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0, 1)
        return random.uniform(low, high, shape).astype(array.dtype)
    if kind in 'iu':
        low, high = (int(array.min()), int(array.max())) if array.size else (0, 1)
        if wild and array.dtype.itemsize == 1:
            low, high = np.iinfo(array.dtype).min, np.iinfo(array.dtype).max
        return random.integers(low, high, shape, endpoint=True).astype(array.dtype)
    return random.choice(array.reshape(-1), shape)


def close(a, b, scale):
    """Section "tolerance": compared with the largest value of the output."""
    if isinstance(a, list) or isinstance(b, list):
        return len(a) == len(b) and all(close(x, y, scale) for x, y in zip(a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(close(np.asarray(a[k]), np.asarray(b[k]), scale) for k in a)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind in 'OUSb':
        return bool((a == b).all())
    if a.dtype.kind in 'iu':
        # A quantised value may round to its neighbour.
        return bool((np.abs(a.astype(np.float64) - b.astype(np.float64)) <= (1 if a.dtype.itemsize == 1 else 0)).all())
    x, y = a.astype(np.complex128), b.astype(np.complex128)
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    tolerance = (5e-2 if a.dtype.itemsize <= 2 else 1e-3) * scale
    with np.errstate(all='ignore'):
        return bool((same | (np.abs(x - y) <= tolerance)).all())


def scale_of(value):
    if isinstance(value, list):
        return max([scale_of(each) for each in value], default=1.0)
    if isinstance(value, dict) or value.dtype.kind in 'OUSbiu' or not value.size:
        return 1.0
    finite = np.abs(value.astype(np.complex128))
    finite = finite[np.isfinite(finite)]
    return max(float(finite.max()) if finite.size else 1.0, 1e-6)


def cut(value, axis, start, stop):
    if isinstance(value, list):
        return value[start:stop] if value and isinstance(value[0], dict) else [cut(v, axis, start, stop) for v in value]
    return np.take(value, range(start, stop), axis)


class Disagrees(Exception):
    pass


def try_rows(session, samples, axes, output_axis, counts, wild):
    """Raises Disagrees when rows depend on each other; otherwise how many counts of rows could be run."""
    random = np.random.default_rng(5)
    runs = 0
    for count in counts:
        feeds = {name: rows_like(samples[name], axis, count, random, wild) for name, axis in axes.items()}
        one = lambda fed, i: {name: np.take(fed[name], [i], axis) for name, axis in axes.items()}
        picked = sorted({0, 1, count // 2, count - 1})
        try:
            alone = [session.run(None, one(feeds, i))[0] for i in picked]
        except Exception:
            continue
        try:
            together = session.run(None, feeds)[0]
        except Exception:
            continue  # The caller runs each alone then.
        runs += 1
        scale = scale_of(together)
        length = together.shape[output_axis] if not isinstance(together, list) else count
        if length != count:
            continue  # The caller throws the run away.
        for i, expected in zip(picked, alone):
            if not close(cut(together, output_axis, i, i + 1), expected, scale):
                raise Disagrees(f'row {i} of {count} differs from the row alone')
        changed = {name: array.copy() for name, array in feeds.items()}
        at = count // 2
        for name, axis in axes.items():
            np.moveaxis(changed[name], axis, 0)[at] = np.moveaxis(rows_like(samples[name], axis, 1, random, wild), axis, 0)[0]
        try:
            other = session.run(None, changed)[0]
        except Exception:
            continue
        for start, stop in ((0, at), (at + 1, count)):
            if stop > start and not close(cut(other, output_axis, start, stop), cut(together, output_axis, start, stop), scale):
                raise Disagrees(f'of {count} rows, others change with row {at}')
    return runs


def check(folder, verdicts='verdicts.json'):
    folder = pathlib.Path(folder)
    listed = json.loads((folder / 'variants.json').read_text())
    verdicts = json.loads((folder / verdicts).read_text())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    totals = {'proven, independent': 0, 'proven, dependent': 0, 'proven, not run': 0, 'not proven, independent': 0, 'not proven, dependent': 0, 'not proven, not run': 0}
    details = []
    for index, (variant, verdict) in enumerate(zip(listed, verdicts)):
        axes = variant['axes']
        if verdict is None:
            continue
        is_proven = verdict['kind'] == 'independent'
        # One that is not proven is tried with rows on the first axis of its output, to see what is lost.
        output_axis = verdict['rowAxis'] if is_proven else 0
        if not is_proven and any(axis != 0 for axis in axes.values()):
            continue
        with np.load(folder / f'{index}.npz', allow_pickle=True) as stored:
            samples = dict(zip(axes, (stored[f'in_{i}'] for i in range(len(axes)))))
        try:
            session = onnxruntime.InferenceSession(str(folder / f'{index}.onnx'), options, providers=['CPUExecutionProvider'])
        except Exception:
            totals[f"{'proven' if is_proven else 'not proven'}, not run"] += 1
            continue
        counts = (2, 5, 33) if is_proven else (2, 5)
        try:
            runs = sum(try_rows(session, samples, axes, output_axis, counts, wild) for wild in (True, False))
            outcome = 'independent' if runs else 'not run'
        except Disagrees as difference:
            outcome = 'dependent'
            verdict['difference'] = str(difference)
        except Exception as failure:
            outcome = 'dependent' if is_proven else 'not run'
            verdict['difference'] = repr(failure)
        key = f"{'proven' if is_proven else 'not proven'}, {outcome}"
        totals[key] += 1
        if key in ('proven, dependent', 'not proven, independent'):
            details.append({'outcome': key, 'index': index, **variant, 'reason': verdict.get('reason'), 'difference': verdict.get('difference')})
    (folder / 'details.json').write_text(json.dumps(details, indent=1))
    for each in details:
        if each['outcome'] == 'proven, dependent':
            print('WRONG', each['index'], each['name'], each['axes'], each['difference'])
    print(json.dumps(totals))


if __name__ == '__main__':
    {'make': make, 'check': check}[sys.argv[1]](*sys.argv[2:])
