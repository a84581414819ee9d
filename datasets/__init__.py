"""Releases: built, signed, published, pulled, verified and compared. Needs no ledger, Dask or Label Studio.

For those who use releases: `open_release` reads one in a store, `open_folder` and `Examples` one that was pulled.
"""

from yuelu.datasets.examples import Examples
from yuelu.datasets.release import open_folder, open_release

__all__ = ["Examples", "open_folder", "open_release"]
