"""DICOM files: what they say about themselves, their frames as pictures, discs of them, and pages written as DICOM."""
