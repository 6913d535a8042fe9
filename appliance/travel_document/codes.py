"""Codes of issuing States, organizations and nationalities (Doc 9303-3 section 5, with ISO 3166-1)."""

from typing import Final

_ISO_3166_1: Final = """
ABW Aruba|AFG Afghanistan|AGO Angola|AIA Anguilla|ALA Åland Islands|ALB Albania|AND Andorra
ARE United Arab Emirates|ARG Argentina|ARM Armenia|ASM American Samoa|ATA Antarctica
ATF French Southern Territories|ATG Antigua and Barbuda|AUS Australia|AUT Austria|AZE Azerbaijan
BDI Burundi|BEL Belgium|BEN Benin|BES Bonaire, Sint Eustatius and Saba|BFA Burkina Faso|BGD Bangladesh
BGR Bulgaria|BHR Bahrain|BHS Bahamas|BIH Bosnia and Herzegovina|BLM Saint Barthélemy|BLR Belarus
BLZ Belize|BMU Bermuda|BOL Bolivia|BRA Brazil|BRB Barbados|BRN Brunei Darussalam|BTN Bhutan
BVT Bouvet Island|BWA Botswana|CAF Central African Republic|CAN Canada|CCK Cocos (Keeling) Islands
CHE Switzerland|CHL Chile|CHN China|CIV Côte d'Ivoire|CMR Cameroon|COD Democratic Republic of the Congo
COG Congo|COK Cook Islands|COL Colombia|COM Comoros|CPV Cabo Verde|CRI Costa Rica|CUB Cuba|CUW Curaçao
CXR Christmas Island|CYM Cayman Islands|CYP Cyprus|CZE Czechia|DEU Germany|DJI Djibouti|DMA Dominica
DNK Denmark|DOM Dominican Republic|DZA Algeria|ECU Ecuador|EGY Egypt|ERI Eritrea|ESH Western Sahara
ESP Spain|EST Estonia|ETH Ethiopia|FIN Finland|FJI Fiji|FLK Falkland Islands (Malvinas)|FRA France
FRO Faroe Islands|FSM Micronesia (Federated States of)|GAB Gabon|GBR United Kingdom|GEO Georgia
GGY Guernsey|GHA Ghana|GIB Gibraltar|GIN Guinea|GLP Guadeloupe|GMB Gambia|GNB Guinea-Bissau
GNQ Equatorial Guinea|GRC Greece|GRD Grenada|GRL Greenland|GTM Guatemala|GUF French Guiana|GUM Guam
GUY Guyana|HKG Hong Kong|HMD Heard Island and McDonald Islands|HND Honduras|HRV Croatia|HTI Haiti
HUN Hungary|IDN Indonesia|IMN Isle of Man|IND India|IOT British Indian Ocean Territory|IRL Ireland
IRN Iran|IRQ Iraq|ISL Iceland|ISR Israel|ITA Italy|JAM Jamaica|JEY Jersey|JOR Jordan|JPN Japan
KAZ Kazakhstan|KEN Kenya|KGZ Kyrgyzstan|KHM Cambodia|KIR Kiribati|KNA Saint Kitts and Nevis
KOR Republic of Korea|KWT Kuwait|LAO Lao People's Democratic Republic|LBN Lebanon|LBR Liberia|LBY Libya
LCA Saint Lucia|LIE Liechtenstein|LKA Sri Lanka|LSO Lesotho|LTU Lithuania|LUX Luxembourg|LVA Latvia
MAC Macao|MAF Saint Martin (French part)|MAR Morocco|MCO Monaco|MDA Republic of Moldova|MDG Madagascar
MDV Maldives|MEX Mexico|MHL Marshall Islands|MKD North Macedonia|MLI Mali|MLT Malta|MMR Myanmar
MNE Montenegro|MNG Mongolia|MNP Northern Mariana Islands|MOZ Mozambique|MRT Mauritania|MSR Montserrat
MTQ Martinique|MUS Mauritius|MWI Malawi|MYS Malaysia|MYT Mayotte|NAM Namibia|NCL New Caledonia|NER Niger
NFK Norfolk Island|NGA Nigeria|NIC Nicaragua|NIU Niue|NLD Netherlands|NOR Norway|NPL Nepal|NRU Nauru
NZL New Zealand|OMN Oman|PAK Pakistan|PAN Panama|PCN Pitcairn|PER Peru|PHL Philippines|PLW Palau
PNG Papua New Guinea|POL Poland|PRI Puerto Rico|PRK Democratic People's Republic of Korea|PRT Portugal
PRY Paraguay|PSE State of Palestine|PYF French Polynesia|QAT Qatar|REU Réunion|ROU Romania
RUS Russian Federation|RWA Rwanda|SAU Saudi Arabia|SDN Sudan|SEN Senegal|SGP Singapore
SGS South Georgia and the South Sandwich Islands|SHN Saint Helena, Ascension and Tristan da Cunha
SJM Svalbard and Jan Mayen|SLB Solomon Islands|SLE Sierra Leone|SLV El Salvador|SMR San Marino|SOM Somalia
SPM Saint Pierre and Miquelon|SRB Serbia|SSD South Sudan|STP Sao Tome and Principe|SUR Suriname
SVK Slovakia|SVN Slovenia|SWE Sweden|SWZ Eswatini|SXM Sint Maarten (Dutch part)|SYC Seychelles
SYR Syrian Arab Republic|TCA Turks and Caicos Islands|TCD Chad|TGO Togo|THA Thailand|TJK Tajikistan
TKL Tokelau|TKM Turkmenistan|TLS Timor-Leste|TON Tonga|TTO Trinidad and Tobago|TUN Tunisia|TUR Türkiye
TUV Tuvalu|TWN Taiwan, Province of China|TZA United Republic of Tanzania|UGA Uganda|UKR Ukraine
UMI United States Minor Outlying Islands|URY Uruguay|USA United States of America|UZB Uzbekistan
VAT Holy See|VCT Saint Vincent and the Grenadines|VEN Venezuela|VGB Virgin Islands (British)
VIR Virgin Islands (U.S.)|VNM Viet Nam|VUT Vanuatu|WLF Wallis and Futuna|WSM Samoa|YEM Yemen
ZAF South Africa|ZMB Zambia|ZWE Zimbabwe
"""
"""The 249 assigned alpha-3 codes and short English names."""

