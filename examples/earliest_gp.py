"""Find the earliest time with a GP and book it, through the JSON API or through FHIR.

    python examples/earliest_gp.py http://localhost:8000 --patient 0190… [--fhir]

The key is read from OPENSLOT_KEY. Only the standard library is needed.
"""

import argparse
import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

FHIR = "application/fhir+json"
TRIES = 5
"""Somebody else may be faster; then the next time is tried."""


class Service:
    """The server, and the key that every request carries."""

    def __init__(self, url: str, key: str):
        self.url, self.key = url.rstrip("/"), key

    def send(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """The JSON that a request is answered with; None where a time was taken meanwhile."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": kind}
        data = json.dumps(body).encode() if body is not None else None
        request = Request(f"{self.url}{path}", data, headers, method=method)  # noqa: S310
        try:
            with urlopen(request, timeout=30) as answer:  # noqa: S310 # nosec B310
                return json.load(answer)
        except OSError as error:
            if getattr(error, "code", None) == 409:
                return None
            raise


def book(service: Service, patient: str) -> str | None:
    """The start of the appointment that was booked through the JSON API."""
    wanted = urlencode({"profession": "GP", "earliest": "true", "limit": TRIES})
    for slot in service.send("GET", f"/api/v1/slots?{wanted}")["items"]:
        body = {"schedule": slot["schedule"], "start": slot["start"], "patient": patient}
        appointment = service.send("POST", "/api/v1/appointments", body)
        if appointment is not None:
            return str(appointment["start"])
    return None


def book_by_fhir(service: Service, patient: str) -> str | None:
    """The start of the appointment that was booked through FHIR, in the next 31 days."""
    now = datetime.now(UTC)
    wanted = urlencode(
        [
            ("status", "free"),
            ("specialty", "GP"),
            ("start", f"ge{now.isoformat(timespec='seconds')}"),
            ("start", f"lt{(now + timedelta(days=30)).isoformat(timespec='seconds')}"),
            ("_count", TRIES),
        ]
    )
    for entry in service.send("GET", f"/fhir/Slot?{wanted}").get("entry", []):
        body = {
            "resourceType": "Appointment",
            "status": "booked",
            "slot": [{"reference": f"Slot/{entry['resource']['id']}"}],
            "participant": [{"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"}],
        }
        appointment = service.send("POST", "/fhir/Appointment", body, FHIR)
        if appointment is not None:
            return str(appointment["start"])
    return None


def main() -> None:
    """Book and print the start, or say that there is none."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--patient", required=True)
    parser.add_argument("--fhir", action="store_true")
    given = parser.parse_args()
    way = book_by_fhir if given.fhir else book
    start = way(Service(given.url, os.environ["OPENSLOT_KEY"]), given.patient)
    print(start or "There is no free time.")


if __name__ == "__main__":
    main()
