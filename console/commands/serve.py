"""yuelu serve, yuelu forward: the pages that people label on, and bringing what they sent to its site."""

import click

from yuelu.base.settings import Settings
from yuelu.console.show import bar, json_option, print_json
from yuelu.console.words import say


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8300, show_default=True, help="The port to listen on.")
@click.option("--public", metavar="URL", help="Where people reach it, such as https://label.example; behind a proxy with TLS.")
@click.option("--trust", metavar="ADDRESS", multiple=True, help="A proxy whose X-Forwarded-For is believed.")
@click.option("--no-forward", is_flag=True, help="Leave forwarding to another 'yuelu serve' or to 'yuelu forward'.")
@json_option
@click.pass_obj
def serve(
    settings: Settings, host: str, port: int, public: str | None, trust: tuple[str, ...], no_forward: bool, as_json: bool
) -> None:
    """Serve the pages that people label on, and forward what they send. Ends with Ctrl-C."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.gateway.editor import find_editor
    from yuelu.console.gateway.handlers import Gateway
    from yuelu.console.gateway.routes import place
    from yuelu.console.gateway.serve import listening
    from yuelu.console.gateway.serve import serve as run

    workspace, editor = open_workspace(settings), find_editor(settings.label_studio)
    with listening(host, port) as listener:
        where = place(host, listener.getsockname()[1], public)
        gateway = Gateway(
            workspace=workspace,
            editor=editor,
            place=where,
            language=settings.language,
            secure=public is not None and public.startswith("https://"),
            trusted=frozenset(trust),
        )
        url = public or f"http://{host}:{listener.getsockname()[1]}"
        print_json({"url": url}) if as_json else click.echo(url)
        run(gateway, listener, None if no_forward else settings.label_studio)


@click.command()
@json_option
@click.pass_obj
def forward(settings: Settings, as_json: bool) -> None:
    """Bring what people submitted to the sites that their tasks lie on. Run again, nothing is sent twice."""
    from dataclasses import asdict

    from yuelu.base.workspace import open_workspace
    from yuelu.console.forwarding import forward_all
    from yuelu.console.service import for_command

    workspace = open_workspace(settings)
    with bar("forward", quiet=as_json) as progress, for_command(workspace, settings):
        report = forward_all(workspace, settings.label_studio, progress)
    if as_json:
        print_json(asdict(report))
        return
    click.echo(say(settings.language, "{delivered} delivered, {refused} refused, {waiting} waiting", **asdict(report)))