_ICAO: Final = {
    # Part A: extensions of ISO 3166-1
    "D": "Germany",
    "GBD": "British Overseas Territories Citizen",
    "GBN": "British National (Overseas)",
    "GBO": "British Overseas Citizen",
    "GBP": "British Protected Person",
    "GBS": "British Subject",
    "RKS": "Kosovo",
    # Part B: reserved by the ISO 3166 maintenance agency
    "EUE": "European Union",
    # Part C: United Nations travel documents
    "UNO": "United Nations Organization",
    "UNA": "United Nations specialized agency",
    "UNK": "Resident of Kosovo (UNMIK)",
    # Part D: other issuing authorities
    "XBA": "African Development Bank",
    "XIM": "African Export-Import Bank",
    "XCC": "Caribbean Community",
    "XCE": "Council of Europe",
    "XCO": "Common Market for Eastern and Southern Africa",
    "XEC": "Economic Community of West African States",
    "XPO": "INTERPOL",
    "XES": "Organization of Eastern Caribbean States",
    "XMP": "Parliamentary Assembly of the Mediterranean",
    "XOM": "Sovereign Military Order of Malta",
    "XDC": "Southern African Development Community",
    # Part E: persons without a defined nationality
    "XXA": "Stateless person",
    "XXB": "Refugee (1951 Convention)",
    "XXC": "Refugee (other)",
    "XXX": "Unspecified nationality",
    # Part F: no longer in ISO 3166-1
    "ANT": "Netherlands Antilles",
    "NTZ": "Neutral Zone",
    # Parts G and H
    "UTO": "Utopia (specimen)",
    "IAO": "International Civil Aviation Organization",
}

_PERSONS_ONLY: Final = frozenset({"XXA", "XXB", "XXC", "XXX"})
"""Part E: they say who the holder is; nobody of that name issues documents."""

_NAMES: Final = _ICAO | {
    entry[:3]: entry[4:] for line in _ISO_3166_1.strip().splitlines() for entry in line.split("|")
}


def state_name(code: str) -> str | None:
    """The English name of a State, organization or status, or None for a code that Doc 9303 does not know."""
    return _NAMES.get(code)


def state_codes() -> tuple[str, ...]:
    """Every code of Doc 9303-3 section 5."""
    return tuple(_NAMES)


def issuing_codes() -> tuple[str, ...]:
    """Every code that may stand for an issuer."""
    return tuple(code for code in _NAMES if can_issue(code))


def is_known_code(code: str) -> bool:
    """Whether Doc 9303-3 section 5 knows this code, written without fillers."""
    return code in _NAMES


def can_issue(code: str) -> bool:
    """Whether this code may stand for an issuer: any but those of persons without a nationality."""
    return code in _NAMES and code not in _PERSONS_ONLY
