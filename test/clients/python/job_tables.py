"""Tables that batch jobs read and write: job_tables.py make|check <folder>

`make` writes inputs for services that answer with their input; `check` reads what the jobs wrote, and compares every bit.
"""

import gzip
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

mode, folder = sys.argv[1], Path(sys.argv[2])
count = 5000
random = np.random.default_rng(7)
bits = random.integers(0, 2**32, size=(count, 3), dtype=np.uint32)
vectors = bits.view(np.float32).copy()
vectors[np.isnan(vectors)] = np.nan  # only one NaN has a text
vectors[1] = [0.0, -0.0, np.nan]
numbers = random.integers(-(2**63), 2**63 - 1, size=count, dtype=np.int64)
ids = pa.array(random.integers(-(2**63), 2**63 - 1, size=count, dtype=np.int64))
names = pa.array([None if row % 7 == 0 else f"Zoë \"{row}\",\n" for row in range(count)])
flags = pa.array([None if row % 5 == 0 else row % 2 == 0 for row in range(count)])
columns = {"a": vectors[:, 0], "b": vectors[:, 1], "c": vectors[:, 2]}
copied = pa.table({"id": ids, "name": names, "flag": flags, "half": pa.array(vectors[:, 0] * 0 + 0.5, mask=np.isnan(vectors[:, 0] * 0))})


def same_floats(actual, expected):
    actual = np.ascontiguousarray(actual, dtype=np.float32)
    assert actual.shape == expected.shape, (actual.shape, expected.shape)
    assert (actual.view(np.uint32) == np.ascontiguousarray(expected).view(np.uint32)).all()


if mode == "make":
    table = copied
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    pq.write_table(table.append_column("n", pa.array(numbers)), folder / "table.parquet", row_group_size=700)
    frame = pd.DataFrame({"c": [1.5, None, 3.25], "id": ["é", "b", "c"], "a": [1, 2, 3], "b": [0.1, 0.2, 1e300]})
    frame.to_json(folder / "records.jsonl", orient="records", lines=True)
    frame.to_csv(folder / "semicolons.csv", sep=";", na_rep="?", index=False)
else:
    path = str(folder / "vectors.parquet")
    arrow = pq.read_table(path)
    assert arrow.num_rows == count
    assert arrow.schema.field("index").type == pa.int64()
    assert arrow.schema.field("prediction").type.value_type == pa.float32()
    for name in ["id", "name", "flag", "half"]:
        assert arrow.schema.field(name).type.equals({"half": pa.float32()}.get(name, copied.schema.field(name).type)), name
        assert arrow.column(name).to_pylist() == copied.column(name).to_pylist(), name
    assert arrow.column("index").to_pylist() == list(range(count))
    assert arrow.column("error_code").null_count == count
    assert pq.ParquetFile(path).num_row_groups > 1
    same_floats(np.array(arrow.column("prediction").to_pylist(), dtype=np.float32), vectors)
    same_floats(np.stack(pd.read_parquet(path)["prediction"].to_list()), vectors)
    same_floats(pl.read_parquet(path)["prediction"].to_numpy().tolist(), vectors)
    # The bits, also of -0 and NaN; a value is null only in a row with an error.
    assert arrow.column("prediction").null_count == arrow.column("prediction").combine_chunks().values.null_count == 0
    same_floats(np.array([row[0] for row in duckdb.sql(f"select prediction from '{path}' order by index").fetchall()]), vectors)

    path = str(folder / "numbers.parquet")
    assert pq.read_schema(path).field("prediction").type == pa.int64()
    for read in [
        pq.read_table(path)["prediction"].to_numpy(),
        pd.read_parquet(path)["prediction"].to_numpy(),
        pl.read_parquet(path)["prediction"].to_numpy(),
        duckdb.sql(f"select prediction from '{path}' order by index").fetchnumpy()["prediction"],
    ]:
        assert (np.asarray(read) == numbers).all()

    packed = pd.read_csv(folder / "vectors.csv.gz", float_precision="round_trip")
    assert list(packed.columns) == [
        *["index", "id", "prediction_0", "prediction_1", "prediction_2", "error_code", "error_message"],
    ]
    same_floats(packed[[f"prediction_{at}" for at in range(3)]].to_numpy(dtype=np.float32), vectors)
    assert (packed["id"] == ids.to_numpy()).all()
    with gzip.open(folder / "records.jsonl.gz") as lines:
        assert len(list(lines)) == 3
    expected = np.array([[1, 0.1, 1.5], [2, 0.2, np.nan], [3, np.nan, 3.25]], dtype=np.float32)
    for name in ["records", "semicolons"]:
        read = pd.read_json(folder / f"{name}.jsonl.gz", lines=True)
        assert [row["id"] for row in read["columns"]] == ["é", "b", "c"]
        same_floats(np.array(read["prediction"].to_list()[:2], dtype=np.float32), expected[:2])
        assert read["error"][2]["code"] in ("INPUT_TYPE_MISMATCH", "INPUT_INVALID"), read["error"][2]
    print("ok")
