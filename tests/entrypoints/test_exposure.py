"""What the public address says is what cookies, hosts, mail and headers go by."""

import re
from pathlib import Path

import pytest
from flask import Flask

from entrypoints.browsing import Client, ClientFor, mails
from entrypoints.world import World
from openslot.app import create_app
from openslot.core.audit import AuditEvent
from openslot.core.config import Settings
from openslot.core.db import Database
from openslot.core.files import close_files, open_files
from openslot.entrypoints import shields
from openslot.entrypoints.cli.checking import left_open

HTTPS = "https://care.example.org"


def secure(settings: Settings) -> Flask:
    return create_app(settings.model_copy(update={"public_url": HTTPS}))


def test_https_hides_cookies_names_the_host_and_stays(settings: Settings) -> None:
    app = secure(settings)
    answer = app.test_client().get("/login", base_url=HTTPS)
    (cookie,) = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-openslot=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert app.test_client().get("/login", base_url="https://evil.example").status_code == 400
    seen = app.extensions["openslot"].database.read(
        lambda session: [
            one.subject for one in session.query(AuditEvent) if one.action == "access.unknown-host"
        ]
    )
    assert seen == ["page:none"]
    assert app.test_client().get("/login", base_url="http://localhost").status_code == 200


def test_every_cookie_is_named_for_its_host(settings: Settings) -> None:
    client = secure(settings).test_client()
    page = client.get("/login", base_url=HTTPS).text
    assert '<html lang="en-AU" dir="ltr" data-zone-cookie="__Host-tz">' in page
    chosen = client.post("/theme/dark", base_url=HTTPS)
    (cookie,) = (one for one in chosen.headers.getlist("Set-Cookie") if "theme" in one)
    assert cookie.startswith("__Host-theme=dark; ")
    assert "; Secure;" in cookie
    assert "Domain" not in cookie
    assert "Path=/" in cookie
    page = client.get("/login", base_url=HTTPS).text
    assert re.search(r'theme-dark.css[^"]*" media="screen"', page), "it is read by the same name"


def test_answers_without_the_application_have_the_same_shields(settings: Settings) -> None:
    public = settings.model_copy(update={"public_url": HTTPS})
    page = secure(settings).test_client().get("/login", base_url=HTTPS).headers
    own = shields.for_answers_without_pages(public)
    assert "frame-ancestors 'none'" in own.pop("Content-Security-Policy")
    assert {name: page[name] for name in own} == own
    assert own["Strict-Transport-Security"]
    assert "Strict-Transport-Security" not in shields.for_answers_without_pages(settings)


def test_health_checks_ask_by_any_address(settings: Settings) -> None:
    client = secure(settings).test_client()
    for path, status in (("/healthz", 200), ("/readyz", 503), ("/", 400)):
        assert client.get(path, base_url="http://10.1.2.3:8000").status_code == status


def test_headers_shut_other_sites_out(client_for: ClientFor) -> None:
    headers = client_for(None).get("/").headers
    for_programs = client_for(None).get("/api/v1/openapi.json").headers
    policy = re.sub(r"'nonce-[^']+'", "NONCE", headers["Content-Security-Policy"]).split("; ")
    assert policy == [
        "default-src 'self'",
        "script-src 'self' NONCE",
        "style-src 'self' NONCE",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ]
    assert for_programs["Content-Security-Policy"] == "; ".join(policy).replace(" NONCE", "")
    for name in ("Cross-Origin-Resource-Policy", "Cross-Origin-Opener-Policy", "Referrer-Policy"):
        assert headers[name] == for_programs[name] == "same-origin"
    assert headers["Cache-Control"] == "private, no-store"
    assert client_for(None).http.open("/", method="TRACE").status_code == 405


def test_scripts_of_listed_sites_alone_may_use_the_api_and_no_page(settings: Settings) -> None:
    listed = settings.model_copy(update={"cors_origins": ("https://app.example",)})
    client = create_app(listed).test_client()

    def allowed(path: str, origin: str) -> str | None:
        headers = client.options(path, headers={"Origin": origin}).headers
        assert "Access-Control-Allow-Credentials" not in headers
        return headers.get("Access-Control-Allow-Origin")

    assert allowed("/api/v1/centres", "https://app.example") == "https://app.example"
    assert allowed("/api/v1/centres", "https://app.example.org") is None
    assert allowed("/api/v1/centres", "null") is None
    assert allowed("/login", "https://app.example") is None


