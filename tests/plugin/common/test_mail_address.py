"""One e-mail address: what is read of it, and which character is named where it is none."""

from __future__ import annotations

import pytest

from plugin.common.mail_address import UnusableAddress, mail_address


@pytest.mark.parametrize(
    ("given", "character", "position"),
    [
        ("ivаnov@dealer.example", "а", 3),
        ("коорд@dealer.example", "к", 1),
        ("  коорд@dealer.example", "к", 3),
        ("a b@dealer.example", " ", 2),
        ("a\u200bb@dealer.example", "\u200b", 2),
        ("a,b@dealer.example", ",", 2),
        ("a@b.example, c@d.example", ",", 12),
        (".a@b.example", ".", 1),
        ("a..b@c.example", ".", 3),
        ("a.@b.example", ".", 2),
        ("a@dеaler.example", "е", 4),
        ("a@dealer.exаmple", "а", 12),
        ("a@дилeр.рф", "e", 6),
        ("a@dealer.сom", "с", 10),
        ("a@сор.example", "с", 3),
        ("a@dealer.со", "с", 10),
        ("a@b\u00ad.example", "\u00ad", 4),
        ("a@b..example", ".", 5),
        ("a@.example", ".", 3),
        ("a@b.example.", ".", 12),
        ("a@b_c.example", "_", 4),
        ("a@b@c.example", "@", 4),
        ("a@b/c.example", "/", 4),
        ("Иван <a@b.example>", "И", 1),
    ],
)
def test_the_character_that_is_wrong_is_named_with_its_position(given: str, character: str, position: int) -> None:
    with pytest.raises(UnusableAddress) as caught:
        mail_address(given)
    assert (caught.value.character, caught.value.position) == (character, position)
    assert f"U+{ord(character):04X}" in str(caught.value)
    assert f"U+{ord(character):04X}" in caught.value.russian


@pytest.mark.parametrize(
    "given", ["", "a", "a@", "@b.example", "a@-b.example", "a@b-.example", f"{'a' * 65}@b.example", "a@[1.2.3]", "a@[x"]
)
def test_what_is_no_address_at_all(given: str) -> None:
    with pytest.raises(UnusableAddress):
        mail_address(given)


def test_a_name_is_read_only_where_one_may_stand() -> None:
    found = mail_address('"ОТК, Авилон" <otk@dealer.example>', named=True)
    assert (found.name, found.spec) == ("ОТК, Авилон", "otk@dealer.example")
    with pytest.raises(UnusableAddress) as caught:
        mail_address("ОТК <оtk@dealer.example>", named=True)
    assert caught.value.position == 6
    with pytest.raises(UnusableAddress):
        mail_address("О\nТК <otk@dealer.example>", named=True)


@pytest.mark.parametrize(
    ("given", "spec"),
    [
        ("a@b.example", "a@b.example"),
        (" a@b.example ", "a@b.example"),
        ("a.b+c=d_e@localhost", "a.b+c=d_e@localhost"),
        ("info@дилер.рф", "info@xn--d1acim0a.xn--p1ai"),
        ("info@хор.рф", "info@xn--n1aen.xn--p1ai"),
        ("info@дилер.рус", "info@xn--d1acim0a.xn--p1acf"),
        ("info@дилер.example", "info@xn--d1acim0a.example"),
        ("info@bücher.example", "info@xn--bcher-kva.example"),
        ("a@[192.0.2.7]", "a@[192.0.2.7]"),
        ("a@xn--p1ai.example", "a@xn--p1ai.example"),
    ],
)
def test_what_can_be_mailed(given: str, spec: str) -> None:
    assert mail_address(given).spec == spec
