"""How the names of states are written in life: other languages, old names, short and long forms.

The synthetic rows use them in place of the ISO3 code, now and then. All of them name exactly one
state; ``NO_STATE`` names none that the universe of states knows.
"""

from __future__ import annotations

import numpy as np

from sources.sample.chance import Chance, Texts

SPELLINGS: dict[str, tuple[str, ...]] = {
    "ALB": ("Albania", "Albanie"),
    "DZA": ("Algeria", "Algérie", "Argelia"),
    "AGO": ("Angola", "ANGOLA"),
    "ARG": ("Argentina", "Argentine"),
    "BEL": ("Belgium", "Belgique", "Bélgica"),
    "BIH": ("Bosnia and Herzegovina", "Bosnie-Herzégovine", "Bosnia & Herzegovina"),
    "BOL": ("Bolivia", "Bolivia (Plurinational State of)"),
    "BRN": ("Brunei", "Brunei Darussalam"),
    "CPV": ("Cabo Verde", "Cape Verde"),
    "KHM": ("Cambodia", "Camboya", "Cambodge"),
    "CMR": ("Cameroon", "Cameroun"),
    "CAF": ("Central African Republic", "République centrafricaine"),
    "TCD": ("Chad", "Tchad"),
    "COL": ("Colombia", "Colombie"),
    "COG": ("Congo", "Republic of the Congo"),
    "COD": ("DR Congo", "Democratic Republic of the Congo"),
    "CIV": ("Côte d’Ivoire", "Cote d'Ivoire", "Ivory Coast"),
    "HRV": ("Croatia", "Croatie"),
    "CYP": ("Cyprus", "Chypre"),
    "CZE": ("Czechia", "Czech Republic"),
    "DNK": ("Denmark", "Dinamarca"),
    "DOM": ("Dominican Republic", "República Dominicana"),
    "SWZ": ("Eswatini", "Swaziland"),
    "ETH": ("Ethiopia", "Éthiopie", "Etiopía"),
    "FRA": ("France", "Francia"),
    "GMB": ("The Gambia", "Gambia"),
    "DEU": ("Germany", "Allemagne", "Alemania"),
    "GRC": ("Greece", "Grèce"),
    "GNB": ("Guinea-Bissau", "Guinea Bissau", "Guinée-Bissau"),
    "VAT": ("Holy See", "Saint-Siège"),
    "IRQ": ("Iraq", "Irak"),
    "ITA": ("Italy", "Italie", "ITALY"),
    "JPN": ("Japan", "Japon", "Japón"),
    "JOR": ("Jordan", "Jordanie"),
    "MDA": ("Moldova", "Republic of Moldova"),
    "MRT": ("Mauritania", "Mauritanie"),
    "MEX": ("Mexico", "México", "Mexique"),
    "MOZ": ("Mozambique", "mozambique"),
    "NAM": ("NA", "Namibia", "Namibie"),
    "NLD": ("Netherlands", "The Netherlands", "Pays-Bas"),
    "NZL": ("New Zealand", "Nueva Zelanda", "Nouvelle-Zélande"),
    "MKD": ("North Macedonia", "The former Yugoslav Republic of Macedonia"),
    "NOR": ("Norway", "Norvège", "Noruega"),
    "PER": ("Peru", "Perú", "Pérou"),
    "STP": ("Sao Tome and Principe", "São Tomé and Príncipe"),
    "SRB": ("Serbia", "Serbie"),
    "ZAF": ("South Africa", "Afrique du Sud", "Sudáfrica"),
    "SSD": ("South Sudan", "Soudan du Sud"),
    "ESP": ("Spain", "España", "Espagne"),
    "LKA": ("Sri Lanka", "SRI LANKA"),
    "PSE": ("State of Palestine", "État de Palestine"),
    "SDN": ("Sudan", "Soudan"),
    "SWE": ("Sweden", "Suède", "Suecia"),
    "CHE": ("Switzerland", "Suisse", "Suiza"),
    "TJK": ("Tajikistan", "Tadjikistan"),
    "TZA": ("Tanzania", "United Republic of Tanzania"),
    "THA": ("Thailand", "Thaïlande", "Tailandia"),
    "TLS": ("Timor-Leste", "East Timor"),
    "TUR": ("Türkiye", "Turkey", "Turquie"),
    "UKR": ("Ukraine", "Ucrania"),
    "GBR": ("United Kingdom", "UK", "Royaume-Uni"),
    "VEN": ("Venezuela", "Venezuela (Bolivarian Republic of)"),
    "YEM": ("Yemen", "Yémen"),
    "ZMB": ("Zambia", "Zambie"),
    "ZWE": ("Zimbabwe", " zwe "),
    # Not party; they attend as observers and some report voluntarily.
    "CHN": ("China", "Chine"),
    "EGY": ("Egypt", "Égypte"),
    "USA": ("United States", "États-Unis", "Estados Unidos"),
    "VNM": ("Viet Nam", "Vietnam"),
    "LAO": ("Lao People's Democratic Republic", "Laos"),
    "MMR": ("Myanmar", "Burma"),
    "KOR": ("Republic of Korea", "South Korea"),
    "SYR": ("Syrian Arab Republic", "Syria"),
    "RUS": ("Russian Federation", "Russia"),
    "LBN": ("Lebanon", "Liban", "Líbano"),
    "MAR": ("Morocco", "Maroc"),
    "SGP": ("Singapore", "Singapour"),
}

NO_STATE = ("Freedonia", "Ruritania", "Sylvania", "Borduria")
"""States of films and novels."""


def spell(iso3: Texts, share: float, chance: Chance) -> Texts:
    """``iso3`` with about ``share`` of the codes written as a name, where a spelling is listed."""
    width = max(len(forms) for forms in SPELLINGS.values())
    table = np.full((len(SPELLINGS), width), "", dtype=object)
    counts = np.zeros(len(SPELLINGS), dtype=np.int64)
    codes = np.array(sorted(SPELLINGS))
    for row, code in enumerate(codes):
        forms = SPELLINGS[str(code)]
        table[row, : len(forms)] = forms
        counts[row] = len(forms)
    place = np.minimum(np.searchsorted(codes, iso3.astype(str)), len(codes) - 1)
    listed = codes[place] == iso3.astype(str)
    form = np.floor(chance.uniform(len(iso3)) * counts[place]).astype(np.int64)
    return np.where(listed & chance.below(share, len(iso3)), table[place, form], iso3)
