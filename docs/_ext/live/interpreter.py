"""Run cells as ipykernel would, in a Python without processes, threads and sockets: the reader's browser.

It does what notebooks use: the value of a cell's last expression in all forms that it offers, with IPython's
own printer for the plain one; ``display`` and what goes with it, by IPython's own code; what is printed;
``await`` outside of functions; exceptions with a traceback as IPython lays it out. What a cell put out is
compared with what was recorded by :mod:`live.transcript`, as at build time.

Outputs have the shape that nbformat gives them. Nothing here is about browsers: it runs anywhere, and is
tested against an ordinary kernel.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextvars
import importlib
import inspect
import io
import linecache
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from live import transcript
from live.tracebacks import explain

#: An output of a cell: what nbformat's version 4 calls one, ``clear_output``, or ``update_display_data``.
Output = dict[str, Any]

# The forms that IPython asks an object for, besides the plain one.
_METHODS = {
    "text/html": "_repr_html_",
    "text/markdown": "_repr_markdown_",
    "image/svg+xml": "_repr_svg_",
    "image/png": "_repr_png_",
    "application/pdf": "_repr_pdf_",
    "image/jpeg": "_repr_jpeg_",
    "text/latex": "_repr_latex_",
    "application/json": "_repr_json_",
    "application/javascript": "_repr_javascript_",
}

# Seconds for which printed text may be held back, so that not every word is sent on its own.
_HELD_BACK = 0.05

# Lines that a traceback shows around the one that failed.
_CONTEXT = 2


# -- Values -------------------------------------------------------------------------------------------------


def formatted(
    value: object, include: Any = None, exclude: Any = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give a value in all forms that it offers.

    :param value: any object.
    :param include: MIME types to give, if not all.
    :param exclude: MIME types not to give.
    :returns: content and metadata by MIME type, as nbformat stores them.
    """
    data: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    display = _method(value, "_ipython_display_")
    if display is not None:
        display()
        return {}, {}
    if bundle := _asked(value, "_repr_mimebundle_", include=include, exclude=exclude):
        both = bundle if isinstance(bundle, tuple) else (bundle, {})
        data, metadata = dict(both[0]), dict(both[1])
    wanted = {"text/plain": "", **_METHODS}
    for mimetype, name in wanted.items():
        if (include and mimetype not in include) or (exclude and mimetype in exclude) or mimetype in data:
            continue
        if not name:
            data[mimetype] = _pretty(value)
            continue
        content = _asked(value, name)
        if content is None:
            continue
        if isinstance(content, tuple) and len(content) == 2:
            content, metadata[mimetype] = content
        data[mimetype] = content
    return {mimetype: _stored(content) for mimetype, content in data.items()}, metadata


def _pretty(value: object) -> str:
    pretty = importlib.import_module("IPython.lib.pretty")
    stream = io.StringIO()
    # The width and the depth that IPython's PlainTextFormatter sets.
    printer = pretty.RepresentationPrinter(stream, False, 79, "\n", max_seq_length=1000)
    printer.pretty(value)
    printer.flush()
    return stream.getvalue()


def _asked(value: object, name: str, **arguments: Any) -> Any:
    """Call a method that a value may have; what it raises is printed, as IPython does."""
    method = _method(value, name)
    if method is None:
        return None
    try:
        return method(**arguments)
    except NotImplementedError:
        return None
    except Exception as error:
        print("\n".join(_traceback(error)), file=sys.stderr)
        return None


def _method(value: object, name: str) -> Callable[..., Any] | None:
    """Find a method of an instance; a class isn't asked, nor is what pretends to have every attribute."""
    if inspect.isclass(value):
        return None
    try:
        if callable(getattr(value, "_ipython_canary_method_should_not_exist_", None)):
            return None
        method = getattr(value, name, None)
    except Exception:
        return None
    return method if callable(method) else None


def _stored(content: Any) -> Any:
    """Write bytes in base 64."""
    if isinstance(content, bytes):
        import base64

        return base64.b64encode(content).decode()
    return content


# -- Exceptions ---------------------------------------------------------------------------------------------


def _traceback(error: BaseException) -> list[str]:
    """Lay out a traceback as IPython does, without colours. It begins at the reader's own code."""
    lines = ["-" * 75]
    for position, (one, joint) in enumerate(chain(error)):
        if position:
            lines += ["", joint, ""]
        name = type(one).__name__
        lines.append(f"{name}{'Traceback (most recent call last)':>{75 - len(name)}}")
        lines += _frames(one)
        lines.append(_last_line(one))
        lines += getattr(one, "__notes__", [])
    return "\n".join(lines).split("\n")


