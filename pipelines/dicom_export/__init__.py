"""Labels of a release as DICOM objects that refer to the series that was labelled."""
