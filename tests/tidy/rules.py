"""The rules of ARCHITECTURE.md as functions: each takes one `Source` and yields the breaches it finds.

A rule listed in EXCUSABLE may be lifted for one line by `# tidy: rule-name - reason`; the others may not, ever: they
are what the safety of the house rests on.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from tests.tidy.source import SHOPS, Breach, Source

Rule = Callable[[Source], Iterator[Breach]]


def words(text: str) -> frozenset[str]:
    """The words of a line as a set: tables below stay readable."""
    return frozenset(text.split())


WORLD_MODULES = words(
    "aiohttp apscheduler asyncio concurrent fcntl http.client http.server mmap multiprocessing select "
    "selectors shutil signal socket socketserver sqlite3 ssl subprocess tempfile threading urllib.request uvloop "
    "websockets"
)
FILE_METHODS = words("is_dir is_file iterdir mkdir read_bytes read_text rglob rmdir unlink write_bytes write_text")
PATH_METHODS = words("chmod exists glob open rename stat symlink_to touch")  # words of the trade too
OS_WITHOUT_EFFECT = frozenset({"os.fspath", "os.getpid", "os.path.join", "os.path.basename", "os.path.dirname"})
CLOCKS = re.compile(
    r"(time\.(time|monotonic|perf_counter|process_time|thread_time)(_ns)?|time\.(clock_gettime(_ns)?|localtime|gmtime|ctime)"
    r"|(.*\.)?datetime\.(now|utcnow|today)|(.*\.)?date\.today|(.*[._])?loop(\(\))?\.time)"
)
ENTROPY = re.compile(r"(random\.(?!Random$)\w+|secrets\.\w+|uuid\.uuid[14]|os\.urandom)")
BANNED_NAMES = words("manager managers util utils helper helpers handler handlers common base misc stuff")
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
THEORY_LINES_MAX = 15
LONG = re.compile(r"#\s*long: \S.{7,}")
BROAD = frozenset({"Exception", "BaseException"})


def effects_stay_at_the_edge(src: Source) -> Iterator[Breach]:
    """Async, sockets, threads, signals and file I/O live in `*_io.py` and in sim/."""
    if src.may_touch_the_world:
        return
    for node in ast.walk(src.tree):
        match node:
            case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                yield Breach(node.lineno, "async code")
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp() if any(
                part.is_async for part in node.generators
            ):
                yield Breach(node.lineno, "async code")
    for line, module in src.imports():
        if module in WORLD_MODULES or module.partition(".")[0] in WORLD_MODULES:
            yield Breach(line, f"imports {module}")
    paths = any(module in {"pathlib", "os"} for _, module in src.imports())
    for call, name in src.calls():
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if name in {"open", "input", "io.open"} or method in FILE_METHODS or (paths and method in PATH_METHODS):
            yield Breach(call.lineno, f"touches files: {name or method}()")
        elif name.startswith("os.") and name not in OS_WITHOUT_EFFECT and not name.startswith("os.environ"):
            yield Breach(call.lineno, f"touches the system: {name}()")


def pure_rooms_do_not_open_doors(src: Source) -> Iterator[Breach]:
    """A pure module importing an `*_io` module would bring the world into a plain unit test; only the wiring may."""
    if src.may_touch_the_world or src.path.startswith("daemon/cli") or src.path.endswith("__main__.py"):
        return
    for line, module in src.imports():
        parts = module.split(".")
        if parts[0] in SHOPS and any(part.endswith("_io") for part in parts):
            yield Breach(line, f"imports {module}")


def one_file_reads_a_clock(src: Source) -> Iterator[Breach]:
    """`now` is stamped in daemon/system_clock.py and handed down."""
    if not src.in_house or src.path == "daemon/system_clock.py":
        return
    for node in ast.walk(src.tree):
        # the bare reference counts too: `default_factory=time.monotonic` reads a clock later on
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
            name = src.dotted(node)
            if CLOCKS.fullmatch(name):
                yield Breach(node.lineno, f"reads a clock: {name}")


def chance_is_given(src: Source) -> Iterator[Breach]:
    """Replay and simulation need every draw to come from a seed: a generator is an argument, like `now`."""
    if not src.in_house or (src.may_touch_the_world and src.shop != "sim"):
        return
    for call, name in src.calls():
        if ENTROPY.fullmatch(name) or (name == "random.Random" and not call.args):
            yield Breach(call.lineno, f"draws unseeded: {name}()")


def now_is_given(src: Source) -> Iterator[Breach]:
    """`now or read_clock()` hides a clock and turns zero into the present; so does a `now` that may be None."""
    if not src.in_house:
        return
    for node in ast.walk(src.tree):
        match node:
            case ast.BoolOp(op=ast.Or(), values=[first, *_]) if _is_now(first):
                yield Breach(node.lineno, "`now or ...`")
            case ast.Compare(left=x, ops=[ast.Is() | ast.IsNot()], comparators=[ast.Constant(value=None)]) if _is_now(
                x
            ):
                yield Breach(node.lineno, "`now` that may be None")


def _is_now(node: ast.expr) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return re.fullmatch(r"_?(\w+_)?now(_(ns|ms|s|utc|utc_ns|mono_ns))?", name) is not None


# A permission, and the one file that makes it.
MINTS = {"Cleared": "guards/gate.py", "CloseOut": "execution/closeout/permission.py"}


def permissions_have_one_mint(src: Source) -> Iterator[Breach]:
    """A permission (`Cleared`, `CloseOut`) has one mint: nobody else makes, copies, decodes or subclasses it."""
    for permission, mint in MINTS.items():
        if src.in_house and src.path != mint:
            yield from _minted(src, permission)


def _minted(src: Source, permission: str) -> Iterator[Breach]:
    for node in ast.walk(src.tree):
        if isinstance(node, ast.ClassDef) and any(_names(src, base, permission) for base in node.bases):
            yield Breach(node.lineno, f"subclasses {permission}")
    for call, name in src.calls():
        if name.rpartition(".")[2] == permission or f".{permission}." in f".{name}":
            yield Breach(call.lineno, f"makes a {permission}")
            continue
        given = [*call.args, *(word.value for word in call.keywords)]
        if name not in {"isinstance", "issubclass"} and any(
            _names(src, part, permission) for arg in given for part in ast.walk(arg) if isinstance(part, ast.expr)
        ):
            yield Breach(call.lineno, f"hands the type {permission} to {name or 'a call'}()")
        held_as = {"Cleared": "cleared", "CloseOut": "leave"}[permission]
        if name.rpartition(".")[2] == "replace" and call.args and held_as in src.dotted(call.args[0]).lower():
            yield Breach(call.lineno, f"copies a {permission} with changes")


def _names(src: Source, node: ast.expr, permission: str) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and src.dotted(node).rpartition(".")[2] == permission


def nothing_is_swallowed(src: Source) -> Iterator[Breach]:
    """A bare or broad `except` must raise again; `suppress(Exception)` and silent `BaseException` likewise."""
    if not src.in_house:
        return
    for node in ast.walk(src.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type] if node.type else []
        broad = not kinds or any(src.dotted(kind).rpartition(".")[2] in BROAD for kind in kinds)
        if broad and not any(_raises(step) for step in node.body):
            yield Breach(node.lineno, "broad except that does not raise again")
    for call, name in src.calls():
        if name.rpartition(".")[2] == "suppress" and any(src.dotted(arg) in BROAD for arg in call.args):
            yield Breach(call.lineno, "suppresses everything")


def _raises(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
        return False  # what is defined here is not what happens here
    return isinstance(node, ast.Raise) or any(_raises(child) for child in ast.iter_child_nodes(node))


def names_from_the_trade(src: Source) -> Iterator[Breach]:
    """No manager, utils, helper, handler, common, base: a name that fits everything says nothing."""
    path = PurePosixPath(src.path)
    for part in (*path.parts[:-1], path.stem):
        if BANNED_NAMES & set(part.lower().split("_")):
            yield Breach(1, f"module named {part}")
    for node in ast.walk(src.tree):
        if isinstance(node, ast.ClassDef):
            words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", node.name)
            if BANNED_NAMES & {word.lower() for word in words}:
                yield Breach(node.lineno, f"class named {node.name}")


def rooms_are_small(src: Source) -> Iterator[Breach]:
    """A module fits in 400 lines and a function in 60 (its docstring apart), or says why: `# long: reason`."""
    if not src.in_house:
        return
    lines = src.text.splitlines()
    if len(lines) > MODULE_LINES_MAX and not any(LONG.search(line) for line in lines[:20]):
        yield Breach(1, f"module of {len(lines)} lines")
    for node in ast.walk(src.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            body = node.lineno
            if ast.get_docstring(node, clean=False) is not None:
                length -= (first.end_lineno or first.lineno) - first.lineno + 1
                body = first.end_lineno or first.lineno
            if length > FUNCTION_LINES_MAX and not any(LONG.search(line) for line in lines[node.lineno - 1 : body + 1]):
                yield Breach(node.lineno, f"function {node.name} of {length} lines")


def every_door_has_a_sign(src: Source) -> Iterator[Breach]:
    """Modules (in at most 15 lines of theory), public classes and public functions have a docstring."""
    if not src.in_house:
        return
    theory = ast.get_docstring(src.tree)
    if not theory:
        yield Breach(1, "module without a docstring")
    elif len(theory.splitlines()) > THEORY_LINES_MAX:
        yield Breach(1, f"module docstring of {len(theory.splitlines())} lines: theory fits in {THEORY_LINES_MAX}")
    yield from _unsigned(src, src.tree)


def _unsigned(src: Source, scope: ast.Module | ast.ClassDef) -> Iterator[Breach]:
    for node in scope.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        marks = {src.dotted(mark).rpartition(".")[2] for mark in node.decorator_list}
        if ast.get_docstring(node) is None and not marks & {"overload", "override", "setter"}:
            yield Breach(node.lineno, f"{node.name} without a docstring")
        if isinstance(node, ast.ClassDef):
            yield from _unsigned(src, node)


def money_is_whole(src: Source) -> Iterator[Breach]:
    """No float touches an order: no float literal, conversion, annotation or true division where orders are made."""
    if not (src.shop == "execution" or src.path in {"domain/money.py", "domain/actions.py"}):
        return
    for node in ast.walk(src.tree):
        match node:
            case ast.Constant(value=float() as value):
                yield Breach(node.lineno, f"float literal {value}")
            case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
                yield Breach(node.lineno, "true division")
            case ast.Name(id="float"):
                yield Breach(node.lineno, "float")


def tests_never_sleep(src: Source) -> Iterator[Breach]:
    """Time is passed in or jumps; only tests on real processes (tests/live/) wait, and they poll for a fact."""
    if src.shop != "tests" or src.path.startswith("tests/live/"):
        return
    for call, name in src.calls():
        if name in {"time.sleep", "asyncio.sleep"} and not _zero(call):
            yield Breach(call.lineno, f"{name}()")


def the_house_never_blocks(src: Source) -> Iterator[Breach]:
    """`time.sleep` stops the whole loop; whoever must wait awaits. Zero only hands the interpreter on."""
    if not src.in_house:
        return
    for call, name in src.calls():
        if name == "time.sleep" and not _zero(call):
            yield Breach(call.lineno, "time.sleep()")


def _zero(call: ast.Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0


STATE_TAKERS = words(
    "daemon/engine/state.py daemon/engine/step.py daemon/engine/observe.py daemon/engine/operator_requests.py "
    "daemon/engine/market/conditions.py daemon/engine/model/watch.py "
    "daemon/engine/drills/session.py daemon/engine/recovered_steps.py daemon/engine/memory.py"
)


def readers_take_the_view(src: Source) -> Iterator[Breach]:
    """The state itself is taken by who decides, observes or restores; everybody else takes `StateView`."""
    if not src.in_house or src.path in STATE_TAKERS:
        return
    for line, module in src.imports():
        if module == "daemon.engine.state":
            yield Breach(line, "takes the state itself, which can be written; take StateView")


DECLARED = words(
    "aiohappyeyeballs aiohttp apscheduler cryptography holidays msgspec multidict orjson prometheus_client pydantic "
    "pydantic_settings rich structlog typer tzdata uvloop websockets"
)


def only_declared_libraries(src: Source) -> Iterator[Breach]:
    """What runs leans on the runtime lock alone; a library that only the checks install would fail on the first day."""
    if not src.in_house:
        return
    for line, module in src.imports():
        top = module.partition(".")[0]
        if top not in DECLARED and top not in SHOPS and top not in sys.stdlib_module_names:
            yield Breach(line, f"imports {top}, which requirements.txt does not bring")


BUILT_IN_SHAPES = words("bool bytes dict float frozenset int list msgspec msgspec.Raw object set str tuple typing.Any")


def decoders_are_prepared(src: Source) -> Iterator[Breach]:
    """A struct's decoder stands at the top of a module: two threads that decode a type first at once end the process.

    msgspec fills in what it knows of a struct at its first use and shows it to other threads half filled.
    """
    if not src.in_house:
        return
    in_functions = {
        id(inner)
        for node in ast.walk(src.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(node)
    }
    for call in (node for node in ast.walk(src.tree) if isinstance(node, ast.Call)):
        name, position = src.dotted(call.func), 1
        if name.endswith((".Decoder", "domain.door.Door")) and id(call) in in_functions:
            position = 0
        elif name not in {"msgspec.json.decode", "msgspec.convert", "msgspec.toml.decode", "msgspec.yaml.decode"}:
            continue
        shape = next((word.value for word in call.keywords if word.arg == "type"), None)
        if shape is None and len(call.args) > position:
            shape = call.args[position]
        if shape is not None and not _is_built_in(src, shape):
            yield Breach(call.lineno, f"{name} of a type at its use: make its decoder beside the type")


def _is_built_in(src: Source, shape: ast.expr) -> bool:
    """True for a type that is written with nothing but Python's own containers and values."""
    named = (node for node in ast.walk(shape) if isinstance(node, ast.Name | ast.Attribute))
    return all(src.dotted(node) in BUILT_IN_SHAPES for node in named)


