"""Tables of near-duplicates and of what they mean for splits. Written by `pipelines`."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from yuelu.base.ledger.types import Table


class SearchRow(Table):
    """One search for near-duplicates among all assets of the workspace; the last one made the clusters that stand."""

    __tablename__ = "near_searches"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    searched_at: Mapped[datetime]
    distance_bits: Mapped[int]  # how far the codes of two pictures may be apart
    assets: Mapped[int]  # that have fingerprints
    fingerprints: Mapped[str]  # digest of all that were compared: the same again needs no search
    codes: Mapped[dict[str, Any]]  # how many were compared, by kind
    left_out: Mapped[dict[str, Any]]  # how many were not, by kind and reason
    by_chance: Mapped[float]  # pairs of unrelated pictures that are expected to be this near
    clusters: Mapped[int]


class ClusterRow(Table):
    """A labelled asset that has near-duplicates, and the nearest of them."""

    __tablename__ = "clusters"

    asset: Mapped[str] = mapped_column(primary_key=True)
    cluster: Mapped[str] = mapped_column(index=True)  # keyed digest of the least member's hash
    kind: Mapped[str]  # what they have in common: picture, sound
    nearest: Mapped[str]
    distance_bits: Mapped[int]
    shared: Mapped[int]  # codes in common


class HomeRow(Table):
    """A group whose items went out, and the group whose key chose their split. It never changes: nor may a split."""

    __tablename__ = "group_homes"

    group: Mapped[str] = mapped_column(primary_key=True)
    home: Mapped[str]
