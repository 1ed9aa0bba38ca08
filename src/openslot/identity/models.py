"""Accounts, their sessions and second steps, failed sign-ins, and the credentials of programs."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BINARY,
    JSON,
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.orm import Mapped, mapped_column

from openslot.core.encryption import EncryptedJson
from openslot.core.folding import folded, key_of
from openslot.core.ids import new_id
from openslot.core.tables import Base, Instant

Digest = LargeBinary(32).with_variant(BINARY(32), "mysql", "mariadb")
"""A SHA-256; on MariaDB only bytes of a fixed length can be a key."""


class Account(Base):
    """A login. ``email`` is stored in lower case; ``password`` is an argon2id hash.

    ``fs_uniquifier`` names the account in signed links; a new one invalidates all earlier links.
    ``pending_email`` replaces ``email`` once the link that was sent there is opened.
    ``signed_in_at`` is the last sign-in, exact to an hour; None if there was none.
    """

    __tablename__ = "account"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(20))
    active: Mapped[bool] = mapped_column(Boolean, default=True)
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True)
    pending_email: Mapped[str | None] = mapped_column(String(254))
    confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    must_change_password: Mapped[bool] = mapped_column(Boolean, default=False)
    locale: Mapped[str | None] = mapped_column(String(20))
    time_zone: Mapped[str | None] = mapped_column(String(64))
    theme: Mapped[str] = mapped_column(String(10), default="auto")
    external_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    signed_in_at: Mapped[datetime | None] = mapped_column(Instant)
    name_key: Mapped[str | None] = key_of("name", folded, 400)


class AccountSession(Base):
    """A signed-in browser. The cookie has a random token, this row its SHA-256.

    ``proved_at`` is when the password or a passkey was last given there. ``factor`` is the second
    step of the sign-in, or the passkey that stood for both; None if a password was all.
    ``identity_id`` is the identity that it was begun with at a provider, and ``provider_session``
    the SHA-256 of what the provider calls its own session.
    """

    __tablename__ = "account_session"
    __table_args__ = (Index(None, "account_id"), Index(None, "provider_session"))

    token_hash: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("account.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(Instant)
    seen_at: Mapped[datetime] = mapped_column(Instant)
    ends_at: Mapped[datetime] = mapped_column(Instant)
    proved_at: Mapped[datetime | None] = mapped_column(Instant)
    address: Mapped[str | None] = mapped_column(String(45))
    agent: Mapped[str | None] = mapped_column(String(200))
    factor: Mapped[str | None] = mapped_column(String(20))
    identity_id: Mapped[UUID | None] = mapped_column(
        Uuid, ForeignKey("linked_identity.id", ondelete="SET NULL")
    )
    provider_session: Mapped[bytes | None] = mapped_column(Digest)


class LinkedIdentity(Base):
    """A person of an identity provider who signs in to an account.

    The ``subject`` is what the provider calls them, for ever; found by the SHA-256 of ``issuer``
    and ``subject``. An account has at most one of each issuer.
    """

    __tablename__ = "linked_identity"
    __table_args__ = (Index(None, "account_id"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    account_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("account.id", ondelete="CASCADE"))
    identity_hash: Mapped[bytes] = mapped_column(Digest, unique=True)
    issuer: Mapped[str] = mapped_column(String(300))
    subject: Mapped[str] = mapped_column(String(255))
    made_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)


class Authenticator(Base):
    """The authenticator app of an account, which shows a new code every 30 seconds (RFC 6238).

    ``secret`` is encrypted with a key derived from the secret key and the account. ``counter`` is
    that of the last code that was accepted: it and all earlier ones are used up.
    """

    __tablename__ = "authenticator"

    account_id: Mapped[UUID] = mapped_column(
        Uuid, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    secret: Mapped[str] = mapped_column(Text)
    counter: Mapped[int] = mapped_column(BigInteger)
    made_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)


class RecoveryCode(Base):
    """A code that stands once for a second step that is lost, stored as its SHA-256; it goes when
    it is used."""

    __tablename__ = "recovery_code"
    __table_args__ = (Index(None, "account_id"),)

    code_hash: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("account.id", ondelete="CASCADE"))
    made_at: Mapped[datetime] = mapped_column(Instant)


class Passkey(Base):
    """The public half of a passkey (Web Authentication, level 2).

    ``credential_id`` is what its authenticator calls it, and is found by its SHA-256.
    ``sign_count`` is that of its last use; many passkeys always send 0.
    """

    __tablename__ = "passkey"
    __table_args__ = (Index(None, "account_id"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    account_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("account.id", ondelete="CASCADE"))
    credential_hash: Mapped[bytes] = mapped_column(Digest, unique=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(String(100))
    made_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)


class CalendarFeed(Base):
    """The address at which an account's calendar can be read without signing in.

    It contains a random token, this row the token's SHA-256; a new token ends the old address.
    """

    __tablename__ = "calendar_feed"

    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )
    token_hash: Mapped[bytes] = mapped_column(Digest, unique=True)
    made_at: Mapped[datetime] = mapped_column(Instant)


class PendingSignUp(Base):
    """What somebody registered with, until the link in the mail to that address is opened.

    It is no account: nobody can sign in with it. ``details`` are those of the form.
    """

    __tablename__ = "pending_sign_up"
    __table_args__ = (Index(None, "ends_at"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(254))
    role: Mapped[str] = mapped_column(String(20))
    details: Mapped[dict[str, Any]] = mapped_column(EncryptedJson)
    password: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(Instant)
    ends_at: Mapped[datetime] = mapped_column(Instant)


class SignInFailure(Base):
    """A wrong password, counted against the email and the address that it came from; or a wrong
    code, counted against the account in place of the email."""

    __tablename__ = "sign_in_failure"
    __table_args__ = (Index(None, "email", "at"), Index(None, "address", "at"))

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(254))
    address: Mapped[str] = mapped_column(String(45))
    at: Mapped[datetime] = mapped_column(Instant)


class ApiKey(Base):
    """The secret key of a trusted program, shown once and stored as its SHA-256.

    ``scopes`` are separated by spaces. ``networks`` are address ranges separated by commas; empty
    means any. ``used_at`` is exact to an hour; ``used_from`` are the networks it was used from,
    separated by commas.
    """

    __tablename__ = "api_key"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(100))
    token_hash: Mapped[bytes] = mapped_column(Digest, unique=True)
    scopes: Mapped[str] = mapped_column(Text)
    networks: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime] = mapped_column(Instant)
    created_by: Mapped[UUID | None] = mapped_column(
        Uuid, ForeignKey("account.id", ondelete="SET NULL")
    )
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)
    used_from: Mapped[str | None] = mapped_column(String(2000))
    ends_at: Mapped[datetime | None] = mapped_column(Instant)


class ApiClient(Base):
    """A registered program. Without ``redirects`` it acts for the network (SMART Backend Services),
    with them for people who let it (SMART App Launch).

    It authenticates with assertions that its public keys verify, in ``jwks`` or fetched from
    ``jwks_url``, or with the secret of ``secret_hash``; one with neither is public. ``redirects``
    are the addresses, separated by spaces, to which people return, and ``launch_url`` is where it
    is opened for a patient. ``operator`` is who runs it.
    """

    __tablename__ = "api_client"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(100))
    jwks: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    jwks_url: Mapped[str | None] = mapped_column(String(500))
    scopes: Mapped[str] = mapped_column(Text)
    operator: Mapped[str | None] = mapped_column(String(200))
    redirects: Mapped[str | None] = mapped_column(Text)
    launch_url: Mapped[str | None] = mapped_column(String(500))
    secret_hash: Mapped[bytes | None] = mapped_column(Digest)
    created_at: Mapped[datetime] = mapped_column(Instant)
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)

    @property
    def is_public(self) -> bool:
        """Return whether it cannot prove who it is."""
        return self.secret_hash is None and self.jwks is None and self.jwks_url is None


class Consent(Base):
    """What a person lets a program do, so that they are not asked each time. ``scopes`` are
    separated by spaces."""

    __tablename__ = "consent"
    __table_args__ = (UniqueConstraint("account_id", "client_id"), Index(None, "client_id"))

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    account_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("account.id", ondelete="CASCADE"))
    client_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("api_client.id", ondelete="CASCADE"))
    scopes: Mapped[str] = mapped_column(Text)
    given_at: Mapped[datetime] = mapped_column(Instant)


class AuthorizationCode(Base):
    """What a program exchanges once for the tokens of a person, stored as its SHA-256.

    ``challenge`` is that of PKCE (S256). ``family`` are the tokens that it was exchanged for, which
    end if it comes again. ``browser`` is the session in which the person consented, ``proved_at``
    when they proved there who they are, and ``patient_id`` whom the program is for.
    """

    __tablename__ = "authorization_code"
    __table_args__ = (Index(None, "account_id"), Index(None, "browser"), Index(None, "ends_at"))

    code_hash: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    account_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("account.id", ondelete="CASCADE"))
    client_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("api_client.id", ondelete="CASCADE"))
    browser: Mapped[bytes] = mapped_column(
        Digest,
        ForeignKey("account_session.token_hash", ondelete="CASCADE", onupdate="CASCADE"),
    )
    redirect: Mapped[str] = mapped_column(String(1000))
    challenge: Mapped[str] = mapped_column(String(43))
    scopes: Mapped[str] = mapped_column(Text)
    patient_id: Mapped[UUID | None] = mapped_column(Uuid)
    nonce: Mapped[str | None] = mapped_column(String(500))
    proved_at: Mapped[datetime | None] = mapped_column(Instant)
    family: Mapped[UUID] = mapped_column(Uuid)
    ends_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)


class SigningKey(Base):
    """A key that signs ID tokens for programs. ``private`` is a JWK, encrypted."""

    __tablename__ = "signing_key"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=new_id)
    private: Mapped[dict[str, Any]] = mapped_column(EncryptedJson)
    made_at: Mapped[datetime] = mapped_column(Instant)


class UsedAssertion(Base):
    """The id of an accepted assertion of a program, or the challenge that a passkey has signed, so
    that neither is accepted again."""

    __tablename__ = "used_assertion"
    __table_args__ = (Index(None, "ends_at"),)

    jti_hash: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    ends_at: Mapped[datetime] = mapped_column(Instant)


class ApiToken(Base):
    """A token of an account or a client, or of a client that acts for an account, stored as its
    SHA-256.

    A refresh token works once and is replaced by another of its ``family``. If it is used again,
    the whole family ends, since the token has been copied. ``family_began_at`` is when it was first
    issued, ``proved_at`` when the person proved who they are, and ``agent`` the program that sent
    the password. ``patient_id`` is whom the program
    is for. A token with a ``browser`` ends with that session.
    """

    __tablename__ = "api_token"
    __table_args__ = (
        Index(None, "family"),
        Index(None, "account_id"),
        Index(None, "browser"),
        Index(None, "ends_at"),
    )

    token_hash: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    account_id: Mapped[UUID | None] = mapped_column(
        Uuid, ForeignKey("account.id", ondelete="CASCADE")
    )
    client_id: Mapped[UUID | None] = mapped_column(
        Uuid, ForeignKey("api_client.id", ondelete="CASCADE")
    )
    scopes: Mapped[str] = mapped_column(Text)
    is_refresh: Mapped[bool] = mapped_column(Boolean, default=False)
    family: Mapped[UUID] = mapped_column(Uuid)
    family_began_at: Mapped[datetime | None] = mapped_column(Instant)
    proved_at: Mapped[datetime | None] = mapped_column(Instant)
    agent: Mapped[str | None] = mapped_column(String(200))
    patient_id: Mapped[UUID | None] = mapped_column(Uuid)
    browser: Mapped[bytes | None] = mapped_column(
        Digest,
        ForeignKey("account_session.token_hash", ondelete="CASCADE", onupdate="CASCADE"),
    )
    created_at: Mapped[datetime] = mapped_column(Instant)
    ends_at: Mapped[datetime] = mapped_column(Instant)
    used_at: Mapped[datetime | None] = mapped_column(Instant)
