"""No telemetry: the system calls of each kind of process show no socket and no file elsewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(sys.platform != "linux", reason="strace needs Linux"),
]

EXAMPLES = Path("examples").resolve()
DURATION_S = 32  # ONNX Runtime looks for its maker's server after 25 s
TRACED_CALLS = "network,openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2"
CREATED_PATH = re.compile(r'(?:openat?|creat|mkdir|mkdirat)\((?:AT_FDCWD, )?"([^"]+)"(?!.*= -1)')
# The cache of the name service, and the system's fonts and devices: these report nothing.
LOCAL_SOCKETS = re.compile(r"AF_UNIX.*/nscd/socket|AF_NETLINK|AF_UNSPEC")
SYSTEM_PATHS = re.compile(r"^/(dev|proc)/|/fontconfig/|/__pycache__")
IMPORT_EVERYTHING = (  # everything that imports other packages
    "import numeye.training.train, numeye.training.export, numeye.study.compare;"
    "import numeye.server.app, numeye.study.experiments.failures, numeye.layout.form_alignment;"
    "import numeye.models.snapshots, numeye.io.images, pypdfium2, rich.progress;"
    "import sklearn.svm, scipy.optimize, skimage.filters, cleanlab, matplotlib.figure"
)
READING_PROGRAM = f"""
import time, numeye
reader, until = numeye.Reader(), time.monotonic() + {DURATION_S}
while time.monotonic() < until:
    assert reader.read({str(EXAMPLES / "digits" / "7-turned.jpg")!r}).text == "7"
    time.sleep(0.5)
"""
SERVING_PROGRAM = f"""
import subprocess, sys, time, urllib.request
subprocess.run(["ip", "link", "set", "lo", "up"], check=False)
command = [sys.executable, "-m", "numeye", "serve", "--port", "0"]
server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
address = server.stderr.readline().split()[0]
until = time.monotonic() + {DURATION_S}
picture = open({str(EXAMPLES / "digits" / "7-turned.jpg")!r}, "rb").read()
while time.monotonic() < until:
    for path in ("v1/read?single=true", "v1/explain"):
        request = urllib.request.Request(address + path, picture, {{"Content-Type": "image/jpeg"}})
        assert urllib.request.urlopen(request).status == 200
    time.sleep(1)
