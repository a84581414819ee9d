"""Label Studio's result JSON to typed regions and back.

Geometry comes in percent of the picture the annotator saw; records are in pixels of the labelled asset's own grid, so
that a proxy of another size changes nothing. Formats: https://labelstud.io/guide/task_format and what 1.23.2 really sends.
"""

from yuelu.annotate.results.frame import Item, Parsed, Rejected
from yuelu.annotate.results.read import from_result, to_result

__all__ = ["Item", "Parsed", "Rejected", "from_result", "to_result"]
