"""The networks that a reader uses for one model, and their threshold for an error rate."""

from __future__ import annotations

from functools import cached_property

from numeye.errors import UsageError
from numeye.models import card, registry, risk_control
from numeye.models.runtime import Network
from numeye.models.task import DETECTION, LOCALIZATION
from numeye.recognition.digit_readers import DEFAULT_REJECTION, NO_REJECTION
from numeye.recognition.read_options import ReadOptions


class ModelNetworks:
    """The networks of a model, loaded when they are first used and shared between readers.

    Attributes:
        model: the requested model, with its task.
        threads: threads for one page or batch; 0 for all cores.
    """

    def __init__(self, model: card.Model, threads: int) -> None:
        self._network = Network(model, threads)
        self.model = model if model.task else model.with_task(self._network.task)
        self.threads = threads
        self._is_detector = self.model.task == DETECTION.name

    def raise_if_unfit(self, options: ReadOptions) -> None:
        """Raise a UsageError if the model cannot read as the options ask."""
        if self._is_detector and options.single:
            raise UsageError(
                f"{self.model.name}: it finds numbers on pages; leave out --single, or choose"
                " another model"
            )

    @cached_property
    def recognizer_model(self) -> card.Model:
        """The model that reads the digits."""
        return registry.load() if self._is_detector else self.model

    @cached_property
    def recognizer(self) -> Network:
        """The network that reads the digits."""
        if self._is_detector:
            return Network(self.recognizer_model, self.threads)
        return self._network

    @cached_property
    def detector_model(self) -> card.Model | None:
        """The model that finds digits; None for classification, which reads one digit a picture."""
        if self._is_detector:
            return self.model
        is_localizer = self.model.task == LOCALIZATION.name
        return registry.load(registry.DETECTOR) if is_localizer else None

    @cached_property
    def detector(self) -> Network:
        """The network that finds the digits of a page."""
        if self._is_detector or self.detector_model is None:
            return self._network
        return Network(self.detector_model, self.threads)

    @cached_property
    def on_one_core(self) -> ModelNetworks:
        """The same networks, each with one thread: for pages that are read side by side."""
        return ModelNetworks(self.model, threads=1)

    def release(self) -> None:
        """Give back the memory that is kept for large pages."""
        loaded = [network for network in vars(self).values() if isinstance(network, Network)]
        for network in dict.fromkeys(loaded):
            network.release()


def find_risk_threshold_for(
    model: card.Model, detector: card.Model | None, max_error: float
) -> risk_control.RiskThreshold:
    """Find the threshold that keeps an error rate.

    For pages, the detector's card has the counts of wrong numbers; for single digits, the model's
    card has the counts of wrong digits.

    Args:
        model: the model that reads the digits.
        detector: the model that finds digits on pages; None for single digits.
        max_error: the highest share of wrong answers among the accepted ones, above 0, below 1.

    Raises:
        UsageError: the card has no counts, has them for another recognizer, or cannot guarantee
            the rate.
    """
    calibrated = detector or model
    calibration = calibrated.calibration
    if calibration is None:
        raise UsageError(_no_calibration_message(calibrated.name))
    if detector is not None:
        recognizer = detector.card.get("recognizer", {})
        if recognizer.get("sha256") != model.card.get("sha256"):
            raise UsageError(
                f"{detector.name}: its error rates are known only together with the model"
                f" {recognizer.get('name')}, not with {model.name}; leave out --max-error, or use"
                " that model"
            )
    # The thresholds end at the one without an error rate, so that a higher rate never rejects more.
    rejection = calibrated.rejection or (
        DEFAULT_REJECTION if calibrated.task == LOCALIZATION.name else NO_REJECTION
    )
    lowest = rejection.unsure
    if calibrated.task == LOCALIZATION.name and calibration.start is None:
        # A card without a start also counted the answers that are rejected as "not a digit".
        # Answers of at least this confidence are never among those.
        lowest = max(lowest, 1 - rejection.no_digit)
    return risk_control.find_risk_threshold(calibrated.name, calibration, max_error, lowest=lowest)


def _no_calibration_message(name: str) -> str:
    """Return the message for a model whose card has no calibration."""
    calibrated = [
        other for other in registry.list_models() if registry.load(other).card.get("calibration")
    ]
    hint = f"choose {' or '.join(calibrated)}, or leave it out" if calibrated else "leave it out"
    return f"{name}: its card has no calibration, which --max-error needs; {hint}"
