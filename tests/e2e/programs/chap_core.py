"""chap-core's own `Orchestrator` on a Redis: each line of input names a method, its answer is a line of JSON.

`accepts` is no method of it: it builds what `get_all` builds of a value.

Run by the Python of `CHAP_CORE` with the directory of its unpacked wheel and the port and password of the Redis. Of
chap-core only `orchestrator.py` and `schemas.py` are loaded, as they are: the rest needs Python 3.13 and a hundred
packages. `schemas.py` imports one pattern of another module, which is read from that module's text.
"""

import importlib.util
import json
import re
import sys
import types
from pathlib import Path


def load(wheel: Path, name: str) -> types.ModuleType:
    """Load one module of chap-core without the packages around it."""
    path = wheel / f"{name.replace('.', '/')}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def load_orchestrator(wheel: Path) -> tuple[types.ModuleType, types.ModuleType]:
    """Return the modules with `Orchestrator` and with its schemas."""
    for package in ("chap_core", "chap_core.rest_api", "chap_core.rest_api.services", "chap_core.external"):
        sys.modules[package] = types.ModuleType(package)
    github = types.ModuleType("chap_core.external.github")
    text = (wheel / "chap_core" / "external" / "github.py").read_text()
    found = re.search(r'^COMMIT_SHA_PATTERN = re\.compile\(r"(.+)"\)$', text, re.M)
    assert found is not None
    github.COMMIT_SHA_PATTERN = re.compile(found[1])  # type: ignore[attr-defined] # as that module defines it
    sys.modules[github.__name__] = github
    schemas = load(wheel, "chap_core.rest_api.services.schemas")
    return load(wheel, "chap_core.rest_api.services.orchestrator"), schemas


def main() -> None:
    """Answer until the end of the input."""
    wheel, port, password = sys.argv[1:]
    import redis

    orchestrator, schemas = load_orchestrator(Path(wheel))
    chap_core = orchestrator.Orchestrator(redis.Redis(port=int(port), password=password, db=3))
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        if method == "register":
            arguments = [schemas.RegistrationRequest(**arguments[0])]
        try:
            if method == "accepts":
                answer = schemas.ServiceDetail(**json.loads(arguments[0]))
            else:
                answer = getattr(chap_core, method)(*arguments)
            found = answer.model_dump(mode="json") if hasattr(answer, "model_dump") else answer
            print(json.dumps({"answer": found}), flush=True)
        except Exception as error:
            print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)


if __name__ == "__main__":
    main()
