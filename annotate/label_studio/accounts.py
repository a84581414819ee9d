"""Users of an embedded Label Studio: real accounts with tokens of their own, known to the ledger by annotator.

Annotators never hold these tokens: they lie in one file below the server's data folder that only its owner reads. Nobody but
the administrator has a password there: people sign in to us, and their accounts are shadows.
"""

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yuelu.annotate.label_studio import environment
from yuelu.annotate.people import ADMIN as _ADMIN
from yuelu.annotate.people import Annotator, enter_all
from yuelu.base.errors import NotFound
from yuelu.base.ledger.engine import Ledger, Transaction
from yuelu.base.ledger.work import AccountRow, SiteRow

_FILE = "accounts.json"
_ACTOR = "yuelu"


@dataclass(frozen=True, slots=True)
class Account:
    """One user of the server. `token` is the refresh token that `Client` takes; only the administrator has a `password`."""

    user_id: int
    email: str
    token: str = field(repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Accounts:
    """All accounts of one server."""

    admin: Account
    annotators: Mapping[str, Account]

    def of(self, annotator: str) -> Account:
        """Return the annotator's account. Raises NotFound."""
        if annotator not in self.annotators:
            raise NotFound(f"{annotator} has no account", f"known: {', '.join(sorted(self.annotators)) or 'nobody'}")
        return self.annotators[annotator]


def read_accounts(data_dir: Path) -> Accounts:
    """Return the accounts as last provisioned. Raises NotFound: none yet."""
    known = _read(data_dir)
    if known is None:
        raise NotFound(f"no accounts in {data_dir}", "start Label Studio and ensure its accounts first")
    return _parsed(known)


def provision(env: Path, data_dir: Path, annotators: Sequence[Annotator]) -> Accounts:
    """Return the accounts of all `annotators`, making what is missing (about 5 s), also while the server runs.

    It works on the database itself, so the server need not be up; nothing is started when all are known already.
    """
    environment.fill(env, data_dir)
    known = _read(data_dir) or {"passwords": {_email(_ADMIN): secrets.token_urlsafe(18)}, "users": {}}
    wanted, emails = (
        {_email(_ADMIN)} | {annotator.email for annotator in annotators},
        {each.email: each.id for each in annotators},
    )
    emails |= {email: email.partition("@")[0] for email in known["passwords"] if email != _email(_ADMIN)}  # of earlier versions
    if not wanted <= set(known["users"]) or len(known["passwords"]) > 1:
        password = known["passwords"][_email(_ADMIN)]
        if _read(data_dir) is None:
            _replace(data_dir / _FILE, known)  # the password must outlive a kill between making the users and writing it down
        request = {
            "organization": "Yuelu",
            "admin": {"email": _email(_ADMIN), "password": password},
            "users": [{"email": email, "name": name} for email, name in sorted(emails.items())],
            "tokens": {email: user["token"] for email, user in known["users"].items()},
        }
        printed = environment.run(environment.find(env), "accounts.py", data_dir, stdin=json.dumps(request))
        made = json.loads(printed.strip().splitlines()[-1])["users"]
        known["users"], known["passwords"] = {**known["users"], **made}, {_email(_ADMIN): password}
        _replace(data_dir / _FILE, known)
    return _parsed(known)


def record_accounts(ledger: Ledger, site: str, url: str, annotators: Sequence[Annotator], accounts: Accounts) -> None:
    """Write the site, the companies, the annotators and their accounts to the ledger; safe to repeat."""
    with ledger.transaction(_ACTOR) as t:
        _record_site(t, site, url)
        enter_all(t, annotators, ledger.now())
        for annotator in sorted(annotators, key=lambda each: each.id):
            _record_account(t, site, annotator.id, accounts.of(annotator.id))


def ensure_accounts(
    ledger: Ledger, env: Path, data_dir: Path, *, site: str, url: str, annotators: Sequence[Annotator]
) -> Accounts:
    """Return the accounts of `annotators` on the server, made if need be and recorded in the ledger."""
    accounts = provision(env, data_dir, annotators)
    record_accounts(ledger, site, url, annotators, accounts)
    return accounts


def _record_site(t: Transaction, site: str, url: str) -> None:
    t.add_new(SiteRow, [{"name": site, "url": url, "version": environment.VERSION}])
    row = t.session.get_one(SiteRow, site)
    row.url, row.version = url, environment.VERSION  # where a loopback server listens is no event


def _record_account(t: Transaction, site: str, annotator: str, account: Account) -> None:
    row = t.session.get(AccountRow, (annotator, site))
    if row is not None and row.user_id == account.user_id:
        return
    if row is None:
        t.session.add(AccountRow(annotator=annotator, site=site, user_id=account.user_id, email=account.email))
    else:
        row.user_id = account.user_id  # the server's data were made anew
    t.event("account.recorded", f"{annotator}@{site}", after=str(account.user_id))
    t.session.flush()


def _email(name: str) -> str:
    return f"{name}@yuelu.invalid"


def _parsed(known: Mapping[str, Any]) -> Accounts:
    passwords = known["passwords"]
    users = {email: Account(user["id"], email, user["token"], passwords.get(email)) for email, user in known["users"].items()}
    if _email(_ADMIN) not in users:
        raise NotFound("the accounts were never finished", "ensure them again")
    admin = users.pop(_email(_ADMIN))
    return Accounts(admin, {email.partition("@")[0]: account for email, account in users.items()})


def _read(data_dir: Path) -> dict[str, Any] | None:
    try:
        known: dict[str, Any] = json.loads((data_dir / _FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return known


def _replace(path: Path, known: Mapping[str, Any]) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(known, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