server.send_signal(2)
sys.exit(0 if server.wait(30) == 130 else 1)
"""


@dataclass(frozen=True)
class Trace:
    """What a process and its children did.

    Attributes:
        sockets: System calls that connect or send to other machines or create internet sockets.
        remaining: Files and folders outside its own folders that exist at the end.
        created: Files and folders outside its own folders that it created, even if it removed them.
    """

    sockets: list[str]
    remaining: list[str]
    created: list[str]


def trace(folder: Path, *command: str, is_server: bool = False, **env: str) -> Trace:
    """Run a command with its own home, working folder and network."""
    home, work, log = folder / "home", folder / "work", folder / "calls"
    for new_folder in (home, work, folder / "tmp"):
        new_folder.mkdir(parents=True)
    kept_environment = {
        name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ
    }
    environment = {**kept_environment, "HOME": str(home), "TMPDIR": str(folder / "tmp"), **env}
    strace = ["strace", "-f", "-qq", "-s", "300", "-e", f"trace={TRACED_CALLS}", "-o", str(log)]
    full_command = [*strace, *_without_network(), *command]
    process = subprocess.run(
        full_command, cwd=work, env=environment, capture_output=True, text=True, timeout=300
    )
    assert process.returncode == 0, process.stderr[-2_000:]
    own_folders = (str(work), str(folder / "tmp"), str(home / ".cache" / "numeye"))
    calls = log.read_text(errors="replace").splitlines()
    paths = [
        match[1]
        for line in calls
        if ("O_CREAT" in line or "mkdir" in line) and (match := CREATED_PATH.search(line))
    ]
    remaining = [
        str(path) for path in home.rglob("*") if not str(home / ".cache").startswith(str(path))
    ]
    return Trace(
        sockets=[line for line in calls if _is_outgoing(line, is_server)],
        remaining=[
            path
            for path in remaining
            if not path.startswith(own_folders) and not SYSTEM_PATHS.search(path)
        ],
        created=[
            path
            for path in paths
            if path.startswith("/")
            and not path.startswith(own_folders)
            and not _is_expected(path, home)
        ],
    )


def _is_expected(path: str, home: Path) -> bool:
    return path == str(home / ".cache") or SYSTEM_PATHS.search(path) is not None


def _is_outgoing(call: str, is_server: bool) -> bool:
    """Return whether a call creates an internet socket or sends to one.

    A server's own sockets on this machine do not count.
    """
    if LOCAL_SOCKETS.search(call) or ("AF_UNIX" in call and "sun_path" not in call):
        return False
    if "AF_INET" not in call:
        return "sun_path" in call and "connect(" in call
    if not is_server:
        return True
    address = re.search(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"', call)
    return "SOCK_DGRAM" in call or (
        address is not None and (address[1] or address[2]) not in ("127.0.0.1", "::1")
    )


def _without_network() -> list[str]:
    """Return a command that runs another one without a network, if that is permitted.

    A name lookup then gets no answer, but its system calls are traced all the same.
    """
    command = ["unshare", "-n"]
    can_unshare = (
        shutil.which("unshare")
        and subprocess.run([*command, "true"], capture_output=True).returncode == 0
    )
    return command if can_unshare else []


@pytest.fixture(autouse=True)
def _strace() -> None:
    if shutil.which("strace") is None:
        if os.environ.get("NUMEYE_FAULTS_REQUIRED"):
            pytest.fail("strace is not installed, and NUMEYE_FAULTS_REQUIRED is set")
        pytest.skip("strace is not installed")


def test_the_trace_shows_sockets_and_files(tmp_path: Path) -> None:
    """A process that does what is forbidden is noticed."""
    code = (
        "import os, pathlib, socket; pathlib.Path.home().joinpath('.id').write_text('1');"
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect_ex(('192.0.2.1', 53))"
    )
    trace_result = trace(tmp_path, sys.executable, "-c", code)
    assert any("connect(" in call for call in trace_result.sockets)
    assert trace_result.remaining == trace_result.created == [str(tmp_path / "home" / ".id")]


def test_long_running_processes_report_nothing(tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        reader = pool.submit(trace, tmp_path / "recognizer", sys.executable, "-c", READING_PROGRAM)
        server = pool.submit(
            trace, tmp_path / "server", sys.executable, "-c", SERVING_PROGRAM, is_server=True
        )
        assert reader.result() == server.result() == Trace([], [], [])


@pytest.mark.parametrize(
    "arguments", [("read", "--json"), ("explain",), ("doctor",), ("evaluate", "--data")]
)
def test_commands_report_nothing(
    arguments: tuple[str, ...], tmp_path: Path, few_digits: Path
) -> None:
    picture = str(EXAMPLES / "digits" / "7-turned.jpg")
    last_arguments = {"doctor": [], "evaluate": [str(few_digits)]}.get(arguments[0], [picture])
    assert trace(tmp_path, sys.executable, "-m", "numeye", *arguments, *last_arguments) == Trace(
        [], [], []
    )


def test_training_and_other_packages_report_nothing(tmp_path: Path, few_digits: Path) -> None:
    train = ["-m", "numeye", "train", "classic", "--epochs", "1", "--run", "run"]
    train += ["--data", str(few_digits)]
    assert trace(tmp_path / "train", sys.executable, *train) == Trace([], [], [])
    fonts = {"MPLCONFIGDIR": str(tmp_path / "others" / "tmp" / "fonts")}
    assert trace(tmp_path / "others", sys.executable, "-c", IMPORT_EVERYTHING, **fonts) == Trace(
        [], [], []
    )


def test_a_setting_of_the_user_is_kept() -> None:
    code = "import os, numeye; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    others = {name: text for name, text in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    for settings, expected in (({}, "1"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0")):
        env = {**others, **settings}
        process = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        )
        assert process.stdout.strip() == expected
