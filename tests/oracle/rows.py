"""From delivered files to accepted, typed rows, by docs/contract/inputs.md alone.

The pipeline judges rows with Great Expectations and pandas. This module does the same again with
loops over plain rows, so that the agreement test also covers which rows load and in what order.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import unicodedata
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

Row = dict[str, Any]
"""A typed row: date, int, Decimal, bool, str or None by column, and ``delivery_seq``."""

TextRow = Mapping[str, str]
"""A row as it was read: text by column; a missing column is an empty cell."""

REGIONS = (
    "African",
    "Asia-Pacific",
    "Eastern European",
    "Latin American and Caribbean",
    "Western European and Other",
)
CONSENTS = ("ratification", "acceptance", "approval", "accession", "succession")
DELEGATION_KINDS = (
    "state",
    "united_nations",
    "international_organization",
    "red_cross",
    "survivor_organization",
    "civil_society",
    "other",
)


@dataclass(frozen=True)
class Cell:
    """What inputs.md says of one column."""

    name: str
    type: str
    required: bool = False
    words: tuple[str, ...] = ()
    parent: str | None = None


def _key(name: str, parent: str | None = None) -> Cell:
    return Cell(name, "text", required=True, parent=parent)


def _need(name: str, type_: str, words: tuple[str, ...] = (), parent: str | None = None) -> Cell:
    return Cell(name, type_, required=True, words=words, parent=parent)


_STATE = Cell("iso3", "iso3", required=True, parent="states")

COMMON = (
    Cell("received_on", "date", required=True),
    Cell("record_status", "word", words=("active", "retracted")),
    Cell("source_ref", "text"),
)

DATASETS: dict[str, tuple[Cell, ...]] = {
    "states": (
        Cell("iso3", "iso3", required=True),
        _need("name", "text"),
        Cell("un_region", "word", words=REGIONS),
    ),
    "treaty_actions": (
        _key("action_id"),
        _STATE,
        _need("action", "word", ("signature", *CONSENTS, "withdrawal", "suspension_notice")),
        _need("deposited_on", "date"),
        Cell("effective_on", "date"),
    ),
    "obligations": (
        _key("obligation_id"),
        _STATE,
        _need("kind", "word", ("article_3", "article_4", "article_5", "victim_assistance")),
        _need("starts_on", "date"),
        Cell("ends_on", "date"),
        Cell("end_reason", "word", words=("completed", "other")),
        Cell("deadline", "date"),
        Cell("quantity", "decimal"),
        Cell("unit", "word", words=("mines", "m2", "persons")),
    ),
    "article7_reports": (
        _key("report_id"),
        _STATE,
        _need("reporting_year", "year"),
        _need("submitted_on", "date"),
        _need("uses_guide", "yes_no"),
        _need("has_implementation_update", "yes_no"),
        Cell("language", "text"),
        Cell("document_url", "text"),
        Cell("document_sha256", "text"),
    ),
    "article7_answers": (
        _key("report_id", parent="article7_reports"),
        _key("indicator_id"),
        Cell("plan_version", "text"),
        _need("answer", "word", ("yes", "no", "not_applicable", "unclear")),
        Cell("evidence", "text"),
        Cell("location", "text"),
    ),
    "meetings": (
        _key("meeting_id"),
        _need("title", "text"),
        _need(
            "kind",
            "word",
            ("meeting_of_states_parties", "review_conference", "intersessional", "preparatory"),
        ),
        _need("starts_on", "date"),
        _need("ends_on", "date"),
    ),
    "meeting_participants": (
        _key("registration_id"),
        _need("meeting_id", "text", parent="meetings"),
        _need("delegation_kind", "word", DELEGATION_KINDS),
        Cell("iso3", "iso3", parent="states"),
        Cell("organization", "text"),
        _need("full_name", "text"),
        Cell("email", "text"),
        _need("gender", "word", ("female", "male", "other", "unknown")),
        Cell("is_mine_victim", "yes_no"),
        _need("attended", "yes_no"),
    ),
    "compliance_cases": (
        _key("case_id"),
        _STATE,
        _need("article", "word", ("1.1",)),
        _need("opened_on", "date"),
        Cell("closed_on", "date"),
        _need("basis", "text"),
    ),
    "meeting_statements": (
        _key("statement_id"),
        _need("meeting_id", "text", parent="meetings"),
        _STATE,
        _need("topic", "word", ("condemnation", "compliance_update", "other")),
        Cell("case_id", "text", parent="compliance_cases"),
    ),
    "contributions": (
        _key("contribution_id"),
        _STATE,
        _need("year", "year"),
        _need("kind", "word", ("assessment", "assessment_payment", "voluntary_isu")),
        _need("amount", "decimal"),
        _need("dated_on", "date"),
    ),
    "extension_requests": (
        _key("request_id"),
        _STATE,
        _need("submitted_on", "date"),
        _need("clearance_detailed", "yes_no"),
        _need("clearance_costed", "yes_no"),
        _need("clearance_multiyear", "yes_no"),
        _need("risk_education_detailed", "yes_no"),
        _need("risk_education_costed", "yes_no"),
        _need("risk_education_multiyear", "yes_no"),
    ),
    "completion_declarations": (
        _key("declaration_id"),
        _STATE,
        _need("declared_on", "date"),
        _need("voluntary_declaration", "yes_no"),
    ),
    "stockpile_discoveries": (
        _key("discovery_id"),
        _STATE,
        _need("discovered_on", "date"),
        _need("reported_on", "date"),
        Cell("destroyed_on", "date"),
        Cell("quantity", "decimal"),
    ),
}
"""The thirteen datasets, parents before children."""

KEYS: dict[str, tuple[str, ...]] = {
    name: ("report_id", "indicator_id") if name == "article7_answers" else (cells[0].name,)
    for name, cells in DATASETS.items()
}
"""Primary key of each dataset."""

_ISO3_TEXT = """
ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN BES BFA BGD BGR BHR
BHS BIH BLM BLR BLZ BMU BOL BRA BRB BRN BTN BVT BWA CAF CAN CCK CHE CHL CHN CIV CMR COD COG COK COL
COM CPV CRI CUB CUW CXR CYM CYP CZE DEU DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI FLK
FRA FRO FSM GAB GBR GEO GGY GHA GIB GIN GLP GMB GNB GNQ GRC GRD GRL GTM GUF GUM GUY HKG HMD HND HRV
HTI HUN IDN IMN IND IOT IRL IRN IRQ ISL ISR ITA JAM JEY JOR JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO
LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA MAC MAF MAR MCO MDA MDG MDV MEX MHL MKD MLI MLT MMR MNE MNG
MNP MOZ MRT MSR MTQ MUS MWI MYS MYT NAM NCL NER NFK NGA NIC NIU NLD NOR NPL NRU NZL OMN PAK PAN PCN
PER PHL PLW PNG POL PRI PRK PRT PRY PSE PYF QAT REU ROU RUS RWA SAU SDN SEN SGP SGS SHN SJM SLB SLE
SLV SMR SOM SPM SRB SSD STP SUR SVK SVN SWE SWZ SXM SYC SYR TCA TCD TGO THA TJK TKL TKM TLS TON TTO
TUN TUR TUV TWN TZA UGA UKR UMI URY USA UZB VAT VCT VEN VGB VIR VNM VUT WLF WSM YEM ZAF ZMB ZWE
"""
ISO3 = frozenset(_ISO3_TEXT.split())
"""ISO 3166-1 alpha-3, typed here a second time on purpose."""

SPELLINGS = {
    "afrique du sud": "ZAF",
    "albanie": "ALB",
    "alemania": "DEU",
    "algerie": "DZA",
    "allemagne": "DEU",
    "argelia": "DZA",
    "argentine": "ARG",
    "belgica": "BEL",
    "bolivia": "BOL",
    "bosnia and herzegovina": "BIH",
    "bosnie herzegovine": "BIH",
    "brunei": "BRN",
    "burma": "MMR",
    "cabo verde": "CPV",
    "cameroun": "CMR",
    "cape verde": "CPV",
    "chypre": "CYP",
    "colombie": "COL",
    "cote d ivoire": "CIV",
    "croatie": "HRV",
    "czech republic": "CZE",
    "czechia": "CZE",
    "democratic republic of the congo": "COD",
    "dinamarca": "DNK",
    "dr congo": "COD",
    "drc": "COD",
    "east timor": "TLS",
    "egypte": "EGY",
    "espagne": "ESP",
    "estados unidos": "USA",
    "eswatini": "SWZ",
    "etat de palestine": "PSE",
    "etiopia": "ETH",
    "francia": "FRA",
    "gambia": "GMB",
    "holy see": "VAT",
    "irak": "IRQ",
    "iran": "IRN",
    "italie": "ITA",
    "ivory coast": "CIV",
    "japon": "JPN",
    "jordanie": "JOR",
    "lao pdr": "LAO",
    "laos": "LAO",
    "libano": "LBN",
    "macedonia": "MKD",
    "mauritanie": "MRT",
    "mexique": "MEX",
    "moldova": "MDA",
    "na": "NAM",
    "netherlands": "NLD",
    "north korea": "PRK",
    "nouvelle zelande": "NZL",
    "nueva zelanda": "NZL",
    "palestine": "PSE",
    "republic of korea": "KOR",
    "republic of the congo": "COG",
    "republica dominicana": "DOM",
    "republique centrafricaine": "CAF",
    "russia": "RUS",
    "serbie": "SRB",
    "soudan": "SDN",
    "soudan du sud": "SSD",
    "south korea": "KOR",
    "sudafrica": "ZAF",
    "suecia": "SWE",
    "suisse": "CHE",
    "suiza": "CHE",
    "swaziland": "SWZ",
    "syria": "SYR",
    "tadjikistan": "TJK",
    "tailandia": "THA",
    "tanzania": "TZA",
    "tchad": "TCD",
    "thailande": "THA",
    "the former yugoslav republic of macedonia": "MKD",
    "the gambia": "GMB",
    "the netherlands": "NLD",
    "turkey": "TUR",
    "turkiye": "TUR",
    "turquie": "TUR",
    "ucrania": "UKR",
    "uk": "GBR",
    "united kingdom": "GBR",
    "united states": "USA",
    "united states of america": "USA",
    "usa": "USA",
    "venezuela": "VEN",
    "viet nam": "VNM",
    "vietnam": "VNM",
    "zambie": "ZMB",
}
"""Usual spellings, in English, French and Spanish, besides the names in ``states``, by ``name_key``.

