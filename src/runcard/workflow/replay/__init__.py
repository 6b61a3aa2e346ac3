"""Running recorded runs again, and judging whether they came out the same."""
