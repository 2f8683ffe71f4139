"""The options of reading: page or digit, constraints, regions, grid, error rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict

from numeye.errors import UsageError
from numeye.layout.constraints.constraints import Constraints, DigitCount
from numeye.layout.dates_and_times import DateOrder
from numeye.layout.number_formats import DecimalMark, NumberFormat
from numeye.layout.regions import Form

DateOption = DateOrder | Literal["any"]


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    r"""How pictures are read; the same options as `numeye read` has.

    Attributes:
        single: read one digit a picture, not the numbers of a page.
        max_error: the highest share of wrong answers among the accepted ones, above 0 and below 1;
            None uses the threshold of the model. See `numeye.models.risk_control`.
        digits: how many digits every number has: a number, or the least and the largest; or None.
        pattern: a regular expression that every number matches, such as `\d{5}`, or None.
        check: the check sum that every number has; a name of
            `numeye.layout.constraints.check_sums.CHECKS`, or None.
        decimals: how many digits every number has behind its decimal mark, or None.
        range: the values that every number may have, as `A..B` or `A..B:STEP`, or None.
        date: "dmy", "mdy", "ymd" or "any" if every number is a day of the calendar, else None.
        decimal_mark: the mark before the decimals, "." or ","; None for either.
        digits_only: leave everything but the digits out of the text of a number.
        form: regions to read, instead of the whole page, or None.
        grid: read only the tables of each page, or the sudoku.
    """

    single: bool = False
    max_error: float | None = None
    digits: DigitCount | None = None
    pattern: str | None = None
    check: str | None = None
    decimals: int | None = None
    range: str | None = None
    date: DateOption | None = None
    decimal_mark: DecimalMark | None = None
    digits_only: bool = False
    form: Form | None = None
    grid: bool = False

    def __post_init__(self) -> None:
        if self.grid and self.form is not None:
            raise UsageError("--grid and regions: choose one")

    @property
    def constraints(self) -> Constraints:
        """The constraints that every number meets.

        Raises:
            UsageError: the constraints contradict each other, or one of them does not exist.
        """
        constraints = Constraints(
            pattern=self.pattern,
            digits=self.digits,
            check=self.check,
            decimals=self.decimals,
            range=self.range,
            date=self.date,
            decimal_mark=self.decimal_mark,
        )
        constraints.raise_if_inconsistent()
        return constraints

    @property
    def number_format(self) -> NumberFormat:
        """What is known of how numbers are written."""
        return NumberFormat(digits_only=self.digits_only).with_constraints(self.constraints)


class OptionChanges(TypedDict, total=False):
    """The options of `ReadOptions` as keyword arguments of one call."""

    single: bool
    max_error: float | None
    digits: DigitCount | None
    pattern: str | None
    check: str | None
    decimals: int | None
    range: str | None
    date: DateOption | None
    decimal_mark: DecimalMark | None
    digits_only: bool
    form: Form | None
    grid: bool
