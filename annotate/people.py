"""People: annotation companies, their annotators, and signing in.

A password is kept as what scrypt makes of it, a session as the hash of its token, so that whoever has a copy of the database
can sign in as nobody. Wrong tries are counted for every name, known or not, and an unknown name takes as long as a wrong
password: signing in does not tell who works here.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from yuelu.base.errors import Conflict, InvalidRecord, NotAllowed, NotFound, TooManyTries
from yuelu.base.ledger.engine import Ledger, Transaction
from yuelu.base.ledger.people import SessionRow, SignInTriesRow
from yuelu.base.ledger.work import AnnotatorRow, CompanyRow
from yuelu.base.states import ANNOTATOR_MOVES, checked_move

ADMIN = "admin"  # the administrator of every site; nobody else may be called so
SHORTEST = 10  # characters of a password that a person chooses
SESSION = timedelta(hours=12)
WINDOW = timedelta(minutes=15)
TRIES_HERE, TRIES_ANYWHERE = 10, 100  # wrong tries in one window, for one name: from one address, and from all
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_COMPANY_LENGTH = 80
_LONGEST = 1000  # characters of a password that are looked at at all
_COST, _BLOCK, _LANES = 2**15, 8, 1  # scrypt's N, r and p: 32 MiB and some 70 ms
_MEMORY = 64 * 2**20
_ADDRESS_LENGTH = 100
_WRONG = ("name or password is wrong", "ask your company for a new password")


@dataclass(frozen=True, slots=True)
class Annotator:
    """Somebody who labels. `id` is ours and the same on every site; `scripted` for programs."""

    id: str
    company: str
    scripted: bool = False

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id) or self.id == ADMIN:
            raise InvalidRecord(f"{self.id!r} is no annotator id", "use 1 to 40 of a-z, 0-9, dot, dash, underscore; not 'admin'")

    @property
    def email(self) -> str:
        """The name of the shadow account on a site; the domain can never receive mail (RFC 2606)."""
        return f"{self.id}@yuelu.invalid"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who a session belongs to, since when and until when."""

    annotator: str
    company: str
    created_at: datetime
    expires_at: datetime
    address: str


def add_company(ledger: Ledger, actor: str, name: str) -> bool:
    """Record a company; return whether it is new. Raises InvalidRecord."""
    with ledger.transaction(actor) as t:
        return _company(t, name)


def _company(t: Transaction, name: str) -> bool:
    if not name.strip() or len(name) > _COMPANY_LENGTH or not name.isprintable():
        raise InvalidRecord(f"{name!r} is no name of a company", f"use 1 to {_COMPANY_LENGTH} printable characters")
    if not t.add_new(CompanyRow, [{"name": name}]):
        return False
    t.event("company.added", name)
    return True


def add_annotator(ledger: Ledger, actor: str, annotator: Annotator, password: str | None = None) -> bool:
    """Record an annotator of a known company; return whether they are new. Without a password they cannot sign in.

    Raises Conflict: the name is taken by somebody of another company. Raises NotFound: no such company.
    """
    with ledger.transaction(actor) as t:
        if t.session.get(CompanyRow, annotator.company) is None:
            raise NotFound(f"no company {annotator.company!r}", f"add it first: yuelu company add {annotator.company!r}")
        new = enter(t, annotator, ledger.now())
        if new and password is not None:
            t.session.get_one(AnnotatorRow, annotator.id).password = hashed(password)
    return new


def add_people(ledger: Ledger, actor: str, annotators: Sequence[Annotator]) -> None:
    """Record annotators and their companies, none of whom can sign in yet; safe to repeat. Raises Conflict."""
    with ledger.transaction(actor) as t:
        enter_all(t, annotators, ledger.now())


def enter_all(t: Transaction, annotators: Sequence[Annotator], now: datetime) -> None:
    """Record annotators and their companies in the caller's transaction; safe to repeat. Raises Conflict."""
    for company in sorted({annotator.company for annotator in annotators}):
        _company(t, company)
    for annotator in sorted(annotators, key=lambda each: each.id):
        enter(t, annotator, now)


