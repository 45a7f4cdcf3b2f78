"""From a file to pixels and back: preprocessing, DICOM, loops, burned-in marks. Independent of any study."""
