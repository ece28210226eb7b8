"""Every setting: the only reader of the environment.

Precedence: environment variable `CHURN_<NAME>`, then the `settings:` block of the mapping file, then the default.
"""

from churn_pipeline.settings.declared import DEMO, NO_SETTINGS, PROJECT, RESERVED, Settings
from churn_pipeline.settings.loading import load_settings
from churn_pipeline.settings.mapping import SettingsError

__all__ = ["DEMO", "NO_SETTINGS", "PROJECT", "RESERVED", "Settings", "SettingsError", "load_settings"]