def enter(t: Transaction, annotator: Annotator, now: datetime) -> bool:
    """Record an annotator in the caller's transaction; return whether they are new. Raises Conflict."""
    row = {"id": annotator.id, "company": annotator.company, "scripted": annotator.scripted, "created_at": now}
    if t.add_new(AnnotatorRow, [row]):
        t.event("annotator.added", annotator.id, after=annotator.company)
        return True
    known = t.session.get_one(AnnotatorRow, annotator.id)
    if (known.company, known.scripted) != (annotator.company, annotator.scripted):
        kind = "a program" if known.scripted else "a person"
        raise Conflict(f"{annotator.id} is {kind} of {known.company}", "choose another name; a name is never given twice")
    return False


def everybody(session: Session) -> list[Annotator]:
    """Return all annotators of the ledger, by name."""
    rows = session.scalars(select(AnnotatorRow).order_by(AnnotatorRow.id))
    return [Annotator(row.id, row.company, row.scripted) for row in rows]


def suspend(ledger: Ledger, actor: str, annotator: str, reason: str) -> None:
    """Close every door to an annotator at once; their packets stay and run out. Raises NotFound, IllegalMove."""
    with ledger.transaction(actor) as t:
        _turn(t, annotator, "suspended", reason)
        t.session.execute(delete(SessionRow).where(SessionRow.annotator == annotator))


def resume(ledger: Ledger, actor: str, annotator: str, reason: str) -> None:
    """Let a suspended annotator in again. Raises NotFound, IllegalMove."""
    with ledger.transaction(actor) as t:
        _turn(t, annotator, "active", reason)


def _turn(t: Transaction, annotator: str, to: str, reason: str) -> None:
    row = _known(t.session, annotator)
    before = row.state
    row.state = checked_move(f"annotator {annotator}", before, to, ANNOTATOR_MOVES)
    t.event(f"annotator.{to}", annotator, before=before, after=to, reason=reason)


def set_password(ledger: Ledger, actor: str, annotator: str, password: str) -> None:
    """Give an annotator another password; whoever is signed in as them is signed out. Raises NotFound, InvalidRecord."""
    made = hashed(password)
    with ledger.transaction(actor) as t:
        row = _known(t.session, annotator)
        if row.scripted:
            raise InvalidRecord(f"{annotator} is a program", "programs do not sign in")
        row.password = made
        t.session.execute(delete(SessionRow).where(SessionRow.annotator == annotator))
        t.session.execute(delete(SignInTriesRow).where(SignInTriesRow.name == annotator))
        t.event("annotator.password", annotator)


def new_password() -> str:
    """Return a fresh password of 96 random bits."""
    return secrets.token_urlsafe(12)


def sign_in(ledger: Ledger, name: str, password: str, now: datetime, address: str) -> str:
    """Return the token of a new session. Raises NotAllowed: wrong, suspended, or (TooManyTries) tried too often."""
    if not _ID.fullmatch(name):  # nobody can be called so: nothing to count
        fits(password, _NOBODY)
        raise NotAllowed(*_WRONG)
    address = address[:_ADDRESS_LENGTH]
    with ledger.transaction("gateway") as t:
        here, anywhere = (_tried(t.session, name, place, now) for place in (address, ""))
        row = t.session.get(AnnotatorRow, name)
        company, kept = (row.company, row.password) if row is not None and row.state == "active" else (None, None)
        if row is not None and (here == TRIES_HERE + 1 or anywhere == TRIES_ANYWHERE + 1):  # once a window, not once a try
            t.event("annotator.locked_out", name, reason="too many wrong tries")
    if here > TRIES_HERE or anywhere > TRIES_ANYWHERE:
        raise TooManyTries("too many tries", f"wait {WINDOW // timedelta(minutes=1)} minutes")
    right = fits(password, kept or _NOBODY)
    if not right or kept is None or company is None:
        raise NotAllowed(*_WRONG)
    return _open_session(ledger, name, kept, now, address)


def _open_session(ledger: Ledger, name: str, kept: str, now: datetime, address: str) -> str:
    token = secrets.token_urlsafe(32)
    with ledger.transaction(name, "annotator") as t:
        row = _known(t.session, name, locked=True)
        if row.state != "active" or row.password != kept:  # changed while we looked
            raise NotAllowed(*_WRONG)
        session = SessionRow(token=_hash(token), annotator=name, created_at=now, expires_at=now + SESSION, address=address)
        t.session.add(session)
        t.session.execute(delete(SessionRow).where(SessionRow.expires_at <= now))
        t.session.execute(delete(SignInTriesRow).where(SignInTriesRow.name == name, SignInTriesRow.address == address))
        total = update(SignInTriesRow).where(SignInTriesRow.name == name, SignInTriesRow.address == "")
        t.session.execute(total.values(tries=SignInTriesRow.tries - 1))
        t.event("annotator.signed_in", name)
    return token