``na`` is Namibia's ISO2 code and never a missing cell. A caller may add to the table.
"""

YES_NO = {
    "yes": True,
    "true": True,
    "1": True,
    "y": True,
    "no": False,
    "false": False,
    "0": False,
    "n": False,
}
DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)", re.ASCII)


@dataclass(frozen=True)
class Quarantined:
    """One fault of one row that did not load; ``waiting`` if its only fault is an unknown parent."""

    dataset: str
    file: str
    row_number: int
    column: str
    fault: str
    waiting: bool = False


@dataclass
class Rows:
    """What a build may read.

    ``tables``: accepted rows by dataset in order of delivery. ``header_only``: datasets of which a
    file with only its header was accepted. ``quarantined`` and ``duplicates`` say what did not load.
    """

    tables: dict[str, list[Row]]
    header_only: frozenset[str] = frozenset()
    quarantined: list[Quarantined] = field(default_factory=list)
    duplicates: int = 0
    unknown_files: list[str] = field(default_factory=list)


@dataclass
class TextTable:
    """The rows of one file, as read. ``header`` is None where the rows themselves are the header."""

    dataset: str
    file: str
    rows: list[TextRow]
    header: tuple[str, ...] | None = None


class Fault(ValueError):
    """A cell or a file that breaks the contract."""


def name_key(name: str) -> str:
    """A state's name without case, accents and punctuation."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if unicodedata.category(c) != "Mn")
    return " ".join(re.sub(r"[^\w]+", " ", plain.casefold().replace("&", " and ")).split())


