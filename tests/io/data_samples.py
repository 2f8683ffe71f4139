"""Small data folders of every kind, for the tests of `numeye.io`."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image


def idx(values: np.ndarray) -> bytes:
    return (
        b"\0\0\x08"
        + bytes([values.ndim])
        + np.array(values.shape, ">u4").tobytes()
        + values.tobytes()
    )


def digits(count: int, height: int = 28, width: int = 28) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, height, width), dtype=np.uint8)


def save(picture: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def class_folder(folder: Path, pictures: np.ndarray, labels: list[int]) -> Path:
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        save(picture, folder / str(label) / f"{number}.png")
    return folder


def csv_folder(folder: Path, pictures: np.ndarray, labels: list[int]) -> Path:
    lines = ["file,label,remark"]
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        save(picture, folder / "scans" / f"{number}.png")
        lines.append(f"scans/{number}.png,{label},")
    (folder / "labels.csv").write_text("\r\n".join(lines), encoding="utf-8-sig")
    return folder


def npz_file(folder: Path, pictures: np.ndarray, labels: list[int]) -> Path:
    (folder / "own.npz").write_bytes(npz(images=pictures, labels=np.array(labels)))
    return folder / "own.npz"


def idx_file(folder: Path, pictures: np.ndarray, labels: list[int]) -> Path:
    (folder / "own-images-idx3-ubyte").write_bytes(idx(pictures))
    (folder / "own-labels-idx1-ubyte").write_bytes(idx(np.array(labels, np.uint8)))
    return folder / "own-images-idx3-ubyte"


def idx_folder(folder: Path, pictures: np.ndarray, labels: list[int]) -> Path:
    return idx_file(folder, pictures, labels).parent


def packed_idx_folder(folder: Path, pictures: np.ndarray, labels: list[int]) -> Path:
    for path in (idx_file(folder, pictures, labels), folder / "own-labels-idx1-ubyte"):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    return folder


KINDS = [class_folder, csv_folder, npz_file, idx_file, idx_folder, packed_idx_folder]
Kind = Callable[[Path, np.ndarray, list[int]], Path]
