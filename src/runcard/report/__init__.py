"""Reports and figures: what people and programs get to see of plans, comparisons, decisions and replays."""