# ---------------------------------------------------------------------------------------------
# files


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _objects(items: Sequence[object]) -> list[TextRow]:
    rows: list[TextRow] = []
    for item in items:
        if not isinstance(item, dict):
            raise Fault("not an object")
        rows.append({str(k).strip().casefold(): _text(v).strip() for k, v in item.items()})
    return rows


def _read_csv(content: str) -> tuple[tuple[str, ...], list[TextRow]]:
    head = content.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    lines = list(csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True))
    if not lines:
        raise Fault("empty file")
    header = tuple(name.strip().casefold() for name in lines[0])
    rows: list[TextRow] = []
    for line in lines[1:]:
        cells = [cell.strip() for cell in line]
        if not any(cells):
            rows.append({})
        elif len(cells) != len(header):
            rows.append({"": "wrong number of cells"})
        else:
            rows.append(dict(zip(header, cells, strict=True)))
    return header, rows


def read_file(path: Path, dataset: str) -> TextTable:
    """The text rows of one CSV, JSON or JSONL file. Raises ``Fault`` where it can't be read."""
    try:
        content = path.read_bytes().decode("utf-8-sig")
        if path.suffix == ".csv":
            header, rows = _read_csv(content)
            return TextTable(dataset, path.name, rows, header)
        if path.suffix == ".json":
            items = json.loads(content, parse_float=str, parse_int=str)
            if not isinstance(items, list):
                raise Fault("not an array of objects")
        else:
            items = [
                json.loads(line, parse_float=str, parse_int=str)
                for line in content.splitlines()
                if line.strip()
            ]
        return TextTable(dataset, path.name, _objects(items))
    except (UnicodeDecodeError, csv.Error, json.JSONDecodeError) as error:
        raise Fault(str(error)) from error


