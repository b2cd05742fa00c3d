"""The far side, played truthfully: Messages API, applications, settings, the Page, the person, webhook delivery."""

from nbhelpers.simulator.control import Control

__all__ = ["Control"]
