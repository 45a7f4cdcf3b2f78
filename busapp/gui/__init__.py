"""The window: PySide6 and pyqtgraph. It starts the engine's jobs and shows their events."""
