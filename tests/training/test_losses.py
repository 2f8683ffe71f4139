"""Loss functions."""

from __future__ import annotations

import torch

from numeye.models.characters import NO_CHARACTER
from numeye.training.losses import ClassificationLoss, LocalizationLoss, TranscriptionLoss


def test_cross_entropy_is_torchs() -> None:
    outputs, labels = torch.randn(8, 10), torch.arange(8)
    assert torch.equal(
        ClassificationLoss()(outputs, labels), torch.nn.functional.cross_entropy(outputs, labels)
    )
    assert ClassificationLoss().correct(torch.eye(10), torch.arange(10)).all()


def test_the_box_does_not_matter_without_a_digit() -> None:
    loss, outputs = LocalizationLoss(), torch.zeros(2, 15, requires_grad=True)
    targets = torch.tensor([[10, 0.5, 0.5, 1, 1], [3, 0.4, 0.6, 0.2, 0.3]])
    loss(outputs, targets).backward()
    assert outputs.grad is not None
    assert (outputs.grad[0, 11:] == 0).all()
    assert (outputs.grad[1, 11:] != 0).all()


def test_a_correct_answer_with_the_correct_box_has_the_lowest_loss() -> None:
    loss, targets = LocalizationLoss(), torch.tensor([[3, 0.4, 0.6, 0.2, 0.3]])
    good = torch.cat([10 * torch.eye(11)[3], targets[0, 1:]])[None]
    misread = torch.cat([10 * torch.eye(11)[4], targets[0, 1:]])[None]
    misplaced = good + torch.tensor([0.0] * 11 + [0.3, 0, 0, 0])
    assert loss(good, targets) < loss(misplaced, targets)
    assert loss(good, targets) < loss(misread, targets)
    assert loss.correct(torch.cat([good, misread]), targets.repeat(2, 1)).tolist() == [True, False]


def test_a_digit_of_a_few_pixels_must_be_found_but_not_read() -> None:
    outputs, targets = (
        torch.zeros(2, 15, requires_grad=True),
        torch.tensor([[3, 0.4, 0.6, 0.1, 0.15]] * 2),
    )
    targets[1, 3:] = torch.tensor([0.2, 0.3])
    LocalizationLoss()(outputs, targets).backward()
    assert outputs.grad is not None
    # which one it is does not matter, but
    assert torch.allclose(outputs.grad[0, :10], outputs.grad[0, 0])
    assert outputs.grad[0, 0] < 0 < outputs.grad[0, 10]  # that it is one does
    assert (outputs.grad[0, 11:] != 0).all()
    assert outputs.grad[1, 3] < 0 < outputs.grad[1, 4]
    other, none = torch.eye(15)[[4, 4]], torch.eye(15)[[10, 10]]
    assert LocalizationLoss().correct(other, targets).tolist() == [True, False]
    assert LocalizationLoss().correct(none, targets).tolist() == [False, False]


def columns_of(*classes: int, count: int = 12) -> torch.Tensor:
    """Return logits of columns that are sure of these classes, then of the blank."""
    best = torch.tensor([*classes, *[NO_CHARACTER] * (count - len(classes))])
    return 20.0 * torch.nn.functional.one_hot(best, NO_CHARACTER + 1).float()


def test_transcription_sums_over_all_ways_to_spread_the_characters() -> None:
    loss, blank = TranscriptionLoss(), NO_CHARACTER
    spread = torch.stack([columns_of(4, 4, blank, 0, 7), columns_of(blank, 4, 0, 0, 0, 7)])
    targets = torch.tensor([[4, 0, 7], [4, 0, 7]])
    assert loss(spread, targets) < 0.01
    assert loss(spread, torch.tensor([[4, 0, 1], [4, 4, 7]])) > 3
    assert loss.correct(spread, targets).tolist() == [True, True]
    assert loss.correct(spread, torch.tensor([[4, 0, 7], [4, 0, -1]])).tolist() == [True, False]


def test_transcription_needs_a_blank_between_two_of_the_same() -> None:
    loss, blank = TranscriptionLoss(), NO_CHARACTER
    with_blank, without = columns_of(0, blank, 0), columns_of(0, 0)
    assert loss.best_paths(torch.stack([with_blank, without])) == [[0, 0], [0]]
    assert torch.isfinite(loss(columns_of(1, count=2)[None], torch.tensor([[0, 0, 0]])))
