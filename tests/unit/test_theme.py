"""The colours of the two style sheets keep the contrasts that the look promises (WCAG 2.2 AA)."""

import re
from importlib.resources import files

import pytest

TEXT, CONTROL = 4.5, 3.0
PAIRS = [
    # ink, ground, least contrast
    ("ink", "bg", TEXT),
    ("ink", "surface", TEXT),
    ("ink", "sunken", TEXT),
    ("ink-2", "bg", TEXT),
    ("ink-2", "surface", TEXT),
    ("ink-2", "sunken", TEXT),
    ("link", "surface", TEXT),
    ("link", "bg", TEXT),
    ("on-primary", "primary", TEXT),
    ("on-primary", "primary-hover", TEXT),
    ("on-soft", "primary-soft", TEXT),
    ("ink", "primary-soft", TEXT),
    ("success", "success-soft", TEXT),
    ("warn", "warn-soft", TEXT),
    ("danger", "danger-soft", TEXT),
    ("info", "info-soft", TEXT),
    ("ink", "success-soft", TEXT),
    ("ink", "warn-soft", TEXT),
    ("ink", "danger-soft", TEXT),
    ("ink", "info-soft", TEXT),
    ("danger", "surface", TEXT),
    ("on-danger", "danger", TEXT),
    ("star", "surface", TEXT),
    ("control", "surface", CONTROL),
    ("primary", "surface", CONTROL),
    ("focus", "bg", CONTROL),
    ("focus", "surface", CONTROL),
    ("focus", "focus-gap", CONTROL),
]
# What the table in the design says was measured, light and dark.
MEASURED = {
    ("ink", "bg"): (14.8, 15.4),
    ("ink-2", "bg"): (6.5, 8.9),
    ("ink-2", "sunken"): (6.0, 7.1),
    ("link", "surface"): (7.3, 9.2),
    ("on-primary", "primary"): (7.3, 8.1),
    ("on-soft", "primary-soft"): (8.6, 9.2),
    ("success", "success-soft"): (5.8, 7.9),
    ("warn", "warn-soft"): (6.6, 8.3),
    ("danger", "danger-soft"): (5.6, 7.1),
    ("on-danger", "danger"): (6.5, 8.5),
    ("info", "info-soft"): (6.9, 7.9),
    ("control", "surface"): (4.2, 4.8),
    ("star", "surface"): (4.9, 8.6),
    ("focus", "bg"): (14.8, 13.1),
    ("focus", "focus-gap"): (11.6, 13.1),
}


def sheet(name: str) -> str:
    return (files("openslot.entrypoints.web") / "static" / name).read_text(encoding="utf-8")


def tokens(name: str) -> dict[str, str]:
    """The colours that a sheet names, from its first list of tokens."""
    first_list = sheet(name).split("}", 1)[0]
    return dict(re.findall(r"--os-([a-z0-9-]+):\s*(#[0-9a-f]{6});", first_list))


LIGHT, DARK = tokens("theme.css"), tokens("theme-dark.css")


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_formula_gives_the_known_extremes() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#777777") == 1


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_contrast_is_enough(palette: dict[str, str], ink: str, ground: str, least: float) -> None:
    assert contrast(palette[ink], palette[ground]) >= least


@pytest.mark.parametrize(("pair", "figures"), MEASURED.items())
def test_contrast_is_what_the_design_says(
    pair: tuple[str, str], figures: tuple[float, float]
) -> None:
    ink, ground = pair
    measured = [contrast(palette[ink], palette[ground]) for palette in (LIGHT, DARK)]
    assert measured == [pytest.approx(figure, abs=0.06) for figure in figures]


def test_both_sheets_name_the_same_colours() -> None:
    assert LIGHT.keys() == DARK.keys()
    assert len(LIGHT) >= 25


def test_components_name_tokens_and_never_raw_colours() -> None:
    rules = sheet("theme.css").split("}", 1)[1].split("@media print", 1)[0]
    assert re.findall(r"#[0-9a-f]{3,8}\b|rgb\(|hsl\(", rules) == []


def test_every_token_in_use_is_defined() -> None:
    css = sheet("theme.css")
    defined = set(re.findall(r"(--os-[a-z0-9-]+):", css))
    assert set(re.findall(r"var\((--os-[a-z0-9-]+)\)", css)) <= defined