def chain(error: BaseException) -> list[tuple[BaseException, str]]:
    """Give an exception and what led to it.

    :param error: the exception.
    :returns: each exception, the first one first, with what a traceback says between it and its cause.
    """
    found: list[tuple[BaseException, str]] = []
    current: BaseException | None = error
    while current is not None and all(current is not known for known, _ in found):
        joint, cause = "", None
        if current.__cause__ is not None:
            joint = "The above exception was the direct cause of the following exception:"
            cause = current.__cause__
        elif current.__context__ is not None and not current.__suppress_context__:
            joint = "During handling of the above exception, another exception occurred:"
            cause = current.__context__
        found.append((current, joint))
        current = cause
    return found[::-1]


def _frames(error: BaseException) -> list[str]:
    lines: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        # What is below is ours, not the reader's.
        if code.co_filename != __file__ and code.co_filename != run_code.__code__.co_filename:
            lines += [*_frame(code, trace.tb_lineno), ""]
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        lines += [_place(error.filename, error.lineno, ""), *_marked(error), ""]
        lines[-1:] = []
    return lines


def _frame(code: types.CodeType, number: int) -> list[str]:
    function = "" if code.co_name == "<module>" else f", in {code.co_qualname}(…)"
    lines = [_place(code.co_filename, number, function)]
    source = linecache.getlines(code.co_filename)
    for current in range(max(1, number - _CONTEXT), min(len(source), number + _CONTEXT) + 1):
        arrow = f"----> {current}" if current == number else f"{current:>7}"
        lines.append(f"{arrow} {source[current - 1].rstrip()}".rstrip())
    return lines


def _place(filename: str, number: int, function: str) -> str:
    if filename.startswith("Cell In["):
        return f"{filename}, line {number}{function}"
    return f"File {filename}:{number}{function}"


def _marked(error: SyntaxError) -> list[str]:
    """Show the line that isn't Python, with a caret below what is wrong."""
    text = (error.text or "").rstrip("\n")
    return [f"    {text}", f"    {' ' * max(0, (error.offset or 1) - 1)}^"] if text else []


def _last_line(error: BaseException) -> str:
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:
        text = "<exception str() failed>"
    return f"{type(error).__name__}: {text}"


# -- Cells --------------------------------------------------------------------------------------------------


class InputRefused(RuntimeError):
    """A cell asks the reader to type something, as none can be here."""


