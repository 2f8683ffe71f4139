"""Make the list of the digits of `mnist:writers`, whose writers are in no other part of MNIST.

    python benchmarks/writers_split.py qmnist-train-labels.tsv.gz

The file has a line for each of MNIST's 60,000 training digits, tab separated: class, NIST series
(hsf), writer, and more. It holds the labels of QMNIST (https://github.com/facebookresearch/qmnist,
Yadav and Bottou 2019, "Cold case: the lost MNIST digits"). Whole writers are drawn by a fixed seed
until each series has its share of 5,000 digits. The list is written to
src/numeye/io/mnist_writers.npy. No writer of MNIST's test digits wrote training digits.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np

from numeye.io import datasets, file_limits, mnist
from numeye.io.files import write_bytes

SEED = 20_261_201
MAX_LABELS_BYTES = 20_000_000


def read_labels(path: Path) -> np.ndarray:
    """Return class, series and writer of each digit, (n, 3)."""
    content = file_limits.read(path, MAX_LABELS_BYTES)
    text = file_limits.unpack_gzip(content, MAX_LABELS_BYTES).decode("ascii")
    return np.array([line.split("\t")[:3] for line in text.splitlines()], np.int64)


def choose_digits(series: np.ndarray, writers: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of about `count` digits, all those of the writers who are chosen."""
    chosen = []
    for number in np.unique(series):
        members = np.unique(writers[series == number])
        keys = np.random.PCG64([SEED, int(number)]).random_raw(len(members))
        share, digits = count * float(np.mean(series == number)), 0
        for writer in members[np.argsort(keys, kind="stable")]:
            indices = np.flatnonzero((series == number) & (writers == writer))
            if digits + len(indices) / 2 > share:  # the last writer goes where the sum is nearer
                break
            chosen.append(indices)
            digits += len(indices)
    return np.sort(np.concatenate(chosen))


def main() -> None:
    """Write the list, and print what is in it."""
    classes, series, writers = read_labels(Path(sys.argv[1])).T
    if not np.array_equal(classes, mnist.load("train", mnist.fetch())[1]):
        sys.exit(f"{sys.argv[1]}: not the labels of MNIST's training digits, in their order")
    indices = choose_digits(series, writers, datasets.VALIDATION_SIZE)
    buffer = io.BytesIO()
    np.save(buffer, indices.astype(np.uint16))
    write_bytes(datasets.WRITERS_FILE, buffer.getvalue())
    for number in np.unique(series):
        part = indices[series[indices] == number]
        print(f"hsf_{number}: {len(part):,} digits of {len(np.unique(writers[part]))} writers")
    print(f"{len(indices):,} of {len(series):,} digits, in {datasets.WRITERS_FILE}")


if __name__ == "__main__":
    main()
