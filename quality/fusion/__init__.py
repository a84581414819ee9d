"""One answer out of several, for answers that are no single label: shapes, masks, tracks, spans, texts, rankings, numbers."""
