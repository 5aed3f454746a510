"""The workflows of a new prompts repository: check every push, and run the suites of what a change touches.

A regression passes only with an override that its author cannot give alone: on GitHub a label that somebody
else has set, on GitLab a variable of the project's settings. What stands in a title, a branch or a label
reaches a shell through its environment alone, never as a part of the script.
"""

from __future__ import annotations

GITHUB = """\
# Every prompt file is checked before it can be merged; what is wrong is shown beside its line.
# The suites of prompts that a pull request changes are run; the result is a comment, and JUnit's XML.
# A regression fails the job, unless somebody else than its author sets the label eval-override. So let this
# file be reviewed by others, too: name its owners in .github/CODEOWNERS.
name: prompts
on:
  push:
  pull_request:
    types: [opened, synchronize, reopened, labeled, unlabeled]
permissions:
  contents: read
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0  # with all tags, which are the versions that were made
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - run: PIP_INSTALL
      - run: promptstage check

  eval:
    # Not for a fork, which gets no secret.
    if: >-
      github.event_name == 'pull_request' &&
      github.event.pull_request.head.repo.full_name == github.repository
    runs-on: ubuntu-latest
    permissions:
      contents: read
      pull-requests: write  # the comment
    env:
      OPENAI_API_KEY: ${{ secrets.OPENAI_API_KEY }}
      OPENAI_BASE_URL: ${{ vars.OPENAI_BASE_URL }}
      GH_TOKEN: ${{ github.token }}
      AUTHOR: ${{ github.event.pull_request.user.login }}
      BASE: origin/${{ github.base_ref }}
      NUMBER: ${{ github.event.pull_request.number }}
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      - uses: actions/cache@v4  # answers that were paid for once
        with:
          path: .promptstage/answers
          key: answers-${{ github.run_id }}
          restore-keys: answers-
      - run: PIP_INSTALL openai
      - name: Find out who set the label eval-override
        if: contains(github.event.pull_request.labels.*.name, 'eval-override')
        run: |
          events="repos/$GITHUB_REPOSITORY/issues/$NUMBER/events"
          set_by='.[] | select(.event == "labeled" and .label.name == "eval-override") | .actor.login'
          by=$(gh api --paginate "$events" --jq "$set_by" | tail -n 1)
          if [ -n "$by" ] && [ "$by" != "$AUTHOR" ]; then
            echo "PROMPTSTAGE_EVAL_OVERRIDE=label eval-override, set by $by" >> "$GITHUB_ENV"
          else
            echo "::warning::the label eval-override counts if somebody else than $AUTHOR sets it"
          fi
      - name: Run the suites
        if: env.OPENAI_API_KEY != ''
        run: promptstage eval --changed "$BASE" --against "$BASE" --repeat 3 -o eval.md -o eval.xml
      - name: Comment
        if: always() && hashFiles('eval.md') != ''
        run: |
          comments="repos/$GITHUB_REPOSITORY/issues/$NUMBER/comments"
          ours='.[] | select(.body | startswith("<!-- promptstage eval -->")) | .id'
          id=$(gh api --paginate "$comments" --jq "$ours" | head -n 1)
          if [ -n "$id" ]; then
            gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$id" -F body=@eval.md
          else
            gh api --silent --method POST "$comments" -F body=@eval.md
          fi
      - uses: actions/upload-artifact@v4
        if: always() && hashFiles('eval.xml') != ''
        with:
          name: eval
          path: eval.xml
"""

GITLAB = """\
# Every prompt file is checked before it can be merged; what is wrong is shown in the merge request.
check-prompts:
  image: python:3.12
  variables:
    GIT_DEPTH: 0  # with all tags, which are the versions that were made
  script:
    - PIP_INSTALL
    - promptstage check --format gitlab > gl-code-quality-report.json || true
    - promptstage check
  artifacts:
    when: always
    reports:
      codequality: gl-code-quality-report.json

# The suites of prompts that a merge request changes are run; a case that became worse fails the job.
# A maintainer lets one pass by the variable PROMPTSTAGE_EVAL_OVERRIDE in the settings of the project, with
# the reason as its value.
eval-prompts:
  image: python:3.12
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event" && $OPENAI_API_KEY
  variables:
    GIT_DEPTH: 0
  cache:  # answers that were paid for once
    key: promptstage-answers
    paths: [.promptstage/answers]
  script:
    - PIP_INSTALL openai
    - BASE="origin/$CI_MERGE_REQUEST_TARGET_BRANCH_NAME"
    - git fetch origin "+refs/heads/$CI_MERGE_REQUEST_TARGET_BRANCH_NAME:refs/remotes/$BASE"
    - promptstage eval --changed "$BASE" --against "$BASE" --repeat 3 -o eval.xml -o eval.md
  artifacts:
    when: always
    paths: [eval.md]
    reports:
      junit: eval.xml
"""
