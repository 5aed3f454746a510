"""Git as a sealed child process: commands, remotes, and the diagnosis of failures."""
