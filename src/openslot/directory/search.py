"""Fuzzy search of names: regardless of case, accents, punctuation and word order, with parts of
words and small typing errors. Pure: texts in, ranked keys out."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import log
from typing import Generic, NamedTuple, TypeVar

from rapidfuzz import process
from rapidfuzz.distance import OSA

from openslot.core.folding import folded

Key = TypeVar("Key")

EXACT, PREFIX, PART, TYPO = 1.0, 0.85, 0.6, 0.5
"""Score of a query word, by its kind of match with a word of the text."""

SHORTEST_PART = 5
"""Shortest part of a word that counts as a sure match: "ent" is in "dentist" by chance."""

LINKING_WORDS = frozenset(
    folded(
        "a an and at can do dr find for get have i in is me my near need of on or see some someone "
        "speak speaking speaks that the there to want who with"
    ).split()
)
"""Words of a query to ignore."""

LAY_WORDS: Mapping[str, str] = {
    "cardi": "heart chest palpitations cardiologist",
    "dent": "dentist teeth tooth",
    "derma": "skin mole rash acne eczema dermatologist",
    "endocrin": "hormones thyroid endocrinologist",
    "gastro": "stomach bowel gut gastroenterologist",
    "gynaeco": "gynaecologist gynecologist women period",
    "haemato": "blood haematologist hematologist",
    "immuno": "allergy allergies hay fever immunologist",
    "nephro": "kidney nephrologist",
    "neuro": "brain nerves migraine headache neurologist",
    "obstet": "pregnancy pregnant birth baby obstetrician",
    "onco": "cancer oncologist",
    "ophthalm": "eye eyes ophthalmologist",
    "orthopaed": "bones joints knee hip broken fracture orthopaedist orthopedic",
    "paediatr": "child children kids baby paediatrician pediatrician",
    "patholog": "blood test pathologist",
    "psychiatr": "mental health depression anxiety psychiatrist",
    "respirat": "lungs breathing asthma",
    "rheumat": "joints arthritis rheumatologist",
    "urolog": "bladder urologist",
    "ct ": "scan",
    "mri ": "scan",
    "ultrasound": "scan",
    "vaccinat": "vaccine shot jab immunisation immunization needle",
    "x ray": "scan xray broken fracture",
    "imaging": "scan",
    "radiol": "scan radiologist",
}
"""What people say for an area or a service, by how a word of its name begins."""


def words(query: str) -> list[str]:
    """Return the first 12 words of a query, without linking words if there are others."""
    all_words = folded(query[:200]).split()[:12]
    return [word for word in all_words if word not in LINKING_WORDS] or all_words


@lru_cache(maxsize=2048)
def _words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text; many entries have the same, such as a profession's."""
    return tuple(folded(text).split())


@lru_cache(maxsize=2048)
def said_of(text: str, also: str = "") -> str:
    """Return what people say for what a text names: "Cardiology" is also "heart". ``also`` has
    words that are known of it."""
    own = f" {folded(text)} "
    lay = (said for begins, said in LAY_WORDS.items() if f" {begins}" in own)
    return " ".join([also, *lay])


def _singular(word: str) -> str:
    """Return a word without the ending of a plural: people ask for GPs and dentists."""
    return word[:-1] if len(word) > 2 and word.endswith("s") and not word.endswith("ss") else word


class Text(NamedTuple):
    """The text of one field of an entry, with the weight of a match in it. ``said`` has other words
    for it, which a query meets whole or from their start: "ian" is in "physician" by chance."""

    field: str
    text: str
    weight: float = 1.0
    said: str = ""


class Match(NamedTuple, Generic[Key]):
    """A matching entry with its score."""

    key: Key
    score: float


@dataclass(frozen=True, slots=True)
class Matches(Generic[Key]):
    """The matches of a query, best first. ``corrected`` is the query with its misspelt words
    corrected, if there are any. ``wider`` means that no entry has all words.

    ``most`` is the number of query words that each match has. ``asked`` has for each query word
    its field and the indexed words that surely match it.
    """

    found: Sequence[Match[Key]]
    corrected: str | None = None
    wider: bool = False
    most: int = 0
    asked: tuple[tuple[str, frozenset[str]], ...] = ()


