"""The modules that each extra installs, and one clear error where one of them is missing."""

from __future__ import annotations

from importlib.util import find_spec

from numeye.errors import MissingExtra

_TRAIN = (
    *("torch", "torchvision", "cv2", "safetensors", "filelock"),
    *("onnx", "onnxscript", "matplotlib", "jinja2"),
)
MODULES = {  # names to import, which can differ from the names to install
    "train": _TRAIN,
    "evidence": (
        *_TRAIN,
        *("sklearn", "skimage", "scipy", "art", "multiprocess", "cleanlab", "statsmodels"),
    ),
    "serve": (
        *("fastapi", "starlette", "uvicorn", "httptools", "python_multipart", "prometheus_client"),
        *("onnx", "safetensors"),
    ),
    "explain": ("onnx", "safetensors"),
}


def missing_modules(extra: str) -> list[str]:
    """Return the modules of an extra that are not installed; imports none of them."""
    return [name for name in MODULES[extra] if not _is_installed(name)]


def require(feature: str, extra: str) -> None:
    """Check that an extra is installed, before the work begins.

    Args:
        feature: what needs the extra, for the message.
        extra: a key of `MODULES`.

    Raises:
        MissingExtra: one of its modules is not installed.
    """
    if missing_modules(extra):
        raise MissingExtra(feature, extra)


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):  # blocked, or not installed completely
        return False
