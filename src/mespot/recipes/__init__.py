"""The recipes that come with mespot, one TOML file each."""
