"""DICOM: pixels as a viewer shows them, the copy without what identifies, frames over time and over space."""
