"""The networks that a reader uses for one model, and their threshold for an error rate."""

from __future__ import annotations

from functools import cached_property

from numeye.errors import UsageError
from numeye.models import card, registry, risk_control
from numeye.models.runtime import Network
from numeye.models.task import DETECTION, LOCALIZATION, TRANSCRIPTION
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
        self._is_line_recognizer = self.model.task == TRANSCRIPTION.name

    def raise_if_unfit(self, options: ReadOptions) -> None:
        """Raise a UsageError if the model cannot read as the options ask."""
        if self._is_detector and options.single:
            raise UsageError(
                f"{self.model.name}: it finds numbers on pages; leave out --single, or choose"
                " another model"
            )
        if self._is_line_recognizer and options.single:
            raise UsageError(
                f"{self.model.name}: it reads whole numbers together with the packaged detector;"
                " leave out --single, or evaluate it on numbers, such as --data synthetic:strips"
            )

    @cached_property
    def recognizer_model(self) -> card.Model:
        """The model that reads the digits."""
        return registry.load() if self._needs_recognizer else self.model

    @cached_property
    def recognizer(self) -> Network:
        """The network that reads the digits."""
        if self._needs_recognizer:
            return Network(self.recognizer_model, self.threads)
        return self._network

    @cached_property
    def detector_model(self) -> card.Model | None:
        """The model that finds digits; None for classification, which reads one digit a picture."""
        if self._is_detector:
            return self.model
        reads_pages = self.model.task in (LOCALIZATION.name, TRANSCRIPTION.name)
        return registry.load(registry.DETECTOR) if reads_pages else None

    @cached_property
    def detector(self) -> Network:
        """The network that finds the digits of a page."""
        if self._is_detector or self.detector_model is None:
            return self._network
        return Network(self.detector_model, self.threads)

    @cached_property
    def line_model(self) -> card.Model | None:
        """The model that reads unsure numbers again as a whole.

        It is the requested model, if that is one; else the packaged one, if there is one whose
        fusion was fitted together with detector and recognizer; else None.
        """
        if self._is_line_recognizer:
            return self.model
        if registry.LINE_RECOGNIZER not in registry.list_models():
            return None
        packaged = registry.load(registry.LINE_RECOGNIZER)
        partners = {"detector": self.detector_model, "recognizer": self.recognizer_model}
        fits = all(_is_partner(packaged, name, partner) for name, partner in partners.items())
        return packaged if fits else None

    @cached_property
    def line_network(self) -> Network | None:
        """The network of `line_model`."""
        if self._is_line_recognizer or self.line_model is None:
            return self._network if self._is_line_recognizer else None
        return Network(self.line_model, self.threads)

    @property
    def _needs_recognizer(self) -> bool:
        return self._is_detector or self._is_line_recognizer

    @cached_property
    def on_one_core(self) -> ModelNetworks:
        """The same networks, each with one thread: for pages that are read side by side."""
        return ModelNetworks(self.model, threads=1)

    def release(self) -> None:
        """Give back the memory that is kept for large pages."""
        loaded = [network for network in vars(self).values() if isinstance(network, Network)]
        for network in dict.fromkeys(loaded):
            network.release()


def _is_partner(line_model: card.Model, name: str, partner: card.Model | None) -> bool:
    """Tell whether a card names a model as the one that its fusion was fitted with."""
    stored = line_model.card.get(name)
    if partner is None or not isinstance(stored, dict):
        return False
    return stored.get("sha256") is not None and stored["sha256"] == partner.card.get("sha256")


def find_risk_threshold_for(
    model: card.Model,
    detector: card.Model | None,
    max_error: float,
    line_model: card.Model | None = None,
) -> risk_control.RiskThreshold:
    """Find the threshold that keeps an error rate.

    For pages, the detector's card has the counts of wrong numbers, or that of the model that reads
    unsure numbers again; for single digits, the model's card has the counts of wrong digits.

    Args:
        model: the model that reads the digits.
        detector: the model that finds digits on pages; None for single digits.
        line_model: the model that reads unsure numbers again; None for none.
        max_error: the highest share of wrong answers among the accepted ones, above 0, below 1.

    Raises:
        UsageError: the card has no counts, has them for another recognizer, or cannot guarantee
            the rate.
    """
    calibrated = (detector and line_model) or detector or model
    calibration = calibrated.calibration
    if calibration is None:
        raise UsageError(_no_calibration_message(calibrated.name))
    if detector is not None:
        recognizer = calibrated.card.get("recognizer", {})
        if recognizer.get("sha256") != model.card.get("sha256"):
            raise UsageError(
                f"{calibrated.name}: its error rates are known only together with the model"
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
