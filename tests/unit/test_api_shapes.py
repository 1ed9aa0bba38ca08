"""Rule: what can be entered of an entity can be read of it in the JSON API.

The shapes of answers are written out, because programs rely on them; a field that is new in the
details must not be forgotten there.
"""

import pytest

from openslot.core.fields import Details
from openslot.directory import details
from openslot.entrypoints.api import centres, departments, patients, practitioners
from openslot.entrypoints.api.operations import Shown

SHAPES: list[tuple[type[Details], type[Shown]]] = [
    (details.CentreDetails, centres.Centre),
    (details.DepartmentDetails, departments.Department),
    (details.ServiceDetails, departments.OfferedService),
    (details.PractitionerDetails, practitioners.Practitioner),
    (details.PatientDetails, patients.Patient),
]


NOT_SHOWN: dict[type[Details], set[str]] = {
    # Everybody reads services; where people meet is for them only.
    details.ServiceDetails: {"video_url"},
}


@pytest.mark.parametrize(("entered", "shown"), SHAPES)
def test_what_is_entered_is_shown(entered: type[Details], shown: type[Shown]) -> None:
    assert entered.model_fields.keys() - shown.model_fields.keys() == set(
        NOT_SHOWN.get(entered, ())
    )
    assert "active" in shown.model_fields
