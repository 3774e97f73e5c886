"""`cellwarden scan`: what answers on this computer's links, and the configuration that reads it."""
