"""Under what circumstances a run was made: its code, packages, machine and seeds."""
