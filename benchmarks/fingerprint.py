"""How long the fingerprint of a table takes, against reading the same table from Parquet.

Both sides run in this process on one table of integers, floats and text; the best of three counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from runcard.data.fingerprint import fingerprint


def make_table(n_rows: int) -> pa.Table:
    """Make 10 columns: 3 of integers, 4 of floats (one with missing values), 3 of text (one with missing)."""
    rng = np.random.default_rng(0)
    floats = rng.normal(size=n_rows)
    gaps = rng.random(n_rows) < 0.05
    contracts = pa.array(["Month-to-month", "One year", "Two year"])
    payments = pa.array(["Electronic check", "Mailed check", "Bank transfer", "Credit card"])
    return pa.table(
        {
            "customer": np.arange(n_rows),
            "tenure": rng.integers(0, 73, n_rows),
            "visits": rng.poisson(40, n_rows),
            "monthly_charges": rng.uniform(18, 119, n_rows).round(2),
            "total_charges": np.where(gaps, np.nan, np.abs(floats) * 1000),
            "latitude": rng.uniform(-90, 90, n_rows),
            "score": floats,
            "contract": contracts.take(pa.array(rng.integers(0, 3, n_rows))),
            "payment": payments.take(pa.array(rng.integers(0, 4, n_rows), mask=gaps)),
            "code": pa.array(rng.integers(0, 10**9, n_rows)).cast(pa.string()),
        }
    )


def best_of(n_times: int, work: Callable[[], object]) -> float:
    """Return the seconds of the fastest of `n_times` calls."""
    seconds = []
    for _ in range(n_times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    n_rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        pq.write_table(make_table(n_rows), path)
        read_seconds = best_of(3, lambda: pq.read_table(path).to_pandas())
        frame: pd.DataFrame = pq.read_table(path).to_pandas()
    n_bytes = int(frame.memory_usage(index=False, deep=True).sum())
    seconds = best_of(3, lambda: fingerprint(frame))
    print(f"table        {n_rows:,} rows x {frame.shape[1]} columns, {n_bytes / 1e9:.2f} GB in memory")
    print(f"read parquet {read_seconds:.2f} s")
    print(f"fingerprint  {seconds:.2f} s, {n_bytes / 1e9 / seconds:.2f} GB/s")
    print(f"ratio {seconds / read_seconds:.2f}")


if __name__ == "__main__":
    main()
