from __future__ import annotations

import pytest
import torch

from numeye.errors import UsageError
from numeye.training.networks import count_parameters, create_model, list_models


def test_classic_has_every_layer_of_the_experiment_and_206_922_parameters() -> None:
    model = create_model("classic")
    assert count_parameters(model) == 206_922
    assert {name: tuple(value.shape) for name, value in model.state_dict().items()} == {
        "conv1.weight": (16, 1, 3, 3),
        "conv1.bias": (16,),
        "conv2.weight": (32, 16, 3, 3),
        "conv2.bias": (32,),
        "fc1.weight": (128, 32 * 7 * 7),
        "fc1.bias": (128,),
        "fc2.weight": (10, 128),
        "fc2.bias": (10,),
    }


def test_every_intermediate_shape_of_classic() -> None:
    model = create_model("classic")
    shapes: list[tuple[str, tuple[int, ...]]] = []
    for name, layer in model.named_children():
        layer.register_forward_hook(
            lambda _m, _i, output, name=name: shapes.append((name, tuple(output.shape)))
        )
    model(torch.rand(5, 1, 28, 28))
    assert shapes == [
        ("conv1", (5, 16, 28, 28)),
        ("relu", (5, 16, 28, 28)),
        ("pool", (5, 16, 14, 14)),
        ("conv2", (5, 32, 14, 14)),
        ("relu", (5, 32, 14, 14)),
        ("pool", (5, 32, 7, 7)),
        ("flatten", (5, 1568)),
        ("fc1", (5, 128)),
        ("relu", (5, 128)),
        ("fc2", (5, 10)),
    ]


def test_classic_is_the_network_written_out_in_one_line() -> None:
    model = create_model("classic")
    nn = torch.nn
    plain = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2),
        nn.Flatten(), nn.Linear(32 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    plain.load_state_dict(dict(zip(plain.state_dict(), model.state_dict().values(), strict=True)))
    images = torch.rand(7, 1, 28, 28)
    assert torch.equal(model(images), plain(images))


def test_shapes_are_checked_in_the_tests() -> None:
    with pytest.raises(Exception, match="images"):
        create_model("classic")(torch.rand(5, 28, 28))


def test_the_registry_names_what_it_has() -> None:
    assert list_models() == ["classic", "detector", "recognizer", "transcription"]
    with pytest.raises(
        UsageError, match="no network 'clasic'; expected one of classic, detector, recognizer"
    ):
        create_model("clasic")


@pytest.mark.parametrize("width", [16, 100, 448])
def test_the_line_recognizer_has_a_column_for_four_pixels_and_stays_small(width: int) -> None:
    model = create_model("transcription").eval()
    assert count_parameters(model) < 500_000
    assert model(torch.rand(3, 1, 32, width)).shape == (3, width // 4, 29)


def test_the_line_recognizer_gives_the_same_answers_for_light_on_dark() -> None:
    model = create_model("transcription").eval()
    images = torch.rand(2, 1, 32, 64).pow(4)  # few light pixels, as strokes are
    assert torch.allclose(model(images), model(1 - images), atol=1e-4)
