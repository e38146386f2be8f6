from __future__ import annotations

from domain.ids import client_order_id, is_ours


def test_our_names_carry_prefix_epoch_and_number_and_no_dot() -> None:
    name = client_order_id(1_800_000_000, 12)
    assert name == "ladderd-1800000000-12"
    assert "." not in name
    assert is_ours(name)


def test_other_peoples_names_are_not_ours() -> None:
    assert not any(is_ours(name) for name in ("", "ladderd", "ladderdx-1-1", "bob-ladderd-1", "LADDERD-1-1"))
