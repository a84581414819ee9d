"""De-identification of DICOM by the Basic Profile of PS3.15 Annex E."""
