"""Trying a measure on planted respondents: validation and power.

    planting ─▶ respondent ─▶ design, prompts, replies, scores (in memory) ─▶ statistics ─▶ findings

One invariant: everything between the prompt and the estimate is what a run uses; only the model is
planted and only the store is left out.
"""

from __future__ import annotations

from gnomon.simulation.many import Workplace, setting_of, simulate_many
from gnomon.simulation.pipeline import Pipeline, Setting, Simulated
from gnomon.simulation.power import Power, PowerReport, power_of
from gnomon.simulation.validation import Finding, Report, Tolerance, validate

__all__ = [
    "Finding",
    "Pipeline",
    "Power",
    "PowerReport",
    "Report",
    "Setting",
    "Simulated",
    "Tolerance",
    "Workplace",
    "power_of",
    "setting_of",
    "simulate_many",
    "validate",
]
