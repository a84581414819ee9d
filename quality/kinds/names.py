"""What answers of each kind are scored by: the names that a gate's policy may use, without loading what computes them."""

from collections.abc import Mapping
from types import MappingProxyType

_SHARED = ("class_agreement", "panoptic_quality", "f1@0.50:0.95")
_MATCHED = ("f1@0.50", "f1_any_label@0.50", "mean_iou", *_SHARED)
_LINES = ("f1@0.50", "f1_any_label@0.50", "mean_share_within_5_px", *_SHARED, "mean_distance_px")
_WORDS = tuple(f"{unit}{part}" for unit in ("cer", "wer") for part in ("", "_substituted", "_missing_or_extra"))
_MOVING = ("idf1", "idf1_same_label", "hota", "deta", "assa", "mota", "mean_iou", "switches_per_1000_frames")
_DISTANCE = ("distance_alpha", "distance_ks", "distance_sigma")
_CORRECTED = ("krippendorff_alpha", "cohen_kappa", "scott_pi", "fleiss_kappa", "gwet_ac1")

# A task of each kind; a test holds them to what is computed.
TYPED_TASK_METRICS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "multilabel": ("percent_agreement", "jaccard", "masi"),
        "ordinal": ("percent_agreement", "weighted_kappa"),
        "interval": ("mean_difference", "bias", "limit_of_agreement_low", "limit_of_agreement_high", "percent_agreement"),
        "moment": ("percent_agreement",),
        "preference": ("percent_agreement",),
        "taxonomy": ("percent_agreement", "jaccard", "masi"),
        "ranking": ("pair_agreement", "kendall_tau", "same_bucket", "percent_agreement"),
        "text": (*_WORDS, "percent_agreement"),
        "outline": (*_MATCHED, "mean_dice"),
        "polyline": _LINES,
        "keypoint": ("oks", "pck@0.10", "f1", "mean_distance_px"),
        "mask": ("dice", *_MATCHED, "mean_dice", "mean_boundary_iou"),
        "track": _MOVING,
        "span": ("f1_exact", "f1_overlap", "f1_characters", *_MATCHED),
    }
)
_WHOLE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "multilabel": (*_CORRECTED, *_DISTANCE),  # of the set as one label, and alpha and AC1 of each label by itself
        "ordinal": (*_CORRECTED, "gwet_ac2"),
        "interval": ("krippendorff_alpha", "icc2"),
        "moment": _CORRECTED,
        "preference": _CORRECTED,
        "span": ("krippendorff_alpha_u", "gamma", *_DISTANCE),
    }
)
TYPED_BATCH_METRICS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {kind: (*names, *_WHOLE.get(kind, _DISTANCE)) for kind, names in TYPED_TASK_METRICS.items()}
)
