"""One file a driver; the folder is walked, so there is no list to edit."""
