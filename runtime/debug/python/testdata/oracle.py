# Says of a source which lines have code, by function: what breakpoints are held against.
import types

import grow


@grow.on("source")
def lines(ctx: grow.Context, source: str) -> grow.Output:
    found: dict[str, list[int]] = {}
    todo = [compile(source, "source", "exec")]
    while todo:
        code = todo.pop()
        # Of functions the first line is where they are entered: nothing of their own is there.
        entered = 8 if code.co_name != "<module>" else -1
        numbers = {line for start, _, line in code.co_lines() if line and (line != code.co_firstlineno or start > entered)}
        found.setdefault(code.co_qualname, []).extend(sorted(numbers))
        todo += [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return grow.Output("lines", found)