_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_FIRST_DAY = date(1899, 12, 30)


def read_workbook(path: Path) -> list[TextTable]:
    """The sheets of a workbook that are named after a dataset, in order.

    A cell with a date format gives YYYY-MM-DD, a whole number no decimals, a truth value true or false.
    """
    with zipfile.ZipFile(path) as book:

        def tree(name: str) -> ElementTree.Element:
            return ElementTree.fromstring(book.read(name))

        strings = []
        if "xl/sharedStrings.xml" in book.namelist():
            strings = ["".join(i.itertext()) for i in tree("xl/sharedStrings.xml").iter(f"{_MAIN}si")]
        dates = _date_styles(tree("xl/styles.xml"))
        targets = {r.get("Id"): r.get("Target", "") for r in tree("xl/_rels/workbook.xml.rels")}
        tables = []
        for sheet in tree("xl/workbook.xml").iter(f"{_MAIN}sheet"):
            name = sheet.get("name", "")
            if name in DATASETS:
                target = targets[sheet.get(_RELATION)].removeprefix("/xl/")
                lines = _sheet_lines(tree(f"xl/{target}"), strings, dates)
                header = tuple(cell.strip().casefold() for cell in lines[0]) if lines else ()
                rows = [dict(zip(header, (c.strip() for c in line), strict=False)) for line in lines[1:]]
                tables.append(TextTable(name, f"{path.name}/{name}", list(rows), header))
        return tables


def _date_styles(styles: ElementTree.Element) -> set[int]:
    """Places of the cell formats that show dates."""
    custom = {
        int(f.get("numFmtId", "0"))
        for f in styles.iter(f"{_MAIN}numFmt")
        if re.search("[yd]", re.sub(r'"[^"]*"|\[[^\]]*\]', "", f.get("formatCode", "")), re.IGNORECASE)
    }
    formats = styles.find(f"{_MAIN}cellXfs")
    numbers = [int(xf.get("numFmtId", "0")) for xf in formats] if formats is not None else []
    return {place for place, number in enumerate(numbers) if 14 <= number <= 22 or number in custom}


def _sheet_lines(sheet: ElementTree.Element, strings: list[str], dates: set[int]) -> list[list[str]]:
    lines: list[list[str]] = []
    for row in sheet.iter(f"{_MAIN}row"):
        place = int(row.get("r", len(lines) + 1))
        lines.extend([] for _ in range(place - len(lines)))
        for cell in row.iter(f"{_MAIN}c"):
            column = 0
            for letter in re.sub(r"\d", "", cell.get("r", "")):
                column = column * 26 + ord(letter) - 64
            line = lines[place - 1]
            line.extend("" for _ in range(column - len(line)))
            line[column - 1] = _sheet_cell(cell, strings, dates)
    return lines


def _sheet_cell(cell: ElementTree.Element, strings: list[str], dates: set[int]) -> str:
    kind = cell.get("t", "n")
    value = cell.findtext(f"{_MAIN}v", "")
    if kind == "inlineStr":
        return "".join(cell.itertext())
    if value == "" or kind == "str":
        return value
    if kind == "s":
        return strings[int(value)]
    if kind == "b":
        return "true" if value == "1" else "false"
    if kind == "n" and int(cell.get("s", "0")) in dates:
        return (_FIRST_DAY + timedelta(days=int(float(value)))).isoformat()
    return str(int(float(value))) if kind == "n" and float(value).is_integer() else value


