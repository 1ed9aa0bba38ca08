"""Templates of hospital departments with their usual services, as a start for a new one."""

from collections.abc import Mapping
from typing import NamedTuple


class UsualService(NamedTuple):
    """A service with its usual length in minutes."""

    name: str
    minutes: int


class Template(NamedTuple):
    """A department with its usual services; ``key`` identifies it in forms."""

    key: str
    name: str
    description: str
    services: tuple[UsualService, ...]


def _usual(*services: tuple[str, int]) -> tuple[UsualService, ...]:
    return tuple(UsualService(name, minutes) for name, minutes in services)


_ALL = (
    Template(
        "cardiology",
        "Cardiology",
        "Heart rhythm, heart function and chest pain.",
        _usual(
            ("ECG", 30),
            ("Echocardiogram", 60),
            ("Exercise stress test", 60),
            ("Holter monitor fitting", 30),
            ("Pacemaker check", 30),
            ("Cardiology consult", 30),
        ),
    ),
    Template(
        "dietetics",
        "Dietetics",
        "Eating and drinking, by mouth or by tube.",
        _usual(
            ("Nutrition assessment", 60),
            ("Tube feeding plan", 30),
            ("Diabetes diet advice", 30),
            ("Swallowing diet review", 30),
        ),
    ),
    Template(
        "emergency",
        "Emergency",
        "Sudden illness and injury, at any hour.",
        _usual(
            ("Trauma review", 30),
            ("Acute medical review", 30),
            ("Plastering", 30),
            ("Wound closure", 30),
        ),
    ),
    Template(
        "geriatrics",
        "Care of older people",
        "Falls, memory and going home safely.",
        _usual(
            ("Falls assessment", 60),
            ("Memory assessment", 60),
            ("Medication review", 30),
            ("Discharge planning", 30),
        ),
    ),
    Template(
        "maternity",
        "Maternity",
        "Before, during and after a birth.",
        _usual(
            ("Antenatal appointment", 30),
            ("Pregnancy ultrasound", 30),
            ("Breastfeeding support", 60),
            ("Postnatal review", 30),
        ),
    ),
    Template(
        "occupational-therapy",
        "Occupational therapy",
        "Managing everyday life after an illness.",
        _usual(
            ("Daily living assessment", 60),
            ("Hand therapy", 30),
            ("Splint fitting", 30),
            ("Home visit", 120),
        ),
    ),
    Template(
        "pathology",
        "Pathology",
        "Blood, tissue and other samples.",
        _usual(
            ("Blood collection", 15),
            ("Cross-match", 30),
            ("Biopsy reading", 60),
            ("Bone marrow sample", 60),
        ),
    ),
    Template(
        "perioperative",
        "Peri-operative care",
        "Before and after an operation.",
        _usual(
            ("Anaesthetic assessment", 30),
            ("Pain consult", 30),
            ("Recovery review", 30),
            ("Line insertion", 60),
        ),
    ),
    Template(
        "pharmacy",
        "Pharmacy",
        "Medicines: which, how much, and how they go together.",
        _usual(
            ("Medicines reconciliation", 30),
            ("Dose advice", 15),
            ("Discharge medicines", 30),
            ("Anticoagulation advice", 30),
        ),
    ),
    Template(
        "physiotherapy",
        "Physiotherapy",
        "Moving and breathing again.",
        _usual(
            ("Mobility assessment", 30),
            ("Chest physiotherapy", 30),
            ("Rehabilitation session", 60),
            ("Hydrotherapy", 60),
            ("Walking aid fitting", 30),
        ),
    ),
    Template(
        "podiatry",
        "Podiatry",
        "Feet and legs.",
        _usual(
            ("Diabetic foot check", 30),
            ("Foot wound care", 30),
            ("Gait assessment", 60),
            ("Nail surgery", 60),
        ),
    ),
    Template(
        "radiology",
        "Radiology",
        "Pictures of the inside of the body.",
        _usual(
            ("X-ray", 15),
            ("CT", 30),
            ("MRI", 60),
            ("Ultrasound", 30),
            ("Mammogram", 30),
            ("Fluoroscopy", 60),
        ),
    ),
    Template(
        "social-work",
        "Social work",
        "Help with home, money and family during an illness.",
        _usual(("Family meeting", 60), ("Care placement", 60), ("Support at home", 30)),
    ),
    Template(
        "speech-pathology",
        "Speech pathology",
        "Speaking and swallowing.",
        _usual(("Swallowing assessment", 60), ("Speech assessment", 60), ("Voice therapy", 30)),
    ),
    Template(
        "wound-care",
        "Wound care",
        "Wounds that heal slowly.",
        _usual(
            ("Wound assessment", 30),
            ("Complex dressing", 30),
            ("Pressure injury review", 30),
            ("Stoma care", 30),
        ),
    ),
)

TEMPLATES: Mapping[str, Template] = {template.key: template for template in _ALL}
"""Templates by key, in the order of the list that people choose from."""
