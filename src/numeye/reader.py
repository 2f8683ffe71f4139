"""`Reader`, `read` and `read_many`: pictures in, readings out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np

from numeye.errors import PictureError, UsageError
from numeye.io import images
from numeye.io.images import Page, Picture
from numeye.layout.constraints.constraints import DigitCount
from numeye.layout.number_formats import DecimalMark
from numeye.layout.regions import Form
from numeye.models import card, registry, risk_control
from numeye.recognition.digit_readers import (
    DIGIT_READERS,
    ClassificationReader,
    LocalizationReader,
)
from numeye.recognition.model_networks import ModelNetworks, find_risk_threshold_for
from numeye.recognition.page_queue import (
    ReadPage,
    Result,
    memory_message,
    open_pages,
    open_single_pages,
    read_in_batches,
    read_side_by_side,
)
from numeye.recognition.page_reader import PageReader, build_page_reader
from numeye.recognition.read_options import DateOption, OptionChanges, ReadOptions
from numeye.recognition.region_readers import FormReader, GridReader
from numeye.recognition.transcription.line_reader import LineReader
from numeye.results import Reading, Unreadable

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64


class Reader:
    """Reads all numbers of a page, or one digit a picture.

    Several threads may use one reader, and several readers may be used side by side.

    Args:
        model: name of a packaged model, path of a run folder or of an ONNX file, or a model that
            `numeye.models.registry.load` returned; None for the default model. A model for
            localization reads pages together with the packaged `detector`; one for transcription
            together with it and the packaged `recognizer`. A model for classification reads one
            digit a picture, whatever `single` says.
        single: read one digit a picture, not the numbers of a page.
        max_error: the highest share of wrong answers among the accepted ones, or None.
        digits: how many digits every number has: a number, or the least and the largest; or None.
        pattern: a regular expression that every number matches, or None.
        check: the name of the check sum that every number has, or None.
        decimals: how many digits every number has behind its decimal mark, or None.
        range: the values that every number may have, such as "0..100" or "-5..5:0.5", or None.
        date: "dmy", "mdy", "ymd" or "any" if every number is a date, else None.
        decimal_mark: the mark before the decimals, "." or ","; None for either.
        digits_only: leave everything but the digits out of the text of a number.
        form: regions to read instead of whole pages, or None.
        grid: read only the tables of each page, or the sudoku.
        threads: threads for one page or batch; 0 lets ONNX Runtime use all cores.

    Attributes:
        options: how pictures are read.
        model: the model that reads the digits.
        detector: the model that finds digits on a page; None if the reader reads one digit a
            picture.
        risk_threshold: the threshold for `max_error` and its coverage; None without `max_error`.

    Raises:
        UsageError: the model does not exist or cannot guarantee `max_error`, or the options
            contradict each other.
        ModelError: the model's file or card is damaged, or its shapes do not fit its task.
        PictureError: the blank of the form cannot be read.
    """

    def __init__(
        self,
        model: str | Path | card.Model | None = None,
        *,
        single: bool = False,
        max_error: float | None = None,
        digits: DigitCount | None = None,
        pattern: str | None = None,
        check: str | None = None,
        decimals: int | None = None,
        range: str | None = None,  # noqa: A002 - the name of the option
        date: DateOption | None = None,
        decimal_mark: DecimalMark | None = None,
        digits_only: bool = False,
        form: Form | None = None,
        grid: bool = False,
        threads: int = 0,
    ) -> None:
        loaded = model if isinstance(model, card.Model) else registry.load(model)
        options = ReadOptions(
            single=single,
            max_error=max_error,
            digits=digits,
            pattern=pattern,
            check=check,
            decimals=decimals,
            range=range,
            date=date,
            decimal_mark=decimal_mark,
            digits_only=digits_only,
            form=form,
            grid=grid,
        )
        self._set_up(ModelNetworks(loaded, threads), options)

    def _set_up(self, networks: ModelNetworks, options: ReadOptions) -> None:
        self._networks, self.options = networks, options
        networks.raise_if_unfit(options)
        self.model = networks.recognizer_model
        self.detector = None if options.single else networks.detector_model
        self.line_model = None if options.single else networks.line_model
        self.risk_threshold: risk_control.RiskThreshold | None = None
        if options.max_error is not None:
            self.risk_threshold = find_risk_threshold_for(
                self.model, self.detector, options.max_error, self.line_model
            )
        self._digit_reader = self._build_digit_reader(options)

    def _build_digit_reader(
        self, options: ReadOptions
    ) -> ClassificationReader | LocalizationReader | PageReader:
        """Build what reads one page, or one digit a picture."""
        constraints = options.constraints
        threshold = self.risk_threshold.threshold if self.risk_threshold else None
        recognizer = self._networks.recognizer
        if self.detector is None:
            if constraints:
                raise UsageError(
                    f"{constraints}: constraints apply to numbers; {self.model.name} reads one"
                    " digit a picture"
                )
            return DIGIT_READERS[self.model.task](recognizer, self.model, threshold)
        page_reader = build_page_reader(
            self._networks.detector,
            recognizer,
            self.detector,
            LocalizationReader(recognizer, self.model, None, on_page=True),
            threshold,
            options.number_format,
            self._line_reader(),
        )
        return page_reader.with_constraints(constraints) if constraints else page_reader

    def _line_reader(self) -> LineReader | None:
        """Build what reads unsure numbers again as a whole; None where there is no such network."""
        network, model = self._networks.line_network, self._networks.line_model
        return LineReader.of_model(network, model) if network and model else None

    def __reduce__(self) -> tuple[Callable[..., Reader], tuple[object, ...]]:
        """Pickle and copy the options; the networks are loaded again there."""
        return _rebuild, (type(self), self._networks.model, self._networks.threads, self.options)

    def __repr__(self) -> str:
        return f"<Reader {self.name}>"

    @property
    def single(self) -> bool:
        """True if the reader reads one digit a picture."""
        return self.detector is None

    @property
    def name(self) -> str:
        """The names of its models."""
        if self.detector is None:
            return self.model.name
        models = (self.detector, self.model, self.line_model)
        return " + ".join(model.name for model in models if model is not None)

    def with_options(self, **changes: Unpack[OptionChanges]) -> Reader:
        """Return a reader with other options that shares the networks of this one.

        Args:
            changes: the options that change; see `ReadOptions`.

        Raises:
            UsageError: as the class.
        """
        options = replace(self.options, **changes)
        return self if options == self.options else _share(type(self), self._networks, options)

    def for_single(self) -> Reader:
        """Return a reader that reads one digit a picture with the same model."""
        if self.single:
            return self
        return self.with_options(**vars(ReadOptions(single=True, max_error=self.options.max_error)))

    def read(self, picture: Picture, **options: Unpack[OptionChanges]) -> Reading:
        """Read one picture with one page.

        Args:
            picture: a path, "-" for standard input, bytes, a PIL image or an array; see
                `numeye.io.images.pages`.
            options: options for this picture only; see `ReadOptions`.

        Returns:
            The reading of the page. With a form, its `regions` are the readings of the regions.

        Raises:
            PictureError: the picture cannot be read, has several pages, or lacks the form or grid.
            UsageError: see the class.
        """
        reader = self.with_options(**options)
        page = images.only_page(picture)
        read_parts = reader._read_parts()
        if read_parts is None:
            return reader.read_pages([page])[0]
        try:
            readings = read_parts(page)
        except MemoryError as error:
            raise _memory_error(page) from error
        return Reading.of_regions(readings) if reader.options.form else readings[0]

    def read_many(
        self, pictures: Iterable[Picture], **options: Unpack[OptionChanges]
    ) -> Iterator[Reading]:
        """Read pictures in their order: one reading for each page, or for each region of a form.

        All cores read, so some pictures are opened before the first reading is returned.

        Args:
            pictures: see `read`; a folder stands for the pictures in it.
            options: options for these pictures only; see `ReadOptions`.

        Raises:
            PictureError: a picture cannot be read, or lacks the form or grid. The readings before
                it have been returned.
            UsageError: see the class.
        """
        for result in self.stream(pictures, **options):
            if isinstance(result, Unreadable):
                raise PictureError(result.error)
            yield result

    def stream(
        self, pictures: Iterable[Picture], **options: Unpack[OptionChanges]
    ) -> Iterator[Result]:
        """Read like `read_many`, but return an `Unreadable` for a picture that cannot be read."""
        return self.with_options(**options)._read_all(open_pages(pictures))

    def read_each(
        self, pictures: Iterable[Picture], **options: Unpack[OptionChanges]
    ) -> Iterator[Result]:
        """Read like `stream`, but return one result for each picture.

        A picture with several pages is unreadable.
        """
        return self.with_options(**options)._read_all(open_single_pages(pictures))

    def read_pages(self, pages: list[Page]) -> list[Reading]:
        """Read pages as one batch and return one reading for each; see `numeye.io.images.pages`.

        Raises:
            PictureError: there is not enough memory for them.
        """
        try:
            return self._digit_reader.read(pages) if pages else []
        except MemoryError as error:
            raise _memory_error(max(pages, key=lambda page: page.grey.size)) from error

    def release(self) -> None:
        """Give back the memory that is kept for large pages; the reader stays usable."""
        self._networks.release()

    def probabilities(
        self, pixels: Float32[np.ndarray, "n side side"]
    ) -> Float64[np.ndarray, "n classes"]:
        """Return calibrated probabilities for prepared digits; each row sums to 1.

        Args:
            pixels: see `logits`.
        """
        return self.model.scaling.probabilities(self.logits(pixels))

    def logits(
        self, pixels: Float32[np.ndarray, "n side side"]
    ) -> Float32[np.ndarray, "n classes"]:
        """Return the network's raw outputs for prepared digits.

        Args:
            pixels: n pictures, 0 black to 1 white, as the model's task receives them: 28x28 by
                `numeye.recognition.preprocessing.frame` for classification (ten outputs), 40x40 by
                `numeye.recognition.crops.cut` for localization (eleven outputs, the last one is
                "no digit").
        """
        return self._networks.recognizer(pixels)[0]

    def _read_parts(self) -> ReadPage | None:
        """Return what reads a page, its regions or its grid; None for one digit a picture."""
        reader, options = self._digit_reader, self.options
        if not isinstance(reader, PageReader):
            if options.form is not None or options.grid:
                raise UsageError(
                    f"regions and grids hold numbers; {self.name} reads one digit a picture"
                )
            return None
        if options.form is not None:
            return FormReader(reader, options.form).read
        return GridReader(reader).read if options.grid else (lambda page: reader.read([page]))

    def _read_all(self, pages: Iterator[Page | Unreadable]) -> Iterator[Result]:
        read_parts = self._read_parts()  # wrong usage is reported before anything is read
        if read_parts is None:
            return read_in_batches(pages, self.read_pages)
        return self._read_page_by_page(pages, read_parts)

    def _read_page_by_page(
        self, pages: Iterator[Page | Unreadable], read_parts: ReadPage
    ) -> Iterator[Result]:
        """Read one page on all cores; several side by side, each on one core."""
        first = list(islice(pages, 2))
        if len(first) > 1 and not self._networks.threads:
            on_one_core = _share(type(self), self._networks.on_one_core, self.options)
            read_parts = on_one_core._read_parts() or read_parts
        yield from read_side_by_side(chain(first, pages), read_parts)


def read(
    picture: Picture, *, model: str | Path | None = None, **options: Unpack[OptionChanges]
) -> Reading:
    """Read one picture; see `Reader` and `Reader.read`."""
    return _shared_reader(model, options.get("single", False)).read(picture, **options)


def read_many(
    pictures: Iterable[Picture],
    *,
    model: str | Path | None = None,
    **options: Unpack[OptionChanges],
) -> Iterator[Reading]:
    """Read many pictures; see `Reader` and `Reader.read_many`."""
    return _shared_reader(model, options.get("single", False)).read_many(pictures, **options)


def _share(kind: type[Reader], networks: ModelNetworks, options: ReadOptions) -> Reader:
    reader = kind.__new__(kind)
    reader._set_up(networks, options)
    return reader


def _rebuild(kind: type[Reader], model: card.Model, threads: int, options: ReadOptions) -> Reader:
    return _share(kind, ModelNetworks(model, threads), options)


def _shared_reader(model: str | Path | None, single: bool) -> Reader:
    """Return a cached reader, or a new one if the file of its model has changed."""
    modified_ns = registry.modified_ns(model) if model else 0
    return _cached_reader(None if model is None else str(model), single, modified_ns)


@lru_cache(maxsize=4)
def _cached_reader(model: str | None, single: bool, _modified_ns: int) -> Reader:
    return Reader(model, single=single)


def _memory_error(page: Page) -> PictureError:
    return PictureError(f"{page.name or 'the picture'}: {memory_message(page)}")
