"""What a new prompts repository holds: text files, by their paths."""

from __future__ import annotations

SUMMARIZE = """\
name: Summarize
description: A support thread in a few sentences, for the agent who takes it over
model: openai/gpt-5-mini
modelParameters:
  temperature: 0.2
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
model: openai/gpt-5-mini
modelParameters:
  temperature: 0
responseFormat: json_object
messages:
  - role: system
    content: >-
      Sort the customer's message. Answer with one JSON object that has two keys: queue, which is
      billing, technical or other; and urgent, which is true or false.
  - role: user
    content: "{{message}}"
"""

WORKFLOW = """\
# Every prompt file is validated before it can be merged.
name: prompts
on: [push, pull_request]
permissions:
  contents: read
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: pip install promptstage-registry
      - run: promptstage check
"""

README = """\
# Prompts

A prompt is a file, `prompts/<name>.prompt.yml`. A version of it is a git tag, `<name>/v<version>`.

    promptstage check                    # is every file fit to be served?
    git commit -am "Shorter summaries"
    promptstage tag summarize --minor --push
    promptstage start summarize 1.1.0    # to a few users first
"""

IGNORED = """\
# what a registry that is started here keeps
.data/
"""

FILES = {
    "README.md": README,
    ".gitignore": IGNORED,
    ".github/workflows/prompts.yml": WORKFLOW,
    "prompts/summarize.prompt.yml": SUMMARIZE,
    "prompts/support/triage.prompt.yml": TRIAGE,
}
PROMPTS = ("summarize", "support/triage")
