"""``gomq serve``: run the broker until it is told to stop."""

from typing import Any, Final

import click

from gomq.cli.config.setting_options import setting_options, sources_of
from gomq.cli.options import examples
from gomq.cli.without_rich import leave_rich_out_of_structlog

_EPILOG: Final = """\
There are more settings, and each can be given as an option, in the environment or in the file: `gomq config docs`
prints them all, `gomq config show` what counts and why. A setting of the file has the name of its option.

"""


@click.command(
    epilog=_EPILOG
    + examples(
        "gomq serve --data ./data",
        "gomq serve --listen 0.0.0.0:9092 --log-retention-ms 604800000",
        "gomq serve --listen 127.0.0.1:0 --flush never",
        "gomq serve --config gomq.toml",
    )
)
@setting_options
@click.pass_context
def serve(context: click.Context, /, **_: Any) -> None:  # noqa: ANN401 - the settings, which the context has too
    """Run a broker until SIGTERM or Ctrl-C.

    Once it serves, one line on stdout says where: BROKERS=127.0.0.1:9092, of several listeners comma-separated. A
    second one with METRICS= follows where --metrics-listen is given. A second signal ends it at once, without the
    tidying up.
    """
    sources = sources_of(context)
    effective = sources.resolve()
    leave_rich_out_of_structlog()
    from gomq.cli.serve.serving import serve_until_told  # noqa: PLC0415 - help is not to wait for the broker

    serve_until_told(sources, effective)
