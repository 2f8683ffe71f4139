"""Loss functions."""

from __future__ import annotations

import torch

from numeye.training.losses import ClassificationLoss, LocalizationLoss


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
