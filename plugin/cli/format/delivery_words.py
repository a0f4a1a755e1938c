"""What a plan of a command ends with."""

from __future__ import annotations

#: The last lines of a plan that has not been carried out.
PLAN_ONLY = ("", "Это план: ничего не изменилось. Выполнить: та же команда с", "  --yes --by ИМЯ --reason ПРИЧИНА")
