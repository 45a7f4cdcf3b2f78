"""Files that hold many pictures in one array, of NumPy and of HDF5."""
