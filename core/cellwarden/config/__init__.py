"""One TOML file, checked as a whole: every mistake is reported at once."""
