"""Several runs on one server: none of them sees that it is not alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recipe_runner.backends.local.api import LoraSpec, SampleRequest
from recipe_runner.backends.local.engine import Engine
from recipe_runner.backends.local.tenants import Tenant, admitted, key_of

KEY = "tml-a_b-c.d"
NAME = "recipe-run/tiny"


@given(st.text(max_size=8), st.sampled_from([KEY, KEY[:-1], ""]))
def test_a_server_admits_its_own_key_and_tenants_of_it(tail: str, start: str) -> None:
    tenant = admitted(start + tail, KEY)
    if start + tail == KEY:
        assert tenant == Tenant()
    elif tenant is not None:
        assert key_of(KEY, tenant) == start + tail


@given(st.integers(0, 2**32 - 1), st.from_regex(r"[A-Za-z0-9_-]+", fullmatch=True))
def test_a_tenants_key_is_admitted_and_says_who_it_is(seed: int, name: str) -> None:
    tenant = Tenant(name, seed)
    assert admitted(key_of(KEY, tenant), KEY) == tenant
    assert admitted(key_of("tml-other", tenant), KEY) is None


def test_a_tenant_is_given_what_a_server_of_its_own_gives() -> None:
    request = SampleRequest(prompt=[5, 6, 7], num_samples=2, max_tokens=8)

    def given(engine: Engine, name: str, tenant: Tenant) -> list[list[int]]:
        engine.create_model(f"m{name}", NAME, LoraSpec(rank=4), tenant).result()
        engine.create_sampler(f"t{name}", model_id=f"m{name}").result()
        engine.create_sampler(f"b{name}", base_model=NAME, tenant=tenant).result()
        answers = [engine.sample(f"{kind}{name}", request).result() for kind in "tb"]
        weights = engine.export_state(f"m{name}", optimizer=False).result()
        start = [float(tensor.float().sum()) for tensor in weights.values()]
        return [*(list(each.tokens) for answer in answers for each in answer.sequences), start]

    alone = Engine(seed=3)
    expected = given(alone, "", Tenant())
    alone.close()
    shared = Engine(seed=0)
    other = given(shared, "other", Tenant("other", 4))
    assert given(shared, "one", Tenant("one", 3)) == expected
    assert given(shared, "same-seed", Tenant("same-seed", 3)) == expected
    assert other != expected
    shared.close()
