"""Git as a sealed child process: commands, remotes, and what their failures mean."""
