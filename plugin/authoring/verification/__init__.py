"""Proves that rules may go live (design section 5): every conversation ends, in exactly one outcome; everything written
in the rules is reached, asked, read and addressed; and says what could not be proven within its limits.
"""

from plugin.authoring.verification.proof import prove, prove_script
from plugin.authoring.verification.report import CheckReport, ScriptSize
from plugin.authoring.verification.state_space import ProofLimits

__all__ = ["CheckReport", "ProofLimits", "ScriptSize", "prove", "prove_script"]
