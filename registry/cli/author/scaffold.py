"""The files of a new prompts repository, by their paths."""

from __future__ import annotations

from registry.cli.author import workflows

SUMMARIZE = """\
name: Summarize
description: A support thread in a few sentences, for the agent who takes it over
model: openai/gpt-5.4-mini
modelParameters:
  maxTokens: 300
variables:
  - name: text
    required: true
    description: the whole thread, oldest message first
  - name: tone
    required: false
    default: neutral
    description: how the summary should sound
messages:
  - role: system
    content: >-
      You summarize support threads for the agent who takes them over. Write three sentences at most:
      what the customer wants, what has been tried, and where it stands. Tone: {{tone}}.
  - role: user
    content: "{{text}}"
"""

TRIAGE = """\
name: Triage
description: Which queue a new message belongs to
model: openai/gpt-5.4-mini
modelParameters:
  maxTokens: 100
responseFormat: json_object
messages:
  - role: system
    content: >-
      Sort the customer's message. Answer with one JSON object that has two keys: queue, which is
      billing, technical or other; and urgent, which is true or false.
  - role: user
    content: "{{message}}"
"""

README = """\
# Prompts

A prompt is a file, `prompts/<name>.prompt.yml`. A version of it is a git tag, `<name>/v<version>`, and never
changes: a better text is a new version.

## A day of an author

    $EDITOR prompts/summarize.prompt.yml
    promptstage check                        # is every file fit to be served?
    git commit -am "Shorter summaries"
    promptstage tag summarize --push         # shows what is new, and proposes the version
    promptstage start summarize 1.0.1        # to a few users first

`{{name}}` in a message is where an app puts a value. `variables` says which there are; one that is not
`required` has a default. From that follows what the next version is:

| change | version |
|---|---|
| a new required variable, or one that is gone: apps must change | major, 2.0.0 |
| a new optional variable, or another model | minor, 1.1.0 |
| another text | patch, 1.0.1 |

Let the host protect the tags `**/v*`, so that a version cannot be moved or deleted: a tag ruleset on GitHub,
protected tags on GitLab, Gitea and Forgejo. `*/v*` is too little on GitHub, whose `*` ends at a `/`:
`support/triage/v1.0.0` would stay open.

`promptstage check --codes` lists what is looked at; a line `# promptstage: ignore unknown_key` in a file
silences a warning there. The same check runs on every push, by
`.github/workflows/prompts.yml` on GitHub and `.gitlab-ci.yml` on GitLab; delete the one that you do not need.

## Cases

What an answer must be stands beside the prompt, one case a line, in `prompts/summarize.cases.jsonl`:

    {"id": "late", "vars": {"text": "Parcel 47 is late."}, "assert": [{"type": "contains", "value": "47"}]}

`promptstage eval summarize --against stable` asks the model for each, and names those that became worse. A
pull request that changes a prompt runs its cases, if the secret `OPENAI_API_KEY` is set, and gets the result
as a comment.
"""

IGNORED = """\
# what a registry that is started here keeps
.data/
# answers of models, and reports; to run suites elsewhere with --offline, commit .promptstage/answers
.promptstage/
"""

PROMPTS = ("summarize", "support/triage")


def samples(folder: str | None = None) -> dict[str, str]:
    """The sample prompts, in the usual folder or in another one."""
    texts = dict(zip(PROMPTS, (SUMMARIZE, TRIAGE), strict=True))
    base = "prompts/" if folder is None else f"{folder}/".lstrip("/")
    return {f"{base}{name}.prompt.yml": text for name, text in texts.items()}


def checks(install: str) -> dict[str, str]:
    """The workflows, which install Promptstage by this command."""
    texts = {".github/workflows/prompts.yml": workflows.GITHUB, ".gitlab-ci.yml": workflows.GITLAB}
    return {path: text.replace("PIP_INSTALL", install) for path, text in texts.items()}


def files(install: str) -> dict[str, str]:
    """All that a new repository holds."""
    return {"README.md": README, ".gitignore": IGNORED, **checks(install), **samples()}