def dataset_of(name: str) -> str | None:
    """The dataset that a file name announces, None for a file that is none of ours."""
    match = re.fullmatch(r"([a-z0-9_]+?)(--.*)?\.(csv|json|jsonl)", name, re.DOTALL)
    return match[1] if match and match[1] in DATASETS else None


def read_deliveries(
    deliveries: Iterable[Path],
    names: Mapping[str, str] | None = None,
    plans: Mapping[str, frozenset[str]] | None = None,
) -> Rows:
    """Accepted rows of delivery folders in the order given, files by name bytewise.

    ``names`` adds spellings of states to ISO3; ``plans`` are the ids that an answer may name,
    by plan version (the empty one is the configured plan); all may be named where it is left out.
    Parquet files are not read: the standard library has no reader for them.
    """
    tables: list[TextTable] = []
    unknown: list[str] = []
    unread: list[Quarantined] = []
    seen: set[tuple[str, str]] = set()
    for folder in deliveries:
        for path in sorted(folder.iterdir(), key=lambda p: p.name.encode()):
            if path.suffix == ".xlsx" and path.is_file() and not path.is_symlink():
                tables.extend(read_workbook(path))
                continue
            dataset = dataset_of(path.name)
            if path.is_symlink() or not path.is_file() or dataset is None:
                unknown.append(path.name)
                continue
            identity = (dataset + path.suffix, hashlib.sha256(path.read_bytes()).hexdigest())
            if identity in seen:
                continue
            seen.add(identity)
            try:
                tables.append(read_file(path, dataset))
            except Fault as fault:
                unread.append(Quarantined(dataset, path.name, 0, "", str(fault)))
    rows = accept(tables, names, plans)
    rows.quarantined[:0] = unread
    rows.unknown_files = unknown
    return rows


# ---------------------------------------------------------------------------------------------
# cells and rows


def _typed(cell: Cell, text: str, names: Mapping[str, str]) -> Any:
    match cell.type:
        case "text":
            return text
        case "word":
            for word in cell.words:
                if word.casefold() == text.casefold():
                    return word
            raise Fault(f"not one of {', '.join(cell.words)}")
        case "date":
            if not DATE.fullmatch(text):
                raise Fault("not a date YYYY-MM-DD")
            try:
                return date.fromisoformat(text)
            except ValueError:
                raise Fault("no such day") from None
        case "year":
            if not re.fullmatch(r"\d{4}", text, re.ASCII):
                raise Fault("not a year")
            return int(text)
        case "yes_no":
            if text.casefold() not in YES_NO:
                raise Fault("neither yes nor no")
            return YES_NO[text.casefold()]
        case "decimal":
            if not DECIMAL.fullmatch(text):
                raise Fault("not a plain number with a point")
            number = Decimal(text)
            if number != round(number, 2) or len(text.partition(".")[2]) > 2 or abs(number) >= 10**16:
                raise Fault("more than two decimals, or too large")
            return number
        case _:
            if text.upper() in ISO3:
                return text.upper()
            if name_key(text) in names:
                return names[name_key(text)]
            raise Fault("unknown state")


def _conditions(dataset: str, row: Row) -> list[tuple[str, str]]:
    """Cells that are required, or forbidden, because of another cell."""
    faults: list[tuple[str, str]] = []
    if dataset == "treaty_actions" and row["action"] in CONSENTS and row["effective_on"] is None:
        faults.append(("effective_on", "required for a consent to be bound"))
    if dataset == "obligations":
        open_ = row["ends_on"] is None
        if open_ and row["kind"] in ("article_4", "article_5") and row["deadline"] is None:
            faults.append(("deadline", "required while open"))
        if open_ != (row["end_reason"] is None):
            faults.append(("end_reason", "given with ends_on, and only then"))
        if row["quantity"] is not None and row["unit"] is None:
            faults.append(("unit", "required with quantity"))
    if dataset == "meeting_participants":
        needed = "iso3" if row["delegation_kind"] == "state" else "organization"
        if row[needed] is None:
            faults.append((needed, f"required for {row['delegation_kind']}"))
    if dataset == "meeting_statements" and row["topic"] == "compliance_update" and row["case_id"] is None:
        faults.append(("case_id", "required for compliance_update"))
    if dataset == "contributions" and row["amount"] <= 0:
        faults.append(("amount", "not above zero"))
    return faults


