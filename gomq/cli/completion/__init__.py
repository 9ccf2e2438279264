"""``gomq completion``: what makes a shell complete."""

from gomq.cli.completion.command import completion as completion
