"""Which state a name means.

Delivered files name states as their writers do: by code, by an old or a long name, in six languages and
more. What ``states`` itself calls them comes first, then our reviewed aliases, then two well-kept libraries
(pycountry with the translations of iso-codes, and the CLDR's territory names by Babel), which are loaded
only for what is still open; what they have in other languages is prepared (translated_names.py). A name that
could mean two states, or an area that is no state of the universe, means none. Source:
docs/contract/inputs.md (Every dataset; the datasets).
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

from sources import translated_names

ALIASES = Path(__file__).resolve().parent / "aliases.csv"

STATES = frozenset(
    """
    AFG AGO ALB AND ARE ARG ARM ATG AUS AUT AZE BDI BEL BEN BFA BGD BGR BHR BHS BIH BLR BLZ BOL BRA BRB BRN
    BTN BWA CAF CAN CHE CHL CHN CIV CMR COD COG COK COL COM CPV CRI CUB CYP CZE DEU DJI DMA DNK DOM DZA ECU
    EGY ERI ESP EST ETH FIN FJI FRA FSM GAB GBR GEO GHA GIN GMB GNB GNQ GRC GRD GTM GUY HND HRV HTI HUN IDN
    IND IRL IRN IRQ ISL ISR ITA JAM JOR JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO LBN LBR LBY LCA LIE LKA LSO
    LTU LUX LVA MAR MCO MDA MDG MDV MEX MHL MKD MLI MLT MMR MNE MNG MOZ MRT MUS MWI MYS NAM NER NGA NIC NIU
    NLD NOR NPL NRU NZL OMN PAK PAN PER PHL PLW PNG POL PRK PRT PRY PSE QAT ROU RUS RWA SAU SDN SEN SGP SLB
    SLE SLV SMR SOM SRB SSD STP SUR SVK SVN SWE SWZ SYC SYR TCD TGO THA TJK TKM TLS TON TTO TUN TUR TUV TZA
    UGA UKR URY USA UZB VAT VCT VEN VNM VUT WSM YEM ZAF ZMB ZWE
    """.split()  # noqa: SIM905 - a table of 197 codes reads better so
)
"""The universe: members of the United Nations, Holy See, State of Palestine, Cook Islands, Niue."""

LANGUAGES = (
    *("en", "fr", "es", "ru", "ar", "zh", "zh_Hant"),
    *(
        "de",
        "pt",
        "it",
        "nl",
        "sv",
        "da",
        "nb",
        "fi",
        "is",
        "et",
        "lv",
        "lt",
        "pl",
        "cs",
        "sk",
        "sl",
        "hr",
        "sr",
    ),
    *(
        "sr_Latn",
        "bs",
        "mk",
        "sq",
        "bg",
        "ro",
        "hu",
        "el",
        "tr",
        "uk",
        "be",
        "ka",
        "hy",
        "az",
        "kk",
        "uz",
        "fa",
        "he",
    ),
    *(
        "hi",
        "bn",
        "ur",
        "ne",
        "si",
        "ta",
        "th",
        "lo",
        "km",
        "my",
        "vi",
        "id",
        "ms",
        "ja",
        "ko",
        "sw",
        "am",
        "ca",
    ),
)
"""Languages whose names are known: those of the United Nations, then others of states."""

_WORDS = {"&": "and", "st": "saint", "ste": "sainte", "rep": "republic", "dem": "democratic", "is": "islands"}
_DROPPED = frozenset({"the", "and"})
_FOOTNOTES = re.compile(r"(?:(?:[\s,]+\d{1,2})+|[\s,⁰¹²³⁴-⁹]+)\s*$")
_WORD = re.compile(r"&|[^\W_]+")

_NO_STATE = ""
"""What an area that is no state resolves to inside this module, so that it counts where names collide."""


def normalise(name: str) -> str:
    """The name without accents, case, punctuation, articles and footnote numbers (``China 5, 6``)."""
    text = _FOOTNOTES.sub("", name)
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in text if unicodedata.category(c) != "Mn")
    text = text.casefold()
    # An apostrophe joins (Lao People's); any other mark separates.
    words = [_WORDS.get(word, word) for word in _WORD.findall(re.sub("['’ʼ`]", "", text))]
    return " ".join(word for word in words if word not in _DROPPED)


def _turned(name: str) -> str:
    """``Congo, Democratic Republic of the`` and ``Congo (Dem. Rep. of)`` in the order in which they are
    spoken."""
    head, mark, tail = name.replace("(", ",", 1).replace(")", "").partition(",")
    return f"{tail} {head}" if mark else name


def _index(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Normalised name -> the codes it could mean."""
    index: dict[str, set[str]] = {}
    for name, code in pairs:
        spoken = {name, _turned(name)}
        for spelling in {normalise(one) for one in spoken} - {""}:
            index.setdefault(spelling, set()).add(code)
    return index


