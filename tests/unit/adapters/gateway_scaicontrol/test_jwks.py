"""Key sets that are none: one refusal that repeats nothing, whatever the bytes are."""

import pytest

from gateway_scaicontrol.jwks import Refused, read

NO_KEY_SET = {
    "nothing": b"",
    "not UTF-8": b"\xff",
    "a name that is not UTF-8": b'{"keys":[{"\xff":1}]}',
    "a value that is not UTF-8": b'{"keys":[{"kid":"\xff"}]}',
    "a member nobody reads that is not UTF-8": b'{"keys":[],"more":"\xff"}',
    "UTF-16": '{"keys":[]}'.encode("utf-16"),
    "lists in lists": b"[" * 100_000,
    "a deep member": b'{"keys":[{"kid":' + b"[" * 60_000 + b"]" * 60_000 + b"}]}",
    "a deep member nobody reads": b'{"more":' + b"[" * 60_000 + b"]" * 60_000 + b"}",
    "a number of 5000 digits": b'{"keys":[{"kid":' + b"9" * 5_000 + b"}]}",
    "a number beyond any": b'{"keys":[{"kid":1e999}]}',
    "NaN": b'{"keys":[{"kid":NaN}]}',
    "half a surrogate pair": b'{"keys":[{"kid":"\\udc00"}]}',
    "a list": b"[]",
    "null": b"null",
    "keys that are an object": b'{"keys":{}}',
    "keys that are null": b'{"keys":null}',
    "keys of lists": b'{"keys":[[]]}',
}


@pytest.mark.parametrize("body", NO_KEY_SET.values(), ids=NO_KEY_SET.keys())
def test_what_is_no_key_set_is_refused(body: bytes) -> None:
    with pytest.raises(Refused, match=r"^the answer is no key set$"):
        read(body)
