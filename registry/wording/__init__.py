"""What the API says, put into words: the same for the command line and for the console."""
