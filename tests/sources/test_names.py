"""Which state a name means, in many spellings, and which names mean none."""

from __future__ import annotations

import csv
import sys
from hashlib import sha256
from pathlib import Path

import pycountry
import pytest

from sources import names, translated_names
from sources.names import STATES, Names, aliases

REGISTERS = Path(names.__file__).parent / "sample" / "registers"


def _column(file: str, column: str) -> list[str]:
    with (REGISTERS / file).open(encoding="utf-8", newline="") as lines:
        return [row[column] for row in csv.DictReader(lines)]


def _states() -> dict[str, str]:
    return dict(zip(_column("states.csv", "name"), _column("states.csv", "iso3"), strict=True))


@pytest.mark.parametrize(
    ("code", "spellings"),
    [
        ("KHM", ["KHM", "khm", "KH", "Cambodia", "Cambodge", "Camboya", "Камбоджа", "كمبوديا", "柬埔寨"]),
        ("COD", ["DR Congo", "Democratic Republic of the Congo", "Congo, Democratic Republic of the", "DRC"]),
        ("COD", ["République démocratique du Congo", "Демократическая Республика Конго", "刚果民主共和国"]),
        ("COG", ["Congo", "Congo (Rep. of)", "Republic of the Congo", "Congo-Brazzaville"]),
        ("CIV", ["Cote d'Ivoire", "Côte d’Ivoire", "CÔTE D'IVOIRE", "Ivory Coast", "科特迪瓦"]),
        ("TUR", ["Turkey", "Türkiye", "Turkiye", "Turquie", "Турция", "تركيا", "土耳其"]),
        ("MKD", ["The former Yugoslav Republic of Macedonia", "Macedonia", "North Macedonia"]),
        ("CZE", ["Czech Republic", "Czechia", "Chequia", "Tschechien"]),
        ("SWZ", ["Swaziland", "Eswatini"]),
        ("CPV", ["Cape Verde", "Cabo Verde"]),
        ("CAF", ["Central Africa Republic", "Central African Republic"]),
        ("BOL", ["Bolivia (Plurinational State of)", "Plurinational State of Bolivia", "Bolivia"]),
        ("MKD", ["ex-République yougoslave de Macédoine", "Ex República Yugoslava de Macedonia"]),
        ("CPV", ["Cape Verde", "Cabo Verde", "Cap-Vert"]),
        ("COD", ["DR Congo", "Zaire", "République démocratique du Congo", "República Democrática del Congo"]),
        ("COG", ["Congo (Rep. of)", "Congo, Republic of", "Congo"]),
        ("CAF", ["Central Africa Republic", "République centrafricaine", "República Centroafricana"]),
        ("KNA", ["St. Kitts and Nevis", "Saint Kitts & Nevis", "St Kitts and Nevis"]),
        ("CHN", ["China 5, 6", "China⁵", "China⁵,⁶", "China", "中国", "الصين"]),
        ("RUS", ["Russia", "Russian Federation", "Российская Федерация", "Fédération de Russie"]),
        ("PSE", ["Palestine", "State of Palestine"]),
        ("VAT", ["Holy See", "Saint-Siège", "Vatican City"]),
        ("NAM", ["NA", "Namibia"]),
        ("NOR", ["NO", "Norway", "Norge"]),
        ("PRK", ["Democratic People's Republic of Korea", "Democratic People’s Republic of Korea"]),
        ("KOR", ["Republic of Korea", "Korea, Republic of"]),
        ("LAO", ["Lao People's Democratic Republic", "Laos"]),
        ("GMB", ["Gambia", "The Gambia", "Gambia, The"]),
        ("BRN", ["Brunei", "Brunei Darussalam"]),
        ("GBR", ["United Kingdom of Great Britain and Northern Ireland", "UK", "Royaume-Uni"]),
        ("USA", ["United States of America", "États-Unis", "Estados Unidos", "美国"]),
    ],
)
def test_a_state_is_known_in_many_spellings(code: str, spellings: list[str]) -> None:
    for known in ({}, _states()):
        assert Names(known).resolve(spellings) == dict.fromkeys(spellings, code)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Kosovo",
            "Taiwan",
            "Western Sahara",
            "Somaliland",
            "Hong Kong",
            "Macao",
            "Puerto Rico",
            "Greenland",
        ),
        *("TWN", "HKG", "ESH", "XKX", "TW", "XK", "Republic of China", "Chinese Taipei", "European Union"),
        *("臺灣", "Косово", "Sahara occidental", "هونغ كونغ", "Northern Cyprus", "American Samoa"),
        *("Korea", "Yugoslavia", "Serbia and Montenegro", "USSR"),
        *("no", "is", "na", "", " ", "-", "Atlantis", "123", "AAA", "ZZ", "Cambodia and France", "Republic"),
    ],
)
def test_what_is_no_state_or_could_be_two_resolves_to_none(name: str) -> None:
    for known in ({}, _states()):
        assert Names(known).resolve([name]) == {name: None}


