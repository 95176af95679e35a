"""What ``python -m qtwin COMMAND`` runs; standard library only, until the environment is made."""
