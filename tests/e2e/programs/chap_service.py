"""A CHAP service as its author writes it, with servicekit or chapkit; runs in the environment of those two.

`chap_service.py FLAVOUR ID VERSION ORCHESTRATOR_URL PORT PING_INTERVAL`
"""

import sys
from typing import Any

from servicekit.api import BaseServiceBuilder, ServiceInfo, run_app  # type: ignore[import-not-found] # it is in an environment of its own


def servicekit_service(service_id: str, version: str) -> Any:
    """A plain service: it has no ML members at all."""
    info = ServiceInfo(id=service_id, display_name="Plain service", version=version)
    return BaseServiceBuilder(info=info, include_logging=True)


def chapkit_model(service_id: str, version: str) -> Any:
    """A model: the same with the ML members, and with members of chapkit's own that no document mentions."""
    # Here, so that a plain service really has nothing of chapkit, not even the time its import takes.
    from chapkit.api import (  # type: ignore[import-not-found] # beside servicekit, in its environment
        MLServiceInfo,
        ModelMetadata,
        PeriodType,
        ServiceBuilder,
    )

    info = MLServiceInfo(
        id=service_id,
        display_name="Dengue predictor",
        version=version,
        model_metadata=ModelMetadata(author="Research Team", organization="Health Institute"),
        period_type=PeriodType.monthly,
        max_prediction_periods=12,
        required_covariates=["rainfall"],
    )
    return ServiceBuilder(info=info, include_logging=True)


FLAVOURS = {"servicekit": servicekit_service, "chapkit": chapkit_model}


def main(flavour: str, service_id: str, version: str, orchestrator_url: str, port: str, ping_interval: str) -> None:
    """Serve on loopback, register, and stay until a signal comes."""
    builder = FLAVOURS[flavour](service_id, version).with_registration(
        orchestrator_url=orchestrator_url,
        host="127.0.0.1",
        port=int(port),
        keepalive_interval=float(ping_interval),
    )
    run_app(builder.build(), host="127.0.0.1", port=int(port))


if __name__ == "__main__":
    main(*sys.argv[1:])
