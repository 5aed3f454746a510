"""The console: pages for people, over the same API as every other caller."""