def test_the_folder_and_its_files_are_closed_to_others(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    kept = settings.model_copy(update={"data_dir": folder, "database_url": ""})
    close_files(kept)
    file = folder / "openslot.sqlite3"
    file.touch()
    for one in (folder, file):
        one.chmod(0o755)
    assert len(open_files(kept)) == 2
    close_files(kept)
    assert open_files(kept) == []
    assert [one.stat().st_mode & 0o777 for one in (folder, file)] == [0o700, 0o700]


def test_signing_out_clears_what_the_browser_kept(client_for: ClientFor) -> None:
    answer = client_for("patient-owner").send("/logout")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}],
)
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_another_site_changes_nothing(
    client_for: ClientFor, network: Database, method: str, headers: dict[str, str]
) -> None:
    http = client_for("patient-owner").http
    sent = {"phone": "0400 111 222"}
    foreign = http.open("/dashboard", method=method, json=sent, headers=headers)
    assert foreign.status_code == 403
    noted = network.read(lambda session: {one.action for one in session.query(AuditEvent)})
    assert "access.forbidden" in noted
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert http.put("/dashboard", json=sent, headers=own).status_code == 200


def test_without_a_public_address_no_mail_has_a_link(
    client_for: ClientFor, settings: Settings, network: Database, world: World
) -> None:
    app = create_app(settings.model_copy(update={"public_url": ""}))
    client = Client(app)
    assert client.send("/forgot", email=world.emails["patient-owner"]).status_code == 200
    assert mails(network) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"smtp_host": "mail.example.org"}, "starttls"),
        ({"smtp_host": "mail.example.org", "smtp_port": 465}, "tls"),
        ({"smtp_host": "127.0.0.1"}, "none"),
        ({"smtp_host": "mail.example.org", "smtp_security": "none"}, "none"),
    ],
)
def test_mail_is_encrypted_by_default(given: dict[str, object], expected: str) -> None:
    assert Settings(_env_file=None, **given).mail_security == expected  # type: ignore[arg-type]


def test_check_lists_what_is_open(tmp_path: object) -> None:
    folder = tmp_path
    bare = left_open(Settings(_env_file=None, data_dir=folder, database_url="sqlite://"))  # type: ignore[arg-type]
    assert len([line for line in bare if "OPENSLOT_" in line]) == 5
    shut = Settings(
        _env_file=None,
        data_dir=folder,  # type: ignore[arg-type]
        database_url="sqlite://",
        public_url=HTTPS,
        smtp_host="mail.example.org",
        second_factor_roles="administrator",  # type: ignore[arg-type] # as it is written
    )
    assert [line for line in left_open(shut) if "OPENSLOT_" in line] == []
    by_number = shut.model_copy(update={"trusted_proxies": ("1",)})
    (line,) = [line for line in left_open(by_number) if "OPENSLOT_" in line]
    assert "TRUSTED_PROXIES" in line


@pytest.mark.parametrize("sign_up", ["staff-only", "closed"])
def test_signing_up_can_be_closed(settings: Settings, sign_up: str) -> None:
    client = Client(create_app(settings.model_copy(update={"sign_up": sign_up})))
    assert client.get("/sign-up").status_code == 403
    assert client.post("/sign-up").status_code == 403
    assert client.get("/sign-up/staff").status_code == (200 if sign_up == "staff-only" else 403)
    assert 'href="/sign-up"' not in client.get("/").text


def test_the_directory_can_be_closed_to_visitors(settings: Settings, world: World) -> None:
    client = Client(create_app(settings.model_copy(update={"public_directory": False})))
    paths = ("/", "/search", f"/practitioners/{world.practitioners['owner']}")
    assert {client.get(path).status_code for path in paths} == {303}
    assert client.get("/login").status_code == 200
    assert client.http.get("/api/v1/centres").status_code == 401


@pytest.mark.parametrize("value", ["9" * 25, "0" * 5000 + "9" * 20, "9" * 5000, "0" * 20 + "5"])
def test_a_long_number_is_refused_or_read(client_for: ClientFor, value: str) -> None:
    client = client_for("patient-owner")
    for path in ("/waiting/new", "/search", "/dashboard/past", "/waiting", "/referrals"):
        for name in ("schedule", "practitioner", "page", "centre", "department"):
            answer = client.get(f"{path}?{name}={value}")
            assert answer.status_code < 500, (path, name)
    admin = client_for("network-admin")
    for name in ("centre_id", "department_id", "practitioner_id"):
        sent = {"role": "staff", "email": "a@example.org", "name": "A B", name: value}
        assert admin.post("/admin/accounts/new", **sent).status_code < 500
    stale = client.http.patch("/api/v1/me", json={}, headers={"If-Match": f'"{value}"'})
    assert stale.status_code < 500


def test_strangers_learn_only_whether_the_server_is_ready(client_for: ClientFor) -> None:
    assert set(client_for(None).get("/readyz").get_json()) == {"status"}
    assert set(client_for("patient-owner").get("/readyz").get_json()) == {"status"}
    assert "migrations" in client_for("network-admin").get("/readyz").get_json()
