"""The settings, from the environment and the command line. They are checked before anything starts.

Each setting is a field of a frozen Struct: `Settings` for the gateway, another Struct for each adapter. The options of
`serve`, `registry-gateway config` and the table in the docs are generated from these fields.
"""

from registry_gateway.settings.settings import PREFIX, STRIPPED, URL_VARIABLE, Port, Seconds, Settings, SettingsError
from registry_gateway.settings.variables import (
    Configuration,
    HasSettings,
    Variable,
    effective,
    load,
    variables,
    without_links,
)

__all__ = [
    "PREFIX",
    "STRIPPED",
    "URL_VARIABLE",
    "Configuration",
    "HasSettings",
    "Port",
    "Seconds",
    "Settings",
    "SettingsError",
    "Variable",
    "effective",
    "load",
    "variables",
    "without_links",
]
