"""Services of the client have the gateway's members, always."""

import pytest
from msgspec import UNSET, structs

from registry_gateway.client.services import Change, PastService, Service
from registry_gateway.wire import catalogue


def test_a_service_has_all_members_of_a_list_of_the_present() -> None:
    fields = {field.name: field for field in structs.fields(Service)}
    required = [name for name, field in fields.items() if field.required]
    assert set(fields) - set(required) == {"findings", "since"}
    assert required == [name for name in catalogue.Service.__struct_fields__ if name in required]


def test_a_past_service_has_all_members_of_a_list_of_the_past() -> None:
    required = [field.name for field in structs.fields(PastService) if field.required]
    assert required == ["dialect", "key", "name", "version", "address", "since"]


def test_they_are_what_the_gateway_answers_with() -> None:
    past = PastService(dialect="chap", key="a", name=None, version=None, address=None, since=None)
    assert isinstance(past, catalogue.Service)
    assert past.status is UNSET
    with pytest.raises(TypeError, match="Missing required argument"):
        Service(dialect="chap", key="a")  # type: ignore[call-arg] # that is what is wrong with it
    assert Change.__struct_fields__ == catalogue.Change.__struct_fields__