THE_DOOR = "domain/door.py"
JSON_READERS = words("json.JSONDecoder json.load json.loads msgspec.json.Decoder msgspec.json.decode orjson.loads")


def json_comes_through_a_door(src: Source) -> Iterator[Breach]:
    """JSON text becomes values in a `Door` alone: bounded in size, depth and numbers, refused by one type.

    The bare reference counts too: `loads = orjson.loads` reads later on. The simulators read as they like.
    """
    if not src.in_house or src.shop == "sim" or src.path == THE_DOOR:
        return
    for node in ast.walk(src.tree):
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
            name = src.dotted(node)
            if name in JSON_READERS:
                yield Breach(node.lineno, f"reads JSON beside a Door: {name}")
    for call, name in src.calls():
        if name.endswith(".json") and not call.args and not name.startswith("msgspec."):
            yield Breach(call.lineno, f"reads JSON beside a Door: {name}()")


FOLLOWERS = words("httpx requests urllib.request")
ASKING = words("delete get head options patch post put request")


def redirects_are_not_followed(src: Source) -> Iterator[Breach]:
    """A redirect would take a key or a signature to another host: no client that follows, and aiohttp told not to."""
    if not src.in_house or src.shop == "sim":
        return
    for line, module in src.imports():
        if module in FOLLOWERS or module.partition(".")[0] in FOLLOWERS:
            yield Breach(line, f"{module} follows redirects")
    for call, name in src.calls():
        owner, _, method = name.rpartition(".")
        told = [word.value for word in call.keywords if word.arg == "allow_redirects"]
        refuses = [isinstance(value, ast.Constant) and value.value is False for value in told]
        if owner.rpartition(".")[2].strip("_") == "session" and method in ASKING and refuses != [True]:
            yield Breach(call.lineno, f"{name}() without allow_redirects=False")


RULES: dict[str, Rule] = {
    "effects": effects_stay_at_the_edge,
    "doors": pure_rooms_do_not_open_doors,
    "clock": one_file_reads_a_clock,
    "chance": chance_is_given,
    "now": now_is_given,
    "cleared": permissions_have_one_mint,
    "state": readers_take_the_view,
    "swallow": nothing_is_swallowed,
    "names": names_from_the_trade,
    "size": rooms_are_small,
    "docstring": every_door_has_a_sign,
    "float": money_is_whole,
    "test-sleep": tests_never_sleep,
    "block": the_house_never_blocks,
    "library": only_declared_libraries,
    "prepared": decoders_are_prepared,
    "json": json_comes_through_a_door,
    "redirects": redirects_are_not_followed,
}
EXCUSABLE = frozenset({"effects", "doors", "swallow", "names", "float", "chance", "test-sleep", "prepared"})


def breaches(rule: str, src: Source) -> list[Breach]:
    """What `rule` finds in `src`, less the lines whose excuse is written on them."""
    found = sorted(set(RULES[rule](src)), key=lambda breach: (breach.line, breach.what))
    return [b for b in found if not (rule in EXCUSABLE and (b.line, rule) in src.excuses)]
