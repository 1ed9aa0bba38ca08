"""Matching of names: case, accents, punctuation and word order do not matter, parts of words
match, and so do small typing errors. Pure: texts in, ranked keys out."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from rapidfuzz import process
from rapidfuzz.distance import OSA

from openslot.directory.models import Profession

Key = TypeVar("Key")

EXACT, PREFIX, PART, TYPO = 1.0, 0.85, 0.6, 0.5
"""How much a word of the query is worth, by how it matches a word of the text."""

SHORTEST_PART = 5
"""Shorter parts lie inside words by chance: the "ent" of a dentist."""

LINKING_WORDS = frozenset({"a", "an", "and", "at", "for", "in", "near", "of", "the", "with", "dr"})
"""People write them, and they tell nothing apart."""

OTHER_WORDS: Mapping[str, str] = {
    Profession.GP: "doctor general practitioner family",
    Profession.PHARMACIST: "chemist pharmacy",
    Profession.PATHOLOGIST: "pathology blood test",
    Profession.PHYSIOTHERAPIST: "physiotherapy physical therapist",
    Profession.RADIOGRAPHER: "radiography imaging x-ray",
    Profession.NURSE: "nursing",
    Profession.DENTIST: "dental teeth",
    Profession.PSYCHOLOGIST: "psychology counselling",
    Profession.DIETITIAN: "nutrition diet",
}
"""What else people call a profession."""


def normalise(text: str) -> str:
    """Lower case, without accents, every run of other signs one space."""
    # Twice: what a sign is made of may itself be a capital, and the other way round.
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    # An apostrophe is written or left out: Alexandra's and Alexandras are one word.
    return re.sub(r"[\W_]+", " ", plain.replace("'", "").replace("’", "")).strip()


def words(query: str) -> list[str]:
    """The words of a query that tell something, at most 12."""
    found = normalise(query[:200]).split()[:12]
    return [word for word in found if word not in LINKING_WORDS] or found


@dataclass(frozen=True, slots=True)
class Text:
    """Words of one field of an entry, and how much a match there counts."""

    field: str
    text: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Match(Generic[Key]):
    """An entry that fits, and how well."""

    key: Key
    score: float


@dataclass(frozen=True, slots=True)
class Matches(Generic[Key]):
    """What fits, best first. ``corrected`` is the query as it seems to be meant where words
    were misspelt; ``wider`` says that not all words were found.

    ``most`` is how many words of the query each match holds; ``asked`` has for each of its words
    the field, and the known words that it means for sure.
    """

    found: list[Match[Key]]
    corrected: str | None = None
    wider: bool = False
    most: int = 0
    asked: tuple[tuple[str, frozenset[str]], ...] = ()


@dataclass(slots=True)
class Index(Generic[Key]):
    """Words and where they stand, made once and asked often."""

    _places: dict[str, dict[Key, dict[str, float]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    _keys: dict[Key, None] = field(default_factory=dict)

    def add(self, key: Key, texts: Iterable[Text]) -> None:
        """Enter a key with its texts."""
        self._keys[key] = None
        for text in texts:
            for word in normalise(text.text).split():
                fields = self._places[word].setdefault(key, {})
                fields[text.field] = max(fields.get(text.field, 0.0), text.weight)

    def keys(self) -> list[Key]:
        """All keys, in the order in which they were entered."""
        return list(self._keys)

    def search(self, wanted: Mapping[str, str]) -> Matches[Key]:
        """What fits all of ``wanted``, texts by field; the field "" means any.

        Where nothing holds every word, what holds most of them.
        """
        asked = [(name, word) for name, query in wanted.items() for word in words(query)]
        if not asked:
            return Matches([Match(key, 0.0) for key in self._keys])
        scores: dict[Key, float] = defaultdict(float)
        hits: dict[Key, int] = defaultdict(int)
        corrected, sure = [], []
        for name, word in asked:
            alike = self._alike(word)
            sure.append((name, _meant(word, alike)))
            for key, score in self._scored(alike, name).items():
                scores[key] += score
                hits[key] += 1
            corrected.append(_correction(word, alike))
        most = max(hits.values(), default=0)
        enough = [key for key in hits if hits[key] == most and most * 2 >= len(asked)]
        found = [Match(key, scores[key]) for key in enough]
        found.sort(key=lambda match: -match.score)
        meant = " ".join(corrected)
        changed = meant != " ".join(word for _, word in asked)
        wider = most < len(asked)
        return Matches(found, meant if changed else None, wider, most, tuple(sure))

    def holding(self, name: str, known: Iterable[str]) -> set[Key]:
        """The keys with one of the known words in the field, or in any for the field ""."""
        return {
            key
            for word in known
            for key, fields in self._places.get(word, {}).items()
            if not name or name in fields
        }

    def _alike(self, word: str) -> dict[str, float]:
        """The known words that ``word`` may mean, with what each match is worth."""
        alike: dict[str, float] = {}
        for known in self._places:
            if known == word:
                alike[known] = EXACT
            elif known.startswith(word):
                alike[known] = PREFIX
            elif len(word) >= 3 and word in known:
                alike[known] = PART
        if alike and max(alike.values()) > PART:
            return alike
        for known, _, _ in process.extract(
            word,
            list(self._places),
            scorer=OSA.distance,
            score_cutoff=_typos_allowed(word),
            limit=None,
        ):
            alike.setdefault(known, TYPO)
        return alike

    def _scored(self, alike: Mapping[str, float], name: str) -> dict[Key, float]:
        """The best that any of the words gives each key, in the field or in all."""
        best: dict[Key, float] = {}
        for known, worth in alike.items():
            for key, fields in self._places[known].items():
                weight = fields.get(name, 0.0) if name else max(fields.values())
                if weight and worth * weight > best.get(key, 0.0):
                    best[key] = worth * weight
        return best


def _meant(word: str, alike: Mapping[str, float]) -> frozenset[str]:
    """The known words that ``word`` is, begins, or is a long part of; no guesses."""
    least = PART if len(word) >= SHORTEST_PART else PREFIX
    return frozenset(known for known, worth in alike.items() if worth >= least)


def _typos_allowed(word: str) -> int:
    """Short words are too much alike to be forgiven anything."""
    if len(word) < 4:
        return 0
    return 1 if len(word) < 8 else 2


def _correction(word: str, alike: Mapping[str, float]) -> str:
    """The known word that is meant, where only misspelt ones were found."""
    if not alike or max(alike.values()) > TYPO:
        return word
    return min(alike, key=lambda known: (OSA.distance(word, known), known))
