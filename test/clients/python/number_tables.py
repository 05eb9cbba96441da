"""Tables of every numeric type, and whether the predictions of batch jobs are those of onnxruntime, bit for bit.

    python number_tables.py write <folder>   a CSV, JSON Lines and a Parquet file for each model `<dtype>.onnx` in the folder
    python number_tables.py check <folder>   compares `<file>.predictions` with the model's own answers; prints how many numbers agree
"""

import json
import sys
from pathlib import Path

import duckdb
import numpy as np
import onnxruntime as ort
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

row_count, column_count = 400, 3
names = ["a", "b", "c"]


def values(dtype: np.dtype) -> np.ndarray:
    """Random ones of all sizes, and those at the ends of the type."""
    random = np.random.default_rng(7)
    if dtype.kind == "f":
        info = np.finfo(dtype)
        bits = random.integers(0, 2**16, (row_count * column_count, dtype.itemsize // 2), dtype=np.uint16)
        every = bits.view(dtype).ravel()
        usual = random.normal(size=every.size).astype(dtype)
        mixed = np.where(random.random(every.size) < 0.5, usual, every)
        ends = [np.nan, np.inf, -np.inf, 0.0, -0.0, info.max, info.min, info.smallest_normal, info.smallest_subnormal, 0.1]
    else:
        info = np.iinfo(dtype)
        mixed = random.integers(info.min, info.max, row_count * column_count, dtype=dtype, endpoint=True)
        mixed[::2] //= 2 ** (4 * dtype.itemsize - 1)
        ends = [info.min, info.max, info.max - 1, 0, 1]
    mixed[: len(ends)] = np.array(ends, dtype)
    return mixed.reshape(row_count, column_count)


def write(folder: Path) -> None:
    for model in folder.glob("*.onnx"):
        table = values(np.dtype(model.stem))
        np.save(folder / f"{model.stem}.npy", table)
        frame = pd.DataFrame(table, columns=names)
        # float16 and float32 as the shortest text of their own.
        text = frame.map(lambda value: "" if value != value else str(value))
        text.to_csv(folder / f"{model.stem}.csv", index=False)
        # With all the digits of a double, and every other missing number as null.
        rows = [[None if row % 2 and cell != cell else cell for cell in cells] for row, cells in enumerate(table.tolist())]
        (folder / f"{model.stem}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        # Missing numbers as nulls in `a` and `c`, as pandas writes them, and as NaN in `b`.
        columns = [pa.array(table[:, column], from_pandas=column != 1) for column in range(column_count)]
        pq.write_table(pa.table(columns, names=names), folder / f"{model.stem}.parquet")
        write_lists(table, folder, model.stem)


def write_lists(table: np.ndarray, folder: Path, stem: str) -> None:
    """A row as one list, as each library writes it."""
    # Every other missing number as null, and pages that end within a row.
    rows = [[None if row % 2 and cell != cell else cell for cell in cells] for row, cells in enumerate(table)]
    lists = pa.array(rows, pa.list_(pa.from_numpy_dtype(table.dtype)))
    pq.write_table(pa.table({"x": lists}), folder / f"{stem}.arrow.parquet", data_page_size=16, write_batch_size=7, row_group_size=150)
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(table.ravel()), column_count)
    pq.write_table(pa.table({"x": fixed}), folder / f"{stem}.fixed.parquet", data_page_version="2.0", compression="zstd")
    pd.DataFrame({"x": list(table)}).to_parquet(folder / f"{stem}.pandas.parquet")
    # Not every library has half the precision; numbers are the same in twice of it.
    wide = table.astype(np.float32) if table.dtype == np.float16 else table
    pl.DataFrame({"x": wide}).write_parquet(folder / f"{stem}.polars.parquet")
    source = pa.table({"x": pa.FixedSizeListArray.from_arrays(pa.array(wide.ravel()), column_count)})
    duckdb.from_arrow(source).write_parquet(str(folder / f"{stem}.duckdb.parquet"))


def check(folder: Path) -> None:
    agreed = 0
    for model in folder.glob("*.onnx"):
        table = np.load(folder / f"{model.stem}.npy")
        expected = dict(zip(["same", "product"], ort.InferenceSession(model).run(None, {"x": table}), strict=True))
        for kind in ["csv", "jsonl", "parquet", *[f"{library}.parquet" for library in ["arrow", "fixed", "pandas", "polars", "duckdb"]]]:
            lines = (folder / f"{model.stem}.{kind}.predictions").read_text().splitlines()
            answers = [json.loads(line) for line in lines]
            if [answer["index"] for answer in answers] != list(range(row_count)):
                raise SystemExit(f"{model.stem}, {kind}: other rows")
            for row, answer in enumerate(answers):
                for name, numbers in expected.items():
                    ours = np.array(answer["prediction"][name], dtype=numbers.dtype)
                    if not same_bits(ours, numbers[row]):
                        raise SystemExit(f"{model.stem}, {kind}, row {row}: {name} is {ours}, not {numbers[row]}")
                    agreed += ours.size
    print(agreed)


def same_bits(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """One NaN is as good as another: JSON and CSV have one only."""
    both_missing = (ours != ours) & (theirs != theirs)
    bits = np.dtype(f"u{ours.dtype.itemsize}")
    return ours.shape == theirs.shape and bool(np.all(both_missing | (ours.view(bits) == theirs.view(bits))))


{"write": write, "check": check}[sys.argv[1]](Path(sys.argv[2]))
