"""From a file to pixels and back: preprocessing, DICOM, loops, burned-in marks. Knows nothing of a study."""