def session_of(session: Session, token: str, now: datetime) -> SignedIn | None:
    """Return who the token belongs to; None when it is unknown, over, or its annotator suspended."""
    query = select(SessionRow, AnnotatorRow).join(AnnotatorRow, SessionRow.annotator == AnnotatorRow.id)
    found = session.execute(query.where(SessionRow.token == _hash(token))).one_or_none()
    if found is None or found[0].expires_at <= now or found[1].state != "active":
        return None
    row, person = found
    return SignedIn(row.annotator, person.company, row.created_at, row.expires_at, row.address)


def sign_out(ledger: Ledger, token: str) -> None:
    """End a session; one that is over is no error."""
    with ledger.transaction("gateway") as t:
        row = t.session.get(SessionRow, _hash(token))
        if row is not None:
            t.session.delete(row)
            t.event("annotator.signed_out", row.annotator)


def name_to_log(typed: str) -> str | None:
    """Return what was typed as a name if it may stand in a log; None when nobody can be called so: it may be a password."""
    return typed if _ID.fullmatch(typed) else None


def hashed(password: str) -> str:
    """Return what to keep of a password: scrypt's parameters, the salt and the key (RFC 7914). Raises InvalidRecord."""
    if not SHORTEST <= len(password) <= _LONGEST:
        raise InvalidRecord(f"a password of {len(password)} characters", f"use {SHORTEST} to {_LONGEST}")
    salt = secrets.token_bytes(16)
    return _encoded(_COST, _BLOCK, _LANES, salt, _scrypt(password, salt, _COST, _BLOCK, _LANES))


def fits(password: str, kept: str) -> bool:
    """Return whether the password is the one that was kept; it takes the same time for every answer."""
    _, cost, block, lanes, salt, key = kept.split("$")
    made = _scrypt(password[:_LONGEST], base64.b64decode(salt), int(cost), int(block), int(lanes))
    return hmac.compare_digest(made, base64.b64decode(key))


def _scrypt(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    data = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(data, salt=salt, n=cost, r=block, p=lanes, maxmem=_MEMORY, dklen=32)


def _encoded(cost: int, block: int, lanes: int, salt: bytes, key: bytes) -> str:
    return "$".join(["scrypt", str(cost), str(block), str(lanes), *(base64.b64encode(each).decode() for each in (salt, key))])


_NOBODY = _encoded(_COST, _BLOCK, _LANES, bytes(16), bytes(32))  # no password makes this key


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()  # the token is random: no salt is needed


def _known(session: Session, annotator: str, *, locked: bool = False) -> AnnotatorRow:
    row = session.get(AnnotatorRow, annotator, with_for_update={"key_share": True} if locked else None)
    if row is None:
        raise NotFound(f"no annotator {annotator!r}", "see 'yuelu annotator list'")
    return row


def _tried(session: Session, name: str, address: str, now: datetime) -> int:
    """Count one more try and return how many there are in this window, in one statement: many at once are counted too."""
    make = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    over = SignInTriesRow.since <= now - WINDOW
    first = make(SignInTriesRow).values(name=name, address=address, since=now, tries=1)
    counting = first.on_conflict_do_update(
        index_elements=["name", "address"],
        set_={"tries": case((over, 1), else_=SignInTriesRow.tries + 1), "since": case((over, now), else_=SignInTriesRow.since)},
    )
    found = session.execute(counting.returning(SignInTriesRow.tries)).scalar_one()
    if secrets.randbelow(100) == 0:
        session.execute(delete(SignInTriesRow).where(SignInTriesRow.since <= now - WINDOW))
    return int(found)


def count_people(session: Session) -> dict[str, int]:
    """Return how many annotators each company has."""
    query = select(CompanyRow.name, func.count(AnnotatorRow.id).label("people")).outerjoin(
        AnnotatorRow, AnnotatorRow.company == CompanyRow.name
    )
    rows = session.execute(query.group_by(CompanyRow.name).order_by(CompanyRow.name))
    return {row.name: row.people for row in rows}