def _state_or_area(code: str) -> str:
    return code if code in STATES else _NO_STATE


@cache
def aliases() -> tuple[tuple[str, str, str], ...]:
    """(name, iso3, reason) of the reviewed aliases; an area that is no state has an empty iso3."""
    with ALIASES.open(encoding="utf-8", newline="") as file:
        return tuple((row["name"], row["iso3"], row["reason"]) for row in csv.DictReader(file))


@cache
def _alias_index() -> dict[str, set[str]]:
    return _index((name, code) for name, code, _ in aliases())


@cache
def _country_index() -> dict[str, set[str]]:
    return _index(_english_names())


@cache
def _english_names() -> tuple[tuple[str, str], ...]:
    import pycountry

    return tuple(
        (getattr(country, kind), _state_or_area(country.alpha_3))
        for country in pycountry.countries
        for kind in ("name", "official_name", "common_name")
        if hasattr(country, kind)
    )


@cache
def _translated_index() -> dict[str, set[str]]:
    return translated_names.index(gather_translated)


def gather_translated() -> dict[str, set[str]]:
    """Names in other languages, normalised, by CLDR and by iso-codes, with the codes they could mean."""
    import gettext

    import pycountry
    from babel import Locale

    by_alpha_2 = {country.alpha_2: _state_or_area(country.alpha_3) for country in pycountry.countries}
    pairs: set[tuple[str, str]] = set()
    for language in LANGUAGES:
        territories = Locale.parse(language).territories
        # XK is Kosovo in the CLDR; every other area counts as well, or its name could fall to a state.
        pairs |= {
            (name, by_alpha_2.get(area, _NO_STATE)) for area, name in territories.items() if area.isalpha()
        }
        translation = gettext.translation("iso3166-1", pycountry.LOCALES_DIR, [language], fallback=True)
        pairs |= {(translation.gettext(name), code) for name, code in _english_names()}
    return _index(pairs)


def state_names() -> list[str]:
    """Names of states in English, by the aliases and pycountry."""
    return [name for name, code in _english_names() if code] + [name for name, code, _ in aliases() if code]


@cache
def _alpha_2() -> dict[str, str]:
    import pycountry

    return {c.alpha_2: c.alpha_3 for c in pycountry.countries if c.alpha_3 in STATES}


def why_none(value: str) -> str | None:
    """Why a name means no state, in the words of the reviewed aliases; None where they don't know it."""
    spelling = normalise(value)
    return next(
        (reason for name, code, reason in aliases() if not code and normalise(name) == spelling), None
    )


class Names:
    """Resolves names of states. ``known``: (name, iso3) of the ``states`` rows that are loaded, or a
    mapping."""

    def __init__(self, known: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
        self._known_pairs = tuple(known.items() if isinstance(known, Mapping) else known)
        self._codes = STATES | frozenset(code for _, code in self._known_pairs)
        self._known = _index(self._known_pairs)

    def resolve(self, values: Iterable[str]) -> dict[str, str | None]:
        """Each distinct value -> its ISO alpha-3 code, or None where it means no state or more than one."""
        found: dict[str, str | None] = {}
        still_open: dict[str, str] = {}
        for value in set(values):
            if value.upper() in self._codes and len(value) == 3:
                found[value] = value.upper()
            else:
                found[value] = None
                still_open[value] = normalise(value)
        tiers: tuple[Callable[[], dict[str, set[str]]], ...] = (
            lambda: self._known,
            _alias_index,
            _country_index,
            _translated_index,
        )
        # Alpha-2 codes in capitals only: "no" and "is" are words more often than Norway and Iceland.
        for value in [v for v in still_open if len(v) == 2 and v.isascii() and v.isupper()]:
            if value in _alpha_2():
                found[value] = _alpha_2()[value]
                del still_open[value]
        for tier in tiers:
            if not still_open:
                break
            index = tier()
            for value, spelling in list(still_open.items()):
                codes = index.get(spelling) or index.get(normalise(_turned(value)))
                if codes:
                    # What one source knows as two things is not settled by a lesser one.
                    found[value] = min(codes) or None if len(codes) == 1 else None
                    del still_open[value]
        return found

    def candidates(self, value: str, limit: int = 3) -> list[tuple[str, str]]:
        """The nearest names of states with their codes, nearest first, each state once."""
        from rapidfuzz import fuzz, process

        pairs = [
            *self._known_pairs,
            *((name, code) for name, code, _ in aliases() if code),
            *((name, code) for name, code in _english_names() if code),
        ]
        spelt = [normalise(name) for name, _ in pairs]
        nearest: dict[str, str] = {}
        for _, _, place in process.extract(
            normalise(value), spelt, scorer=fuzz.token_sort_ratio, limit=30, score_cutoff=50
        ):
            name, code = pairs[place]
            nearest.setdefault(code, name)
        return [(name, code) for code, name in list(nearest.items())[:limit]]
