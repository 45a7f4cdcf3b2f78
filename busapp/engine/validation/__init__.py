"""The job that cross-validates a classifier: what is fixed (`study`), how far it is (`state`), what it leaves behind
(`result`), and the work itself (`job`)."""
