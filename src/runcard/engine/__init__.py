"""Where trials run: something that calls a function on each of many tasks, elsewhere."""
