"""Readers that are kept ready for the next request."""

from __future__ import annotations

import threading
import weakref
from dataclasses import asdict, dataclass
from functools import lru_cache

from numeye.errors import UsageError
from numeye.layout.constraints.constraints import Constraints, parse_digits
from numeye.layout.number_formats import DecimalMark
from numeye.models import registry, risk_control
from numeye.reader import Reader
from numeye.recognition.read_options import DateOption
from numeye.server.memory import release_all

MAX_CACHED_READERS = 8  # of each kind; the one that was used longest ago is dropped


@dataclass(frozen=True, kw_only=True)
class ReadQuery:
    """How the pictures of a request are to be read; see `numeye.Reader`.

    Attributes:
        single: One digit a picture.
        model: A packaged model's name, or None for the default. Never a path: what a client sends
            opens no file.
        max_error: As for `--max-error`, such as "2%".
        pattern: A pattern that every number matches.
        digits: The number of digits of every number, such as "5" or "1-3".
        check: The name of every number's check sum.
        decimals: The number of decimals of every number.
        range: The values that every number may have, such as "0..100".
        decimal_mark: The mark before the decimals of every number.
        date: How dates are written; see `numeye.ReadOptions`.
        digits_only: Whether the text of a number is its digits alone.
    """

    single: bool = False
    model: str | None = None
    max_error: str | None = None
    pattern: str | None = None
    digits: str | None = None
    check: str | None = None
    decimals: int | None = None
    range: str | None = None
    decimal_mark: DecimalMark | None = None
    date: DateOption | None = None
    digits_only: bool = False

    @property
    def constraints(self) -> Constraints:
        """What is known of every number.

        Raises:
            UsageError: A constraint is not valid.
        """
        return Constraints(
            pattern=self.pattern,
            digits=None if self.digits is None else parse_digits(self.digits),
            check=self.check,
            decimals=self.decimals,
            range=self.range,
            date=self.date,
            decimal_mark=self.decimal_mark,
        )

    @property
    def has_constraints(self) -> bool:
        """Whether anything but the model and the task is given."""
        return self != ReadQuery(single=self.single, model=self.model)


class ReaderCache:
    """The readers that were used last.

    Readers with constraints are kept apart, so that they do not displace the others, which most
    requests use.
    """

    def __init__(self) -> None:
        self._plain_readers = lru_cache(MAX_CACHED_READERS)(_make_reader)
        self._constrained_readers = lru_cache(MAX_CACHED_READERS)(_make_reader)
        self._readers: weakref.WeakSet[Reader] = weakref.WeakSet()
        self._lock = threading.Lock()  # of the set

    def get(self, query: ReadQuery) -> Reader:
        """Return a reader.

        Raises:
            UsageError: There is no such model, or it cannot do what the query asks for.
        """
        readers = self._constrained_readers if query.has_constraints else self._plain_readers
        reader = readers(query)
        with self._lock:
            self._readers.add(reader)
        return reader

    def release_memory(self) -> None:
        """Let all readers release the memory that they keep between two pictures."""
        with self._lock:
            readers = list(self._readers)
        release_all(readers)


def _make_reader(query: ReadQuery) -> Reader:
    available = registry.list_models()
    if query.model is not None and query.model not in available:
        raise UsageError(f"no model {query.model!r}; available: {', '.join(available)}")
    return Reader(
        query.model,
        single=query.single,
        max_error=None if query.max_error is None else risk_control.parse_share(query.max_error),
        **asdict(query.constraints),
        digits_only=query.digits_only,
        threads=1,  # several requests are read at the same time
    )
