"""Jobs in threads of their own: the thread, the queue, the bar at the bottom of the window."""
