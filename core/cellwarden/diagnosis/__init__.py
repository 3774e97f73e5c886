"""Diagnosis: what is probably wrong, on what evidence, how sure, and which procedure to open.

Pure: statistics over time (`observe`), a table of rules (`table`), and a step that keeps both.
"""

from cellwarden.diagnosis.diagnosis import EVERY_S, Diagnosis, attach
from cellwarden.diagnosis.facts import PackFacts
from cellwarden.diagnosis.memory import DiagnosisMemory

__all__ = ["EVERY_S", "Diagnosis", "DiagnosisMemory", "PackFacts", "attach"]