def _type_row(
    dataset: str, text: TextRow, names: Mapping[str, str], plans: Mapping[str, frozenset[str]] | None
) -> tuple[Row, list[tuple[str, str]]]:
    """The typed row and its faults, parents apart. A retraction keeps key, date and status only."""
    if "" in text and text[""] == "wrong number of cells":
        return {}, [("", "wrong number of cells")]
    row: Row = {}
    faults: list[tuple[str, str]] = []
    cells = (*DATASETS[dataset], *COMMON)
    retracted = text.get("record_status", "").strip().casefold() == "retracted"
    dropped = {"iso3"} if _is_delegation_without_state(dataset, text) else set()
    for cell in cells:
        raw = text.get(cell.name, "").strip()
        ignored = retracted and cell.name not in (*KEYS[dataset], "received_on", "record_status")
        if raw == "" or ignored or cell.name in dropped:
            row[cell.name] = None
            if cell.required and not ignored:
                faults.append((cell.name, "required"))
            continue
        try:
            row[cell.name] = _typed(cell, raw, names)
        except Fault as fault:
            row[cell.name] = None
            faults.append((cell.name, str(fault)))
    row["record_status"] = row["record_status"] or "active"
    if not faults and not retracted:
        faults = _conditions(dataset, row)
        if dataset == "article7_answers" and plans is not None:
            version = row["plan_version"] or ""
            if version not in plans:
                faults.append(("plan_version", "no plan version that is loaded"))
            elif row["indicator_id"] not in plans[version]:
                faults.append(("indicator_id", "no indicator that reports answer"))
    return row, faults


def _is_delegation_without_state(dataset: str, text: TextRow) -> bool:
    return dataset == "meeting_participants" and text.get("delegation_kind", "").strip().casefold() != "state"


def parents_of(dataset: str, row: Row) -> list[tuple[str, str]]:
    """(parent dataset, key) of each row that this row refers to.

    A case_id refers only in a ``compliance_update`` (semantics.md, Time).
    """
    found = []
    for cell in DATASETS[dataset]:
        value = row.get(cell.name)
        if cell.parent is None or value is None:
            continue
        if cell.name == "case_id" and row["topic"] != "compliance_update":
            continue
        found.append((cell.parent, value))
    return found


def key_of(dataset: str, row: Row) -> tuple[str, ...]:
    """Primary key of a row."""
    return tuple(row[name] for name in KEYS[dataset])


# ---------------------------------------------------------------------------------------------
# what loads


@dataclass
class _Candidate:
    row: Row
    file: str
    number: int


def _without_doubles(
    dataset: str, candidates: list[_Candidate], quarantined: list[Quarantined]
) -> tuple[list[_Candidate], int]:
    """Two rows with one key in one file: identical, conflicting or versions (inputs.md)."""
    groups: dict[tuple[Any, ...], list[_Candidate]] = defaultdict(list)
    for candidate in candidates:
        groups[(*key_of(dataset, candidate.row), candidate.row["received_on"])].append(candidate)
    kept: list[_Candidate] = []
    duplicates = 0
    for group in groups.values():
        contents = [{k: v for k, v in c.row.items() if k != "delivery_seq"} for c in group]
        if all(content == contents[0] for content in contents):
            kept.append(group[0])
            duplicates += len(group) - 1
        else:
            quarantined.extend(
                Quarantined(
                    dataset, c.file, c.number, KEYS[dataset][0], "differs from another row of its key"
                )
                for c in group
            )
    return sorted(kept, key=lambda c: c.row["delivery_seq"]), duplicates


def _missing_columns(table: TextTable) -> list[str]:
    present = set(table.header) if table.header is not None else {k for row in table.rows for k in row}
    needed = [cell.name for cell in (*DATASETS[table.dataset], *COMMON) if cell.required]
    return [name for name in needed if name not in present]


