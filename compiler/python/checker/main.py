"""The actor that checks the sources of other actors while they are built.

It runs on the interpreter that will run them, so that what it takes is what
they may say. It never runs them.
"""

import ast
import dis
import importlib.util
import sys
import types
import warnings
from collections.abc import Iterator

import grow

IMPORT = dis.opmap["IMPORT_NAME"]
FROM = dis.opmap["IMPORT_FROM"]
STORE = dis.opmap["STORE_NAME"]
NAME = dis.opmap["LOAD_NAME"]
ATTR = dis.opmap["LOAD_ATTR"]
CONST = dis.opmap["LOAD_CONST"]
CALL = dis.opmap["CALL"]
INTRINSIC = dis.opmap["CALL_INTRINSIC_1"]
IMPORT_STAR = 2  # of those
NOTHING = {dis.opmap["CACHE"], dis.opmap["PUSH_NULL"], dis.opmap["NOP"]}
EXTENDED = dis.EXTENDED_ARG

# What is found here is the checker's own, and not there for others.
own = {"main"}
known: dict[str, bool] = {}


@grow.on("source.check")
def check(ctx, message: grow.Message):
    """Compile one file: its mistake, or what it imports and which names it uses."""
    path = message.attributes["x.path"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SyntaxWarning)
        try:
            code = compile(message.data, path, "exec", dont_inherit=True)
        except SyntaxError as e:
            return grow.Output("source.checked", {"fault": fault(e)})
        except (ValueError, UnicodeError) as e:  # null bytes
            return grow.Output("source.checked", {"fault": {"line": 0, "col": 0, "text": str(e)}})
        except (RecursionError, MemoryError) as e:
            text = "nested too deeply, or too large, for the interpreter: " + (str(e) or type(e).__name__)
            return grow.Output("source.checked", {"fault": {"line": 0, "col": 0, "text": text}})
    names: set[str] = set()
    modules: set[str] = set()
    walk(code, names, modules)
    return grow.Output(
        "source.checked",
        {
            "modules": sorted(modules),
            "missing": sorted(m for m in modules if not there(m)),
            "on": "grow" in modules and "on" in names,
            **(handlers(code) if "on" in names or "grow" in modules else {}),
            "warnings": [{"line": w.lineno, "col": 0, "text": str(w.message)} for w in caught],
        },
    )


@grow.on("source.places")
def places(ctx, message: grow.Message):
    """Where one file imports the modules that are asked for, and how."""
    wanted = set(message.attributes["x.names"].split(","))
    found: list[dict] = []
    visit(ast.parse(message.data), wanted, "plain", found)
    return grow.Output("source.placed", {"places": found})


@grow.on("names.known")
def names_known(ctx, names):
    """Which of some names the standard library has taken."""
    return grow.Output("names.known", {"names": [n for n in names if n in sys.stdlib_module_names]})


@grow.on("names.list")
def names_list(ctx, _):
    """The modules that may be imported without a package."""
    return grow.Output("names.listed", {"names": [n for n in sorted(sys.stdlib_module_names) if n[0] != "_" and there(n)]})


def fault(e: SyntaxError) -> dict:
    """A mistake as the builder shows it: the column in bytes, as editors count."""
    line, col = e.lineno or 0, e.offset or 0
    text = e.msg or "invalid syntax"
    if e.text:
        col = len(e.text[: max(col - 1, 0)].encode("utf-8", "replace")) + 1
        text += "\n" + e.text.rstrip("\n")
    return {"line": line, "col": max(col, 0), "text": text}


def walk(code: types.CodeType, names: set[str], modules: set[str]) -> None:
    """Collect names and top-level modules from compiled code, which is quicker than from its tree."""
    stack = [code]
    while stack:
        code = stack.pop()
        names.update(code.co_names)
        stack.extend(c for c in code.co_consts if isinstance(c, types.CodeType))
        ops = code.co_code
        arg = 0
        at = ops.find(IMPORT)
        if at < 0:
            continue
        for i in range(0, len(ops), 2):
            op = ops[i]
            arg = arg << 8 | ops[i + 1]
            if op == EXTENDED:
                continue
            if op == IMPORT:
                modules.add(code.co_names[arg].partition(".")[0])
            arg = 0
    modules.discard("")


