"""Recipes of the lab, one TOML file each."""
