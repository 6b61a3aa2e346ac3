"""Workflows of registered models: fetch, load, predict with and serve them."""
