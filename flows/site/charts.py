"""Inline SVG: bars by year, and an obligation on a line of time. No script, no colours of its own.

Every colour comes from the style sheet by class, so that dark mode and paper have theirs, and every picture
says in words what it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from markupsafe import Markup, escape

WIDTH, GAP, HEIGHT = 14, 4, 34


@dataclass(frozen=True)
class Bar:
    """A year: its share of the full height (0 to 1, ``None`` without a value), and what is said of it."""

    year: int
    share: float | None
    said: str


def bars(years: Sequence[Bar], latest: int, *, large: bool = False) -> Markup:
    """A bar for each year on a full-height track; a dashed box for a year without a value."""
    tracks, missing, older, newest = "", "", "", ""
    for place, bar in enumerate(years):
        x = place * (WIDTH + GAP)
        if bar.share is None:
            missing += f"M{x + 0.5} .5h{WIDTH - 1}v{HEIGHT - 1}h{1 - WIDTH}z"
            continue
        tracks += f"M{x} 0h{WIDTH}v{HEIGHT}h-{WIDTH}z"
        # one unit at least, so that a small share is not taken for none
        height = round(max(bar.share * HEIGHT, 1 if bar.share > 0 else 0), 1)
        if height:
            shape = f"M{x} {HEIGHT}v-{height:g}h{WIDTH}v{height:g}z"
            if bar.year == latest:
                newest = shape
            else:
                older += shape
    drawn = "".join(
        f'<path class="{name}" d="{shape}"/>'
        for name, shape in (("t", tracks), ("m", missing), ("o", older), ("n", newest))
        if shape
    )
    said = escape("; ".join(f"{bar.year}: {bar.said}" for bar in years if bar.said))
    width = len(years) * (WIDTH + GAP) - GAP
    size = "bars big" if large else "bars"
    return Markup(
        f'<svg class="{size}" viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{said}">{drawn}</svg>'
    )


@dataclass(frozen=True)
class Scale:
    """Years from ``first`` to ``last``, both multiples of five, on a line of 1000 units."""

    first: int
    last: int

    EARLIEST: ClassVar = 1995
    LATEST: ClassVar = 2099

    @classmethod
    def over(cls, days: Sequence[date]) -> Scale:
        """The scale that holds all days but those before the Convention or that mean "never" (9999-12-31):
        they stand at its edge."""
        years = [min(max(day.year, cls.EARLIEST), cls.LATEST) for day in days]
        return cls(min(years) // 5 * 5, -(-(max(years) + 1) // 5) * 5)

    @property
    def labels(self) -> list[int]:
        return list(range(self.first, self.last + 1, 5))

    def place(self, day: date) -> float:
        """Where a day stands, 0 to 1000."""
        start, end = date(self.first, 1, 1), date(self.last, 1, 1)
        share = (day - start).days / (end - start).days
        return round(min(max(share, 0.0), 1.0) * 1000, 1)


def line(
    scale: Scale,
    *,
    starts: date | None,
    ends: date | None,
    deadline: date | None,
    as_of: date,
    said: str,
) -> Markup:
    """One obligation: full from its start to its end or the as-of date, striped on to its deadline."""
    begin = scale.place(starts) if starts else 0.0
    now = scale.place(as_of)
    until = scale.place(ends) if ends else now
    drawn = "".join(f'<path class="g" d="M{scale.place(date(y, 1, 1)):g} 0v20"/>' for y in scale.labels)
    drawn += f'<path class="t" d="M{begin:g} 6H{max(until, begin):g}v8H{begin:g}z"/>'
    if deadline and not ends and scale.place(deadline) > now:
        drawn += (
            f'<path class="f" d="M{max(now, begin):g} 6H{scale.place(deadline):g}v8H{max(now, begin):g}z"/>'
        )
    drawn += f'<path class="a" d="M{now:g} 0v20"/>'
    if deadline:
        drawn += f'<path class="d" d="M{scale.place(deadline):g} 2v16"/>'
    if ends:
        drawn += f'<path class="e" d="M{until:g} 3v14"/>'
    return Markup(
        '<svg class="line" viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(said)}">{drawn}</svg>'
    )
