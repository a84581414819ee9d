"""Make users and their tokens: a JSON request on stdin, a JSON answer as the last line of stdout. Safe to repeat.

Request: {"organization", "admin": {"email", "password"}, "users": [{"email", "name"}], "tokens": {email: token}}.
Answer: {"users": {email: {"id", "token"}}}. A token of the request that is still good comes back as it is.
"""

import json
import sys

from boot import set_up_path

set_up_path()

import django  # noqa: E402  importable only now

django.setup()

from django.db import transaction  # noqa: E402
from jwt_auth.models import LSAPIToken  # noqa: E402
from organizations.models import Organization  # noqa: E402
from rest_framework_simplejwt.exceptions import TokenError  # noqa: E402
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken  # noqa: E402
from users.models import User  # noqa: E402


def account(email, name, password=None):
    """Return the user; without a password nobody can sign in as them, only their token works."""
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, password, username=name, first_name=name)
    elif password is None and user.has_usable_password():  # made by an earlier version
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def good(token, user):
    """Return whether that token of ours was signed with the present key, for this user, and not withdrawn."""
    try:
        return int(LSAPIToken(token)["user_id"]) == user.id
    except (TokenError, KeyError, ValueError):
        return False


def fresh_token(user):
    """Return a new token; the earlier ones, which nobody has any more, are withdrawn."""
    for old in OutstandingToken.objects.filter(user=user):
        BlacklistedToken.objects.get_or_create(token=old)
    return LSAPIToken.for_user(user).get_full_jwt()


def provision(request):
    """Return {email: {"id", "token"}} of all users of the request, made or found."""
    owner = account(request["admin"]["email"], "admin", request["admin"]["password"])
    organization = Organization.objects.order_by("id").first()
    if organization is None:
        organization = Organization.create_organization(created_by=owner, title=request["organization"])
    if organization.jwt.legacy_api_tokens_enabled or not organization.jwt.api_tokens_enabled:
        organization.jwt.legacy_api_tokens_enabled, organization.jwt.api_tokens_enabled = False, True
        organization.jwt.save()
    answer = {}
    for user in [owner, *(account(user["email"], user["name"]) for user in request["users"])]:
        organization.add_user(user)
        if user.active_organization_id != organization.id:
            user.active_organization = organization
            user.save(update_fields=["active_organization"])
        known = request["tokens"].get(user.email)
        answer[user.email] = {"id": user.id, "token": known if known and good(known, user) else fresh_token(user)}
    return answer


with transaction.atomic():
    users = provision(json.load(sys.stdin))
print(json.dumps({"users": users}))
