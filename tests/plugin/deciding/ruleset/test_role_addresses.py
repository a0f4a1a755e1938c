"""roles.toml: an address that no mail can go to is refused by the same reader as mails are written by."""

from __future__ import annotations

import pytest
from marshmallow import ValidationError

from plugin.deciding.ruleset.schema import RolesForm


def load(address: str) -> str:
    role = {"label": "Координатор", "crm_user": "u", "address": address}
    return str(RolesForm().load({"role": {"coordinator": role}})["role"]["coordinator"]["address"])


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("ivаnov@dealer.example", "недопустимый знак 3: U+0430, «а» кириллицы, похожая на латинскую"),
        ("коорд@dealer.example", "недопустимый знак 1: U+043A"),
        ("a@dеaler.example", "недопустимый знак 4: U+0435"),
        ("a@b.example, c@d.example", "недопустимый знак 12: U+002C"),
        ("coordinator", "нужен адрес вида имя@домен"),
        ("", "нужен адрес вида имя@домен"),
    ],
)
def test_the_admin_reads_which_character_is_wrong(address: str, told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        load(address)
    assert f"это не почтовый адрес: {told}" in str(caught.value)


@pytest.mark.parametrize("address", ["a@b.example", "info@дилер.рф", " a@b.example"])
def test_what_a_mail_can_go_to_is_taken(address: str) -> None:
    assert load(address) == address.strip()
