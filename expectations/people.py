"""What becomes of names and e-mail addresses at the door.

Persons are told apart by keyed hashes (docs/contract/semantics.md, People, and the rule of 3.3). Where a
text of another dataset names a person of a register, or holds an e-mail address, that part is taken out.
Nothing here puts a name into an exception, a log or a ``repr``.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
import weakref
from collections.abc import Collection, Iterable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from expectations import values

REMOVED = "[name removed]"

_EMAIL = r"[^\s@<>()\[\],;:\"'=]+@[^\s@<>()\[\],;:\"'=]+"
_NOT_WORD = r"[^\p{L}\p{N}]+"
_WITHOUT_SPACES = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
"""Scripts that write no spaces between words: a name is looked for anywhere in the text."""

_NO_NAMES = frozenset({"anonymous", "delegate", "name", "none", "participant", "unknown", "vacant"})
"""Single words that stand where a name is missing; taken out of texts they would do harm and protect
nobody."""
_SHORTEST_SINGLE = 4


def normalise(text: str) -> str:
    """NFKD, category Mn removed, case-folded, Unicode white space collapsed, trimmed (semantics.md, 3.3)."""
    marked = unicodedata.normalize("NFKD", text)
    plain = "".join(c for c in marked if unicodedata.category(c) != "Mn")
    return " ".join(plain.casefold().split())


def normalised(column: pd.Series) -> pd.Series:
    """``normalise`` of each distinct value, on the rows; NA stays."""
    return values.spread(column, values.distinct(column).map(normalise).astype("str"))


def keyed_hash(column: pd.Series, key: bytes) -> pd.Series:
    """HMAC-SHA-256 of each distinct value, in hex; NA stays."""
    hashes = values.distinct(column).map(lambda text: hmac.digest(key, text.encode("utf-8"), "sha256").hex())
    return values.spread(column, hashes.astype("str"))


def person_keys(rows: Mapping[str, pd.Series] | pd.DataFrame, state: pd.Series, key: bytes) -> pd.DataFrame:
    """``person_key`` and ``organization_key`` of registrations (semantics.md, participant_count).

    ``rows``: full_name, organization as text. ``state``: ISO alpha-3 code of a state's delegation, NA for
    another.
    """
    organization = normalised(rows["organization"]).where(state.isna())
    delegation = ("state:" + state).where(state.notna(), "org:" + organization.fillna(""))
    # White space is collapsed in both parts, so that a line break can't stand in either.
    person = delegation + "\n" + normalised(rows["full_name"])
    return pd.DataFrame(
        {"person_key": keyed_hash(person, key), "organization_key": keyed_hash(organization, key)}
    )


class PersonFinder:
    """Finds persons' names and e-mail addresses in texts.

    ``names``: normalised full names. Words count as whole words, whatever stands between them, and a family
    name may come first. A single word is searched only where it could hardly be anything but a name, and what
    is in ``no_names`` (names of states) not at all.
    """

    def __init__(self, names: Collection[str], no_names: Iterable[str] = ()) -> None:
        self._looked_through: dict[int, tuple[weakref.ref[pd.Index], npt.NDArray[np.bool_]]] = {}
        spelt = pd.Series(sorted(set(names)), dtype="str")
        plain = _plain(values.arrow(spelt))
        excluded = _words(_plain(pa.array(list(no_names), pa.large_string())))
        orders: set[tuple[str, ...]] = set()
        for words in _words(plain) - excluded:
            if len(words) > 1:
                orders |= {words[turn:] + words[:turn] for turn in range(len(words))}
            elif words and len(words[0]) >= _SHORTEST_SINGLE and words[0] not in _NO_NAMES:
                orders.add(words)
        self._orders = sorted(orders)
        self._vocabulary = pa.array(sorted({word for order in orders for word in order}), pa.large_string())
        number = {word: place for place, word in enumerate(self._vocabulary.to_pylist())}
        self._by_length: dict[int, pd.DataFrame] = {}
        for length in sorted({len(order) for order in self._orders}):
            places = [place for place, order in enumerate(self._orders) if len(order) == length]
            words_of = [[number[word] for word in self._orders[place]] for place in places]
            self._by_length[length] = pd.DataFrame(np.array(words_of, dtype=np.int64)).assign(place=places)
        """For each number of words the names of so many, as numbers of words (columns 0, 1, …) and place."""
        unspaced = pc.match_substring_regex(plain, _WITHOUT_SPACES)
        self._unspaced = sorted({text.strip() for text in plain.filter(unspaced).to_pylist()} - {""})

    def __repr__(self) -> str:
        return f"PersonFinder({len(self._orders)} spellings)"

    def named_in(self, column: pd.Series) -> pd.Series:
        """True where a text names a person."""
        texts = values.distinct(column)
        hit = pd.Series(self._named(texts)[0], index=texts.index, dtype="boolean")
        return values.spread(column, hit).fillna(False).astype(bool)

    def found_in(self, column: pd.Series) -> pd.Series:
        """True where a text names a person or holds an e-mail address."""
        texts = values.distinct(column)
        hit = self._found(texts)
        if not hit.any():
            return pd.Series(np.zeros(len(column), dtype=bool), index=column.index)
        return (
            values.spread(column, pd.Series(hit, index=texts.index, dtype="boolean"))
            .fillna(False)
            .astype(bool)
        )

    def _found(self, texts: pd.Series) -> npt.NDArray[np.bool_]:
        """Which texts name a person or hold an address; known of the texts of a packed column (by their
        index, as long as it is there), which the door asks about more than once."""
        place = id(texts.index)
        if (known := self._looked_through.get(place)) is not None and known[0]() is texts.index:
            return known[1]
        hit = self._named(texts)[0] | _addressed(texts)
        gone = [number for number, (index, _) in self._looked_through.items() if index() is None]
        for number in gone:
            del self._looked_through[number]
        self._looked_through[place] = (weakref.ref(texts.index), hit)
        return hit

    def without_persons(self, column: pd.Series) -> tuple[pd.Series, pd.Series]:
        """The column with names and addresses replaced by ``REMOVED``, and True where something was."""
        texts = values.distinct(column)
        named, places = self._named(texts)
        hit = named | _addressed(texts)
        if not hit.any():
            return column, pd.Series(False, index=column.index)
        # Only the few texts that hold a person are taken apart letter by letter.
        pattern = _pattern([self._orders[i] for i in sorted(places)], self._unspaced)
        cleaned = texts.copy()
        cleaned[hit] = texts[hit].map(lambda text: _cleaned(text, pattern))
        rows_hit = values.spread(column, pd.Series(hit, index=texts.index, dtype="boolean"))
        return values.spread(column, cleaned), rows_hit.fillna(False).astype(bool)

    def _named(self, texts: pd.Series) -> tuple[npt.NDArray[np.bool_], set[int]]:
        """Which texts hold a name, and the places of the names in ``_orders``."""
        hit = np.zeros(len(texts), dtype=bool)
        places: set[int] = set()
        if not len(texts) or not (self._orders or self._unspaced):
            return hit, places
        plain = _plain(values.arrow(texts))
        if self._unspaced:
            pattern = "|".join(re.escape(name) for name in self._unspaced)
            hit |= pc.match_substring_regex(plain, pattern).to_numpy(zero_copy_only=False)
        words = pc.utf8_split_whitespace(_spaced(plain))
        text_of = pc.list_parent_indices(words).to_numpy(zero_copy_only=False)
        codes = pc.fill_null(pc.index_in(words.flatten(), value_set=self._vocabulary), -1).to_numpy()
        for length, sought in self._by_length.items():
            if len(codes) < length:
                continue
            begins = np.zeros(len(self._vocabulary) + 1, dtype=bool)  # the last for -1, a word of no name
            begins[sought[0].to_numpy()] = True
            starts = np.flatnonzero(begins[codes[: len(codes) - length + 1]])
            starts = starts[text_of[starts] == text_of[starts + length - 1]]
            if not len(starts):
                continue
            there = pd.DataFrame({k: codes[starts + k] for k in range(length)}).assign(start=starts)
            met = there.merge(sought, on=list(range(length)))
            hit[text_of[met["start"].to_numpy()]] = True
            places.update(met["place"].tolist())
        return hit, places


def _words(plain: pa.Array) -> set[tuple[str, ...]]:
    """The words of each name, as texts are searched for them."""
    return set(map(tuple, pc.utf8_split_whitespace(_spaced(plain)).to_pylist()))


def _plain(texts: pa.Array) -> pa.Array:
    """Texts without accents and case, near enough to ``normalise`` to find a name by; done by Arrow, for
    all texts."""
    accented = pc.invert(pc.string_is_ascii(texts))
    plain = pc.utf8_lower(texts)
    if not pc.any(accented).as_py():
        return plain
    marked = pc.utf8_normalize(texts.filter(accented), form="NFKD")
    marked = pc.utf8_lower(pc.replace_substring_regex(marked, pattern=r"\p{Mn}+", replacement=""))
    marked = pc.replace_substring(marked, pattern="ß", replacement="ss")
    marked = pc.replace_substring(marked, pattern="ς", replacement="σ")
    return pc.replace_with_mask(plain, accented, marked)


def _addressed(texts: pd.Series) -> npt.NDArray[np.bool_]:
    """Which texts hold an e-mail address."""
    found = texts.str.contains("@", regex=False).to_numpy(dtype=bool, copy=True)
    if found.any():
        found[found] = texts[found].str.contains(_EMAIL, regex=True).to_numpy(dtype=bool)
    return found


def _spaced(plain: pa.Array) -> pa.Array:
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(plain, pattern=_NOT_WORD, replacement=" "))


def _pattern(orders: list[tuple[str, ...]], unspaced: list[str]) -> re.Pattern[str] | None:
    """All names as one pattern over plain text, the longest first."""
    spelt = [r"(?<![^\W_])" + r"[\W_]+".join(map(re.escape, words)) + r"(?![^\W_])" for words in orders]
    spelt += [re.escape(name) for name in unspaced]
    return re.compile("|".join(sorted(spelt, key=len, reverse=True))) if spelt else None


def _cleaned(text: str, pattern: re.Pattern[str] | None) -> str:
    """The text without addresses and names; accents and case of the rest stay as they are."""
    text = re.sub(_EMAIL, REMOVED, text)
    if pattern is None:
        return text
    plain: list[str] = []
    place_of: list[int] = []
    for place, letter in enumerate(text):
        for c in unicodedata.normalize("NFKD", letter):
            if unicodedata.category(c) == "Mn":
                continue
            lowered = {"ß": "ss", "ς": "σ"}.get(c.lower(), c.lower())
            plain.append(lowered)
            place_of += [place] * len(lowered)
    parts: list[str] = []
    done = 0
    for match in pattern.finditer("".join(plain)):
        begin, end = place_of[match.start()], place_of[match.end() - 1] + 1
        while end < len(text) and unicodedata.category(text[end]) == "Mn":
            end += 1
        parts += [text[done:begin], REMOVED]
        done = end
    # Found by whole words and yet not met letter by letter: rather the whole text goes than the name stays.
    if not parts and REMOVED not in text:
        return REMOVED
    return "".join([*parts, text[done:]])
