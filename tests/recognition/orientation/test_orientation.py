"""Which way up a page lies."""

from __future__ import annotations

import numpy as np
import pytest

from numeye.models.characters import CHARACTERS
from numeye.recognition import detector
from numeye.recognition.boxes import Detections
from numeye.recognition.orientation import orientation
from numeye.recognition.orientation.orientation import evidence, find_quarter_turns, find_turn
from tests.recognition.marks import detect_marks, draw_marks, lay

PAGE = draw_marks(8, 14)


def turn_of(grey: np.ndarray) -> float:
    return find_turn(grey, detector.detect(grey, detect_marks), detect_marks)


def scattered(objectness: list[float], character: str = "0") -> Detections:
    """Detections here and there on a page, so likely each."""
    centres = np.random.default_rng(0).uniform(40, 360, (len(objectness), 2))
    boxes = np.concatenate([centres - 12, centres + 12], axis=1)
    return Detections(boxes, np.array(objectness, float), certainly(character, len(objectness)))


def certainly(character: str, count: int) -> np.ndarray:
    """Class logits of so many detections that are certainly a character."""
    return np.tile(40.0 * np.array([item == character for item in CHARACTERS]), (count, 1))


def fail_to_detect(pixels: np.ndarray) -> np.ndarray:
    raise AssertionError("the page was looked at again")


@pytest.mark.parametrize("degrees", [0, 3, 12, -20, 35, 80, 90, 100, 170, 180, 190, 260, 270, 300])
def test_a_page_is_turned_upright(degrees: float) -> None:
    grey = lay(PAGE, degrees)
    expected = 0 if abs(degrees) < orientation.LIMITS.kept_skew_deg else degrees
    assert abs((turn_of(grey) - expected + 180) % 360 - 180) < 1


def test_a_page_of_clear_upright_characters_is_not_looked_at_again() -> None:
    detections = detector.detect(PAGE, detect_marks)
    assert find_turn(PAGE, detections, fail_to_detect) == 0


def test_few_characters_may_look_well_upside_down_by_chance() -> None:
    grey = np.full((400, 400), 255, np.uint8)
    assert find_turn(grey, scattered([2.0] * 60), fail_to_detect) == 0
    with pytest.raises(AssertionError):
        find_turn(grey, scattered([2.0] * 4), fail_to_detect)


def test_unlikely_detections_do_not_make_up_for_each_other() -> None:
    assert evidence(scattered([2.0, 1.0, -3.0])) == 3.0
    grey = np.full((400, 400), 255, np.uint8)
    with pytest.raises(AssertionError):
        find_turn(grey, scattered([3.0] * 20 + [-1.0] * 60), fail_to_detect)


def test_uncertain_characters_and_letters_are_less_evidence() -> None:
    certain = scattered([2.0, 2.0])
    uncertain = Detections(certain.boxes, certain.objectness, 0.02 * certain.class_logits)
    assert evidence(uncertain) < 0.01 * evidence(certain)
    assert evidence(scattered([2.0, 2.0], "~")) == pytest.approx(0.5 * evidence(certain))


def test_a_page_without_detections_stays() -> None:
    grey = np.full((400, 400), 255, np.uint8)
    assert find_turn(grey, scattered([]), fail_to_detect) == 0
    assert find_quarter_turns(grey, scattered([]), fail_to_detect) is None


def test_specks_are_no_characters() -> None:
    boxes = np.array([[10.0, 10, 13, 12], [50, 50, 52, 53]])
    specks = Detections(boxes, np.array([1.0, 1.0]), certainly("0", 2))
    assert find_quarter_turns(np.zeros((200, 200), np.uint8), specks, fail_to_detect) is None


def faded(strength: float) -> detector.Network:
    """Return a detector that is less sure of what it finds."""

    def network(pixels: np.ndarray) -> np.ndarray:
        maps = detect_marks(pixels)
        maps[:, 0] = np.where(maps[:, 0] > 0, strength * maps[:, 0], maps[:, 0])
        return maps

    return network


def test_letters_that_hardly_look_like_digits_do_not_turn_a_page() -> None:
    grey = lay(PAGE, 90)
    detections = scattered([0.3] * 40)
    assert find_quarter_turns(grey, detections, faded(1.0)) == 1
    assert find_quarter_turns(grey, detections, faded(0.05)) is None


def test_lines_that_clearly_slope_are_made_level_though_no_direction_looks_good() -> None:
    grey, network = lay(PAGE, 35), faded(0.01)
    turned = find_turn(grey, detector.detect(grey, network), network)
    assert turned == pytest.approx(35, abs=1)


def test_a_page_without_a_clearly_better_direction_stays() -> None:
    both = np.concatenate([PAGE[:200], np.rot90(PAGE[:200], 2)])
    everywhere = detector.detect(both, detect_marks)
    assert find_quarter_turns(both, everywhere, detect_marks) == 0


def test_only_possible_quarters_are_tried() -> None:
    grey, detections = lay(PAGE, 90), scattered([0.3] * 40)
    assert find_quarter_turns(grey, detections, detect_marks, quarters=(0, 2)) in (0, None)
    upside_down = lay(PAGE, 180)
    assert find_quarter_turns(upside_down, detections, detect_marks, quarters=(0, 2)) == 2