def handlers(code: types.CodeType) -> dict:
    """Which types of messages a file names with grow.on at its top; open: it may name others, too.

    It reads compiled code: to parse the file again would take twice as long as all the rest."""
    steps = list(instructions(code))
    names, consts = code.co_names, code.co_consts
    grows: set[str] = set()  # what the module is called
    ons: set[str] = set()  # and its function
    opened = within([c for c in consts if isinstance(c, types.CodeType)])
    module = ""
    found: list[dict] = []
    for i, (op, arg, _) in enumerate(steps):
        if op == IMPORT:
            module = names[arg]
            if module == "grow" and steps[i + 1][0] == STORE:
                grows.add(names[steps[i + 1][1]])
        elif op == FROM and names[arg] == "on" and module == "grow":
            ons.add(names[steps[i + 1][1]])
        elif op == FROM and names[arg] in ("on", "grow") or op == INTRINSIC and arg == IMPORT_STAR:
            opened = True
        elif op == NAME and (names[arg] in ons or names[arg] in grows and steps[i + 1][0] == ATTR and names[steps[i + 1][1] >> 1] == "on"):
            first = last = i + (1 if names[arg] in ons else 2)
            while steps[last][0] == CONST and isinstance(consts[steps[last][1]], str):
                last += 1
            if steps[last][:2] != (CALL, last - first):
                opened = True  # not texts alone, or not called
                continue
            places = list(code.co_positions())
            for _, arg, at in steps[first:last]:
                found.append({"text": consts[arg], "line": places[at][0] or 0, "col": (places[at][2] or 0) + 1})
    return {"handlers": found, "open": opened}


def instructions(code: types.CodeType) -> Iterator[tuple[int, int, int]]:
    """Operation, argument and place of all instructions that do something."""
    ops = code.co_code
    arg = 0
    for i in range(0, len(ops), 2):
        arg = arg << 8 | ops[i + 1]
        if ops[i] == EXTENDED:
            continue
        if ops[i] not in NOTHING:
            yield ops[i], arg, i // 2
        arg = 0


def within(codes: list[types.CodeType]) -> bool:
    """Whether functions or classes may register handlers."""
    return any("on" in c.co_names or within([d for d in c.co_consts if isinstance(d, types.CodeType)]) for c in codes)


def there(name: str) -> bool:
    """Whether a module can be found, as opposed to run."""
    if name in own:
        return False
    if name not in known:
        try:
            known[name] = name in sys.modules or name in sys.builtin_module_names or importlib.util.find_spec(name) is not None
        except (ImportError, ValueError, AttributeError):
            known[name] = False
    return known[name]


def visit(node: ast.AST, wanted: set[str], how: str, found: list[dict]) -> None:
    """Find imports; how is "guarded" where their failure is expected, "typing" where they never run."""
    stack = [(node, how)]
    while stack:
        node, how = stack.pop()
        match node:
            case ast.Import():
                for alias in node.names:
                    note(alias.name, alias, wanted, how, found)
            case ast.ImportFrom() if node.level == 0:
                note(node.module or "", node, wanted, how, found)
            case ast.Try() if any(expects(h.type) for h in node.handlers):
                stack.extend((n, max(how, "guarded", key=RANK.get)) for n in node.body)
                stack.extend((n, how) for n in [*node.handlers, *node.orelse, *node.finalbody])
            case ast.If() if named(node.test) == "TYPE_CHECKING":
                stack.extend((n, "typing") for n in node.body)
                stack.extend((n, how) for n in node.orelse)
            case _:
                stack.extend((n, how) for n in ast.iter_child_nodes(node))
    found.sort(key=lambda p: (p["line"], p["col"]))


RANK = {"plain": 0, "guarded": 1, "typing": 2}


def note(module: str, node: ast.AST, wanted: set[str], how: str, found: list[dict]) -> None:
    name = module.partition(".")[0]
    if name in wanted:
        found.append({"name": name, "line": node.lineno, "col": node.col_offset + 1, "how": how})


def named(node: ast.AST | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def expects(kind: ast.AST | None) -> bool:
    """Whether an except clause takes a failed import."""
    if kind is None:
        return True
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(named(k) in ("ImportError", "ModuleNotFoundError", "Exception", "BaseException") for k in kinds)