def _state_names(tables: Sequence[TextTable], extra: Mapping[str, str] | None) -> dict[str, str]:
    names = dict(SPELLINGS)
    for table in tables:
        if table.dataset == "states":
            for row in table.rows:
                code = row.get("iso3", "").strip().upper()
                if code in ISO3 and row.get("name", "").strip():
                    names[name_key(row["name"])] = code
    names.update({name_key(name): code for name, code in (extra or {}).items()})
    return names


def accept(
    tables: Sequence[TextTable],
    names: Mapping[str, str] | None = None,
    plans: Mapping[str, frozenset[str]] | None = None,
) -> Rows:
    """Accepted rows of files in order of delivery.

    All files are judged as one: a row that waits for a parent loads once the parent has come, in
    whatever later delivery, and keeps its place.
    """
    spellings = _state_names(tables, names)
    candidates: dict[str, list[_Candidate]] = {name: [] for name in DATASETS}
    quarantined: list[Quarantined] = []
    header_only: set[str] = set()
    duplicates = 0
    seq = 0
    for table in tables:
        if missing := _missing_columns(table):
            quarantined.append(Quarantined(table.dataset, table.file, 0, missing[0], "column missing"))
            continue
        if table.header is not None and not any(table.rows):
            header_only.add(table.dataset)
        typed: list[_Candidate] = []
        for number, text in enumerate(table.rows, start=1 if table.header is None else 2):
            if not any(text.values()):
                continue
            seq += 1
            row, faults = _type_row(table.dataset, text, spellings, plans)
            if faults:
                quarantined.extend(Quarantined(table.dataset, table.file, number, c, f) for c, f in faults)
                continue
            row["delivery_seq"] = seq
            typed.append(_Candidate(row, table.file, number))
        kept, doubled = _without_doubles(table.dataset, typed, quarantined)
        candidates[table.dataset].extend(kept)
        duplicates += doubled
    loaded: dict[str, list[Row]] = {}
    known: dict[str, set[str]] = {}
    for dataset, found in candidates.items():
        loaded[dataset] = []
        for candidate in found:
            unknown = [
                (parent, key)
                for parent, key in parents_of_loaded(dataset, candidate.row)
                if key not in known[parent]
            ]
            if unknown:
                quarantined.append(
                    Quarantined(
                        dataset, candidate.file, candidate.number, unknown[0][0], "unknown parent", True
                    )
                )
            else:
                loaded[dataset].append(candidate.row)
        known[dataset] = {row[KEYS[dataset][0]] for row in loaded[dataset]}
    return Rows(loaded, frozenset(header_only), quarantined, duplicates)


def parents_of_loaded(dataset: str, row: Row) -> list[tuple[str, str]]:
    """As ``parents_of``; a retraction needs no parent, for it needs only its key."""
    return [] if row["record_status"] == "retracted" else parents_of(dataset, row)


def from_text(
    tables: Mapping[str, Sequence[TextRow]],
    names: Mapping[str, str] | None = None,
    plans: Mapping[str, frozenset[str]] | None = None,
) -> Rows:
    """Accepted rows of one delivery given in memory: text rows by file name, in that order.

    A name may be a dataset or ``<dataset>--<anything>``; an empty list is a file with only its header.
    """
    files = []
    for name, rows in tables.items():
        dataset = name.partition("--")[0].partition(".")[0]
        header = tuple(cell.name for cell in (*DATASETS[dataset], *COMMON))
        files.append(TextTable(dataset, name, list(rows), header))
    return accept(files, names, plans)


def from_accepted(tables: Mapping[str, Sequence[Row]], header_only: Iterable[str] = ()) -> Rows:
    """Rows that are already typed and accepted; those without a ``delivery_seq`` get their place."""
    loaded: dict[str, list[Row]] = {name: [] for name in DATASETS}
    for dataset, rows in tables.items():
        for place, row in enumerate(rows, start=1):
            complete = {cell.name: row.get(cell.name) for cell in (*DATASETS[dataset], *COMMON)}
            complete["record_status"] = row.get("record_status") or "active"
            complete["delivery_seq"] = row.get("delivery_seq") or place
            if dataset == "meeting_participants":
                complete["person_key"] = row.get("person_key")
                complete["organization_key"] = row.get("organization_key")
            loaded[dataset].append(complete)
    return Rows(loaded, frozenset(header_only))
