"""Proves that rules may go live (design section 5): every conversation ends, in exactly one outcome; everything written
in the rules is reached, asked, read and addressed; and says what could not be proven within its limits.
"""

from plugin.proof.explore import Limits
from plugin.proof.prove import prove, prove_script
from plugin.report import Report, ScriptSize

__all__ = ["Limits", "Report", "ScriptSize", "prove", "prove_script"]
