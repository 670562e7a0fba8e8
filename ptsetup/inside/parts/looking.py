"""The order in which the target is looked at: what is quick and certain first."""

from ptsetup_inside import answer, interpreter


def look(told, options):
    """Tell the stages one by one."""
    facts = answer.Guarded("target")
    interpreter.look(facts)
    tell(told, "interpreter", facts)


def tell(told, stage, facts):
    """Tell what has been found since the last stage."""
    told.tell(stage, {"target": facts.facts}, facts.unknowns)
    facts.facts, facts.unknowns = {}, []
