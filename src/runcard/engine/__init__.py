"""Engines, which call a function on each of many tasks in other processes: on this machine or a Dask cluster."""
