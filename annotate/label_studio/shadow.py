"""Shadow users: annotators on an external site. They have no usable password and no token there; answers name them."""

from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.people import Annotator
from yuelu.base.errors import Conflict, InvalidRecord, OutcomeUnknown
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.work import AccountRow

_ACTOR = "yuelu"


def ensure_shadow(ledger: Ledger, client: Client, site: str, annotator: Annotator) -> int:
    """Return the server's id of the annotator's user on that site, made and recorded the first time. Safe to repeat."""
    with ledger.reading() as session:
        row = session.get(AccountRow, (annotator.id, site))
        if row is not None:
            return row.user_id
    user = _found(client, annotator.email) or _made(client, annotator)
    with ledger.transaction(_ACTOR) as t:
        values = {"annotator": annotator.id, "site": site, "user_id": user, "email": annotator.email}
        if t.add_new(AccountRow, [values]):
            t.event("account.recorded", f"{annotator.id}@{site}", after=str(user))
        elif t.session.get_one(AccountRow, (annotator.id, site)).user_id != user:
            raise Conflict(f"{annotator.id} has another user on {site}", "see whether the site's data were made anew")
    return user


def _made(client: Client, annotator: Annotator) -> int:
    # Through this API a password is ignored: nobody can ever sign in as this user.
    wanted = {"email": annotator.email, "username": annotator.id, "first_name": annotator.id}
    try:
        return int(client.write_json("POST", "/api/users/", wanted)["id"])
    except (OutcomeUnknown, InvalidRecord):  # unclear, or somebody else was first: the list tells
        found = _found(client, annotator.email)
        if found is None:
            raise
        return found


def _found(client: Client, email: str) -> int | None:
    users = client.read_json("/api/users/")
    return next((int(user["id"]) for user in users if user["email"] == email), None)
