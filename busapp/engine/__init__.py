"""The engine: everything but the window. It knows no Qt, and importing it loads no training framework."""
