"""What the data keys encrypt opens whole, with its key, in its place, and not otherwise."""

import sys
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openslot.core.config import Settings
from openslot.core.data_keys import (
    BadDataKey,
    DataKeys,
    DoesNotOpen,
    KeysNotRead,
    NoDataKey,
    is_encrypted,
    new_key,
)

OLD, NEW = new_key(), new_key()
KEYS = DataKeys(OLD)
PLACE = "referral.letter:0190"

letters = st.text(st.characters(exclude_categories=["Cs"]))


@given(text=letters)
def test_a_text_opens_in_its_place_with_its_key_among_others(text: str) -> None:
    stored = KEYS.encrypt(text, PLACE)
    assert is_encrypted(stored)
    assert DataKeys(f"{OLD}, {NEW}").decrypt(stored, PLACE) == text
    assert KEYS.encrypt(text, PLACE) != stored
    for keys, place in ((KEYS, f"{PLACE}1"), (DataKeys(NEW), PLACE)):
        with pytest.raises(DoesNotOpen, match=place):
            keys.decrypt(stored, place)


@given(text=letters, at=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_changed_bit_is_found(text: str, at: int, bit: int) -> None:
    name, _, encrypted = KEYS.encrypt(text, PLACE).partition(".")
    content = bytearray(b64decode(encrypted))
    content[at % len(content)] ^= 1 << bit
    with pytest.raises(DoesNotOpen, match="was changed"):
        KEYS.decrypt(f"{name}.{b64encode(content).decode()}", PLACE)


@given(text=letters)
def test_a_text_that_was_never_encrypted_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(DoesNotOpen, match="is not encrypted"):
        KEYS.decrypt(text, PLACE)


def test_the_size_of_a_short_text_does_not_tell_which_it_is() -> None:
    sizes = {len(KEYS.encrypt(text, PLACE)) for text in ("No", "Yes", "I do not know", "é" * 32)}
    assert len(sizes) == 1


def test_a_hash_is_of_its_key_and_column() -> None:
    both = DataKeys(f"{OLD}\n{NEW}\n")
    hashes = [both.hash_of("2428", "patient.medicare_key", age) for age in (0, 1, 2)]
    assert hashes == [
        keys.hash_of("2428", "patient.medicare_key") for keys in (DataKeys(NEW), KEYS, KEYS)
    ]
    assert both.hash_of("2428", "patient.other_key") not in hashes


@pytest.mark.parametrize(
    "text",
    ["", "short", NEW[:-1], f"{NEW}x", "é" * 43, f"{NEW} {NEW[1:]}"],
    ids=["nothing", "a word", "too short", "too long", "other letters", "one of two too short"],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(BadDataKey, match="OPENSLOT_DATA_KEYS must have 1 to 8 data keys"):
        DataKeys(text)


def test_keys_come_from_a_command_a_file_or_the_environment(tmp_path: Path) -> None:
    def names(**settings: str) -> frozenset[str]:
        given = {"data_dir": tmp_path, "database_url": "postgresql://", **settings}
        return Settings(_env_file=None, **given).encryption_keys.names

    file = tmp_path / "keys"
    file.write_text(f"{OLD}\n{NEW}\n")
    both = DataKeys(f"{OLD} {NEW}").names
    assert names(data_keys=OLD) == KEYS.names
    assert names(data_keys=OLD, data_keys_file=str(file)) == both
    printing = f"{sys.executable} -c \"print('{OLD}')\""
    assert names(data_keys_command=printing, data_keys_file=str(file)) == KEYS.names
    for refused, reason in (
        ({"data_keys_file": str(tmp_path / "none")}, "No such file"),
        ({"data_keys_command": "false"}, "the command"),
        ({"data_keys_command": "no-such-program"}, "No such file"),
    ):
        with pytest.raises(KeysNotRead, match=reason):
            names(**refused)
    with pytest.raises(NoDataKey, match="openslot keys new"):
        names(data_keys="")


def test_the_embedded_database_has_a_key_of_its_own_from_the_start(tmp_path: Path) -> None:
    first, again = (
        Settings(_env_file=None, data_dir=tmp_path / "data", data_keys="") for _ in range(2)
    )
    assert first.encryption_keys.names == again.encryption_keys.names
    assert first.stored_data_keys.stat().st_mode & 0o077 == 0
