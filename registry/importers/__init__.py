"""Readers of other tools' prompts: bytes in, versions out, oldest first. Pure.

One file a format. Each has ``read(files)``, which takes the files of a source by their paths and yields
`imported.Imported` and `imported.Refused`. A hosted tool's answers are files, too: whoever asks its API
gives the bodies to the same reader as a dump. `registry.cli.imports` writes what is read into git.
"""