def test_all_names_of_the_real_registers_resolve() -> None:
    known = _states()
    printed = [
        *_column("untc_xxvi-5_participants_2014.csv", "Participant"),
        *_column("article7_nonsubmitters_cy2014.csv", "name_as_printed"),
        *known,
    ]
    for resolved in (Names(known).resolve(printed), Names({}).resolve(printed)):
        assert [name for name, code in resolved.items() if code is None] == []
    assert {name: Names({}).resolve([name])[name] for name in known} == known


def test_the_universe_is_197_states_with_real_codes() -> None:
    assert len(STATES) == 197 and {country.alpha_3 for country in pycountry.countries} >= STATES
    assert set(_states().values()) == STATES


def test_every_alias_is_reviewed_and_means_what_it_says() -> None:
    spelt = [name for name, _, _ in aliases()]
    assert len(set(spelt)) == len(spelt)
    for name, code, reason in aliases():
        assert reason and (code in STATES or code == "")
        assert Names({}).resolve([name]) == {name: code or None}


def test_a_name_that_two_rows_of_states_bear_means_none() -> None:
    assert Names([("Ruritania", "FRA"), ("Ruritania", "DEU")]).resolve(["ruritania"]) == {"ruritania": None}


def test_names_of_states_as_loaded_come_before_all_others() -> None:
    assert Names({"Graustark": "AND"}).resolve(["GRAUSTARK"]) == {"GRAUSTARK": "AND"}


def test_the_large_libraries_are_not_read_for_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> dict[str, set[str]]:
        raise AssertionError("loaded")

    monkeypatch.setattr(names, "_translated_index", asked)
    monkeypatch.setattr(names, "_country_index", asked)
    assert Names({"Cambodia": "KHM"}).resolve(["Cambodia", "fra", "Turkey"]) == {
        "Cambodia": "KHM",
        "fra": "FRA",
        "Turkey": "TUR",
    }


def test_names_that_were_prepared_are_those_that_would_be_gathered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    gathered = names.gather_translated()
    assert gathered["камбоджа"] == {"KHM"}
    assert any(len(codes) > 1 for codes in gathered.values())
    assert translated_names.index(lambda: {"gathered": {"KHM"}}) == {"gathered": {"KHM"}}
    translated_names.main()
    assert translated_names.index(lambda: pytest.fail("gathered again")) == gathered
    assert [path.name for path in translated_names.prepared().parent.iterdir()] == [
        translated_names.prepared().name
    ]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"kenya": 5}', b"\xff"])
def test_a_file_of_names_that_is_spoiled_is_gathered_anew(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    translated_names.prepared().parent.mkdir(parents=True)
    translated_names.prepared().write_bytes(content)
    assert translated_names.index(lambda: {"kenia": {"KEN"}}) == {"kenia": {"KEN"}}


def test_names_of_other_code_or_libraries_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = translated_names.prepared()
    monkeypatch.setattr(translated_names, "version", lambda library: f"{library} of another day")
    assert translated_names.prepared() != ours
    assert sha256(Path(names.__file__).read_bytes()).hexdigest()[:16] in ours.name


@pytest.mark.parametrize(
    ("name", "code"), [("Frnace", "FRA"), ("Kingdom of Cambodja", "KHM"), ("Moldovia", "MDA")]
)
def test_the_nearest_candidate_of_a_misspelt_name_is_the_state(name: str, code: str) -> None:
    nearest = Names(_states()).candidates(name)
    assert nearest[0][1] == code and len(nearest) <= 3
    assert len({found for _, found in nearest}) == len(nearest)


def test_an_area_is_never_proposed() -> None:
    assert all(code in STATES for _, code in Names(_states()).candidates("Kosova", limit=30))
