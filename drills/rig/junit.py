"""junit.xml of one drill: a case for each phase and each claim, RTO and RPO as properties."""

from __future__ import annotations

from collections.abc import Mapping

from junit_xml import TestCase, TestSuite, to_xml_report_string

from drills.rig.stopwatch import Measured
from drills.rig.verdict import Verdict


def report(name: str, verdict: Verdict, measured: Measured, properties: Mapping[str, object]) -> str:
    """Return the XML text; a broken claim is a failure, one that could not be told an error."""
    cases = [TestCase(f"phase {phase}", name, elapsed_sec=round(took, 3)) for phase, took in measured.phases]
    for claim in verdict.claims:
        case = TestCase(claim.name, name, elapsed_sec=0, stdout=claim.sentence)
        if claim.outcome == "broken":
            case.add_failure_info(claim.sentence)
        elif claim.outcome == "unknown":
            case.add_error_info(f"could not verify: {claim.sentence}")
        cases.append(case)
    known = {key: str(value) for key, value in properties.items()}
    return str(to_xml_report_string([TestSuite(name, cases, properties=known)]))
