"""Jobs that run in their own thread: the thread, the queue, and the bar at the bottom of the window."""
