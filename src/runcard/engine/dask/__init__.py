"""An engine on a Dask cluster, with processes of its own beside the workers."""
