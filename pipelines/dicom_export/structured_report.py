"""A DICOM Structured Report (TID 1500) of a series: an outline for each region, what was said of whole pictures."""

from typing import Any

import numpy as np
from highdicom import sr
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from yuelu.datasets.exports.report import Tally
from yuelu.datasets.exports.shapes import Point, labels
from yuelu.datasets.tables import Row
from yuelu.pipelines.dicom_export.series import Instance, Made, Series, code

_PROCEDURE = CodedConcept("363679005", "SCT", "Imaging procedure")


def report(series: Series, made: Made, tally: Tally) -> Dataset | None:
    """Return the SR of a series, None where nothing was said that it can carry."""
    groups: list[Any] = []
    for instance in series.instances:
        groups += _regions(instance, made, tally)
        groups += _said(instance, made, tally)
    if not groups:
        return None
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=made.uid("device"), name="yuelu", manufacturer_name="Yuelu", model_name="yuelu", serial_number=made.key_id
    )
    observer = sr.ObserverContext(observer_type=codes.DCM.Device, observer_identifying_attributes=device)
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=_PROCEDURE, imaging_measurements=groups, title=codes.DCM.ImagingMeasurementReport,
    )  # fmt: skip
    equipment = made.equipment()
    return sr.ComprehensiveSR(
        evidence=[instance.dataset for instance in series.instances], content=content[0],
        series_instance_uid=made.uid("sr series", series.name), series_number=9_002,
        sop_instance_uid=made.uid("sr", series.name), instance_number=1,
        manufacturer=equipment["manufacturer"], is_complete=True,
    )  # fmt: skip


def _regions(instance: Instance, made: Made, tally: Tally) -> list[sr.PlanarROIMeasurementsAndQualitativeEvaluations]:
    groups = []
    source = sr.SourceImageForRegion(instance.dataset.SOPClassUID, instance.dataset.SOPInstanceUID)
    for number, (column, region) in enumerate(instance.picture.drawn):
        graphic = _graphic(instance, column, region)
        if graphic is None:
            reason = "pixels: export dicom-seg" if column == "masks" else "no area"
            tally.left_out[column, reason] += 1
            continue
        tally.written[column] += 1
        for label in labels(region):
            name = f"{instance.picture.name[:40]}-{number}"
            groups.append(
                sr.PlanarROIMeasurementsAndQualitativeEvaluations(
                    tracking_identifier=sr.TrackingIdentifier(
                        uid=made.uid(instance.dataset.SOPInstanceUID, number, label), identifier=name
                    ),
                    referenced_region=sr.ImageRegion(graphic[0], np.array(graphic[1], float), source),
                    finding_type=code(label),
                )
            )
    return groups


def _graphic(instance: Instance, column: str, region: Row) -> tuple[str, list[Point]] | None:
    """Return the kind of graphic and its points, in columns and rows from the upper left corner of the first pixel."""
    points = instance.outline(column, region)
    if points is None:
        return None
    if column == "ellipses" and instance.across == instance.down:
        quarter = len(points) // 4  # the ends of one axis, then those of the other; the first is the longer one
        ends = [points[0], points[2 * quarter], points[quarter], points[3 * quarter]]
        return "ELLIPSE", ends if region["radius_x_px"] >= region["radius_y_px"] else [*ends[2:], *ends[:2]]
    return "POLYLINE", [*points, points[0]]


def _said(instance: Instance, made: Made, tally: Tally) -> list[sr.MeasurementsAndQualitativeEvaluations]:
    evaluations = []
    for choice in instance.said:
        tally.written["choices"] += 1
        evaluations += [sr.QualitativeEvaluation(code(choice["control"]), code(label)) for label in choice["labels"]]
    if not evaluations:
        return []
    dataset = instance.dataset
    source = sr.SourceImageForMeasurementGroup(dataset.SOPClassUID, dataset.SOPInstanceUID)
    identifier = sr.TrackingIdentifier(uid=made.uid(dataset.SOPInstanceUID, "whole"), identifier=instance.picture.name[:64])
    return [
        sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=identifier, qualitative_evaluations=evaluations, source_images=[source]
        )
    ]