class _Stream(io.TextIOBase):
    """Standard output or standard error of a cell."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, name: str, session: Session) -> None:
        self.name = name
        self._session = session

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._session.printed(self.name, text)
        return len(text)

    def flush(self) -> None:
        self._session.flush()


class Session:
    """A notebook that runs: its namespace, and where its outputs go.

    :param emit: takes each output as soon as there is one.
    :param translate: what is done to each text before.
    :param remark: gives a sentence for the end of an exception's message, or ``None``.
    :param root: the project's root, to shorten paths in tracebacks.
    """

    def __init__(
        self,
        emit: Callable[[Output], object],
        translate: Callable[[str], str] = lambda text: text,
        remark: Callable[[BaseException], str | None] = lambda error: None,
        root: Path = Path("/project"),
    ) -> None:
        self.emit = emit
        self.translate = translate
        self.remark = remark
        self.root = root
        self.context = contextvars.copy_context()
        self.outputs: list[Output] = []
        self.count = 0
        # What a notebook defines is in the module that Python calls __main__.
        self.module = types.ModuleType("__main__")
        self.module.__dict__["__builtins__"] = builtins
        # Each stream on its own, as in a kernel.
        self._text: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._since = 0.0
        self._clear = False

    # -- What cells put out --

    def put(self, output: Output, source: str = "") -> None:
        """Pass on an output, after what was printed before it.

        :param output: the output.
        :param source: the cell's code, for an error.
        """
        self.flush()
        self._emit(output, source)

    def printed(self, stream: str, text: str) -> None:
        """Pass on printed text, or hold it back for a moment.

        :param stream: ``stdout`` or ``stderr``.
        :param text: the text.
        """
        if not any(self._text.values()):
            self._since = time.monotonic()
        self._text[stream].append(text)
        if time.monotonic() - self._since > _HELD_BACK:
            self.flush()

    def flush(self) -> None:
        """Pass on what is held back."""
        for name, pieces in self._text.items():
            text = "".join(pieces)
            pieces.clear()
            if text:
                self._emit({"output_type": "stream", "name": name, "text": text})

    def _emit(self, output: Output, source: str = "") -> None:
        """Keep an output as a front end would, and pass it on."""
        kind = output["output_type"]
        for name in ("text", "evalue"):
            if name in output:
                output[name] = self.translate(output[name])
        if kind == "error":
            output["traceback"] = [self.translate(line) for line in output["traceback"]]
            output["explained"] = asdict(explain(output, source, self.root))
        if "text/plain" in output.get("data", {}):
            output["data"]["text/plain"] = self.translate(output["data"]["text/plain"])
        if kind == "clear_output":
            self._clear = output["wait"]
            if not output["wait"]:
                self.outputs.clear()
        else:
            if self._clear:
                self.outputs.clear()
                self._clear = False
            last = self.outputs[-1] if self.outputs else {}
            if kind == "stream" and last.get("name") == output["name"]:
                last["text"] += output["text"]
            elif kind == "update_display_data":
                for shown in self.outputs:
                    if shown.get("transient") == output["transient"]:
                        shown.update(data=output["data"], metadata=output["metadata"])
            else:
                self.outputs.append(dict(output))
        self.emit(output)

    # -- Running --

    async def run(self, source: str) -> str:
        """Run a cell.

        :param source: its code.
        :returns: ``ok``, or ``error`` if it raised an exception.
        """
        # All cells share one context, as in a kernel. Django keeps its connections in it.
        return await asyncio.get_running_loop().create_task(self._run(source), context=self.context)

    async def _run(self, source: str) -> str:
        self.count += 1
        self.outputs = []
        self._clear = False
        filename = f"Cell In[{self.count}]"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        with self._in_force():
            try:
                await run_code(source, filename, self.module.__dict__)
            except BaseException as error:
                if sentence := self.remark(error):
                    error.add_note(sentence)
                self.put(
                    {
                        "output_type": "error",
                        "ename": type(error).__name__,
                        "evalue": str(error),
                        "traceback": _traceback(error),
                    },
                    source,
                )
                return "error"
            finally:
                self.flush()
        return "ok"

    @contextmanager
    def _in_force(self) -> Iterator[None]:
        """Let this session's cells have what a kernel gives them."""
        before = sys.stdout, sys.stderr, sys.displayhook, builtins.input, sys.modules["__main__"]
        sys.stdout, sys.stderr = _Stream("stdout", self), _Stream("stderr", self)
        sys.displayhook = self._show
        builtins.input = _refuse_input
        sys.modules["__main__"] = self.module
        try:
            yield
        finally:
            sys.stdout, sys.stderr, sys.displayhook, builtins.input, sys.modules["__main__"] = before

    def _show(self, value: object) -> None:
        """Put out the value of a cell's last expression."""
        if value is None:
            return
        self.module.__dict__["_"] = value
        data, metadata = formatted(value)
        if data:
            self.put(
                {
                    "output_type": "execute_result",
                    "execution_count": self.count,
                    "data": data,
                    "metadata": metadata,
                }
            )

    # -- IPython's side --

    def install(self) -> None:
        """Let ``IPython.display`` put out through this session.

        IPython's own functions ask ``IPython.core.interactiveshell`` for what publishes. The real one is a
        whole terminal.
        """
        shell = types.SimpleNamespace(
            display_formatter=types.SimpleNamespace(format=formatted),
            display_pub=types.SimpleNamespace(publish=self._publish, clear_output=self._clear_output),
        )
        module = types.ModuleType("IPython.core.interactiveshell")
        module.InteractiveShell = types.SimpleNamespace(  # type: ignore[attr-defined]
            initialized=lambda: True, instance=lambda: shell
        )
        sys.modules[module.__name__] = module
        from IPython import display

        self.module.__dict__["display"] = display.display

    def _publish(
        self,
        data: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        *,
        transient: dict[str, Any] | None = None,
        update: bool = False,
        **_: Any,
    ) -> None:
        output: Output = {
            "output_type": "update_display_data" if update else "display_data",
            "data": {mimetype: _stored(content) for mimetype, content in data.items()},
            "metadata": metadata or {},
        }
        if transient:
            output["transient"] = transient
        self.put(output)

    def _clear_output(self, wait: bool = False) -> None:
        self.put({"output_type": "clear_output", "wait": wait})


async def run_code(source: str, filename: str, namespace: dict[str, Any]) -> None:
    """Run code, and give the value of its last expression to ``sys.displayhook``.

    :param source: the code, which may await something outside of functions.
    :param filename: what tracebacks call it.
    :param namespace: where its names are.
    """
    tree = ast.parse(source, filename)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    quiet = source.rstrip().endswith(";")
    await _evaluated(compile(tree, filename, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), namespace)
    if isinstance(last, ast.Expr):
        expression = ast.Expression(last.value)
        code = compile(expression, filename, "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        value = await _evaluated(code, namespace)
        if not quiet:
            sys.displayhook(value)


async def _evaluated(code: types.CodeType, namespace: dict[str, Any]) -> Any:
    value = eval(code, namespace)
    return await value if code.co_flags & inspect.CO_COROUTINE else value


def _refuse_input(prompt: object = "", /) -> str:
    raise InputRefused("Nothing can be typed in here: input() works in a notebook on your own machine only.")


def compared(recorded: str | None, outputs: list[Output]) -> Mapping[str, Any]:
    """Compare what a cell put out with what was recorded.

    :param recorded: lines of a transcript; ``None`` if there are none.
    :param outputs: what it put out.
    :returns: ``same``, which is ``None`` if nothing is recorded, and ``diff``.
    """
    if recorded is None:
        return {"same": None, "diff": ""}
    diff = transcript.difference(recorded, outputs)
    return {"same": not diff, "diff": diff}
