"""``gomq completion``: what makes a shell complete commands, options, topics and groups."""

import click

from gomq.cli.options import examples


@click.command(
    epilog=examples(
        "source <(gomq completion bash)                                    # in ~/.bashrc; bash 4.4 or newer",
        "source <(gomq completion zsh)                                     # in ~/.zshrc, behind compinit",
        "gomq completion fish > ~/.config/fish/completions/gomq.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), metavar="bash|zsh|fish")
def completion(*, shell: str) -> None:
    """Print what makes a shell complete commands and options, and the names of topics and groups.

    These are asked of the broker that -b names, or GOMQ_BROKER, for a second at most.
    """
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - only here

    from gomq.cli.main import COMPLETES, PROGRAM, command  # noqa: PLC0415 - which imports this module

    found = get_completion_class(shell)
    assert found is not None  # click has all three
    script = found(command(), {}, PROGRAM, COMPLETES)
    print(script.source_template % script.source_vars())
