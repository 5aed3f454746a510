"""The operator's rules: what an environment requires of a change, and what the operator is told of.

    [environments.production]
    approval = true         # a start or promote waits until another token approves it

One TOML file, which is read when a registry starts; to change a rule, change the file and start the registry
again. Only who may write that file decides where notifications go: no API does.
"""
