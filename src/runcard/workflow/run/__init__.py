"""Running a card: training what is missing, recording it, and delivering it to MLflow."""
