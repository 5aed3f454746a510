"""Running a suite: ask a model, judge its answers, and compare two versions."""
