"""Rebuilding a recorded run's code and environment in folders of their own, and confining them."""
