"""chap-core's own routes below /v2, with its check of the API token, on a Redis: `chap_core_registry.py PORT`.

Runs in the environment of `CHAP_CORE_REGISTRY`, with chap-core's variables. Its packages are not initialized, because
that needs a hundred other packages, and its relational database is not there: a registration logs that its templates
can't be updated. All that the routes do with Redis is chap-core's.
"""

import importlib.util
import sys
import types
from pathlib import Path

import uvicorn
from fastapi import FastAPI  # type: ignore[import-not-found] # in an environment of its own

PACKAGES = ("chap_core", "chap_core.rest_api", "chap_core.rest_api.v1", "chap_core.rest_api.v1.routers")


def main(port: str) -> None:
    """Serve on loopback until a signal comes."""
    spec = importlib.util.find_spec("chap_core")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    root = Path(spec.submodule_search_locations[0]).parent
    for name in PACKAGES:
        package = types.ModuleType(name)
        package.__path__ = [str(root / name.replace(".", "/"))]
        sys.modules[name] = package
    database = types.ModuleType("chap_core.rest_api.v1.routers.dependencies")
    database.get_session = lambda: None  # type: ignore[attr-defined] # the one name that the routes import
    sys.modules[database.__name__] = database
    from chap_core.rest_api.auth import ApiTokenMiddleware  # type: ignore[import-not-found] # beside fastapi
    from chap_core.rest_api.v2.rest_api import router  # type: ignore[import-not-found] # the same

    app = FastAPI()
    app.include_router(router, prefix="/v2")
    app.add_middleware(ApiTokenMiddleware)
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="info")


if __name__ == "__main__":
    main(*sys.argv[1:])
