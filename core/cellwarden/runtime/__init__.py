"""The only place that waits, retries, supervises and logs."""