@dataclass(slots=True)
class Index(Generic[Key]):
    """An index of words, built once and searched often.

    Entries are numbers in it. Many have the same texts, such as a profession: its words are looked
    at once, and it takes 4 bytes of each entry.
    """

    _everything: list[Match[Key]] = field(default_factory=list)
    _numbers: "dict[Text, array[int]]" = field(default_factory=dict)
    _texts: dict[str, list[Text]] = field(default_factory=dict)
    _written: set[str] = field(default_factory=set)

    def add(self, key: Key, texts: Iterable[Text]) -> None:
        """Add an entry with its texts, each once."""
        number = len(self._everything)
        self._everything.append(Match(key, 0.0))
        for text in texts:
            numbers = self._numbers.get(text)
            if numbers is None:
                numbers = self._numbers[text] = array("I")
                self._read(text)
            numbers.append(number)

    def _read(self, text: Text) -> None:
        """Note the words of a text."""
        written = _words_of(text.text)
        self._written.update(written)
        for word in dict.fromkeys((*written, *_words_of(text.said))):
            self._texts.setdefault(word, []).append(text)

    def search(self, wanted: Mapping[str, str]) -> Matches[Key]:
        """Return the entries with all words of ``wanted``, texts by field; the field "" means any.

        If no entry has every word, return those with the most, which must be half or more. Rarer
        words then count more: a language says more than a profession that many have.
        """
        query_words = [(name, word) for name, query in wanted.items() for word in words(query)]
        if not query_words:
            return Matches(self._everything)
        by_word, corrected, sure = [], [], []
        for name, word in query_words:
            worths = self._matching_words(word)
            if max(worths.values(), default=0.0) <= TYPO:
                worths = self._of_singular(word) or worths
            sure.append((name, _sure_matches(word, worths)))
            by_word.append(self._scores(worths, name))
            corrected.append(_correction(word, worths))
        hits = Counter(number for scored in by_word for number in scored)
        most = max(hits.values(), default=0)
        is_wider = most < len(query_words)
        scores: dict[int, float] = defaultdict(float)
        for scored in by_word:
            worth = self._rarity(len(scored)) if is_wider else 1.0
            for number, score in scored.items():
                scores[number] += score * worth
        is_enough = most * 2 >= len(query_words)
        enough = [number for number in sorted(hits) if is_enough and hits[number] == most]
        matches = [Match(self._everything[number].key, scores[number]) for number in enough]
        matches.sort(key=lambda match: -match.score)
        correction = " ".join(corrected)
        is_corrected = correction != " ".join(word for _, word in query_words)
        return Matches(matches, correction if is_corrected else None, is_wider, most, tuple(sure))

    def holding(self, name: str, known: Iterable[str]) -> set[Key]:
        """Return the keys with one of the indexed words in the field; "" means any field."""
        return {
            self._everything[number].key
            for word in known
            for text in self._texts.get(word, ())
            if name in ("", text.field)
            for number in self._numbers[text]
        }

    def _rarity(self, count: int) -> float:
        """Return how much a word of ``count`` entries counts: 1 of one, almost 0 of all."""
        return 1 - log(max(count, 1)) / log(len(self._everything) + 1)

    def _matching_words(self, word: str) -> dict[str, float]:
        """Return the indexed words that match ``word``, with the score of each."""
        worths: dict[str, float] = {}
        is_part = len(word) >= 3 or not word.isascii()
        for indexed in self._texts:
            if indexed == word:
                worths[indexed] = EXACT
            elif indexed.startswith(word):
                worths[indexed] = PREFIX
            elif is_part and word in indexed and indexed in self._written:
                worths[indexed] = PART
        if worths and max(worths.values()) > PART:
            return worths
        for indexed, _, _ in process.extract(
            word,
            list(self._texts),
            scorer=OSA.distance,
            score_cutoff=_typos_allowed(word),
            limit=None,
        ):
            worths.setdefault(indexed, TYPO)
        return worths

    def _of_singular(self, word: str) -> dict[str, float]:
        """Return the indexed words that surely match what ``word`` is the plural of."""
        singular = _singular(word)
        worths = self._matching_words(singular) if singular != word else {}
        return worths if max(worths.values(), default=0.0) > TYPO else {}

    def _scores(self, worths: Mapping[str, float], name: str) -> dict[int, float]:
        """Return the best score of each entry for any of the words, in the field or in all."""
        best: dict[int, float] = {}
        for indexed, worth in worths.items():
            for text in self._texts[indexed]:
                score = worth * text.weight if name in ("", text.field) else 0.0
                numbers = self._numbers[text]
                best.update((number, score) for number in numbers if score > best.get(number, 0.0))
        return best


def _sure_matches(word: str, worths: Mapping[str, float]) -> frozenset[str]:
    """Return the indexed words that equal ``word``, begin with it, or contain a long one."""
    least = PART if len(word) >= SHORTEST_PART else PREFIX
    return frozenset(indexed for indexed, worth in worths.items() if worth >= least)


def _typos_allowed(word: str) -> int:
    # Short words are too similar to each other to allow any.
    if len(word) < 4:
        return 0
    return 1 if len(word) < 8 else 2


def _correction(word: str, worths: Mapping[str, float]) -> str:
    """Return the closest indexed word if all matches have typing errors, else ``word``."""
    if not worths or max(worths.values()) > TYPO:
        return word
    return min(worths, key=lambda indexed: (OSA.distance(word, indexed), indexed))
