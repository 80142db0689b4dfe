"""Programme definitions, units and code lists: every rule that differs by programme, unit or date, as data.

`load` reads and checks the TOML files of this folder, or of another; `Programmes` looks rules up.
"""

from shared.programmes.definition import (
    Aftercare,
    Answers,
    Certificate,
    CheckIns,
    Clocks,
    Codes,
    EffectSurvey,
    Extension,
    Frame,
    LadderStep,
    Location,
    Matching,
    Meetings,
    Rules,
    Step,
    Unit,
    Words,
)
from shared.programmes.load import (
    DefinitionError,
    ProgrammeNotInUnit,
    Programmes,
    UnknownProgramme,
    UnknownRulesVersion,
    UnknownUnit,
    load,
)

__all__ = [
    "Aftercare",
    "Answers",
    "Certificate",
    "CheckIns",
    "Clocks",
    "Codes",
    "DefinitionError",
    "EffectSurvey",
    "Extension",
    "Frame",
    "LadderStep",
    "Location",
    "Matching",
    "Meetings",
    "ProgrammeNotInUnit",
    "Programmes",
    "Rules",
    "Step",
    "Unit",
    "UnknownProgramme",
    "UnknownRulesVersion",
    "UnknownUnit",
    "Words",
    "load",
]
