"""Model strings are taken apart, put together again, and read as the backend's types."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loading_plugins import Echo, catalogue

from gnomon.errors import CatalogueError, UsageError
from gnomon.modelname import ModelName, make_backend, parse_model


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("local:tiny-135m", ModelName("local", "tiny-135m")),
        ("local:/path/model.gguf", ModelName("local", "/path/model.gguf")),
        ("local:C:\\models\\a b.gguf", ModelName("local", "C:\\models\\a b.gguf")),
        ("router:maker/model:free", ModelName("router", "maker/model:free")),
        ("http:https://host:8000/v1", ModelName("http", "https://host:8000/v1")),
        (
            "http:m?base_url=http://127.0.0.1:8000/v1&slots=2",
            ModelName("http", "m", {"base_url": "http://127.0.0.1:8000/v1", "slots": "2"}),
        ),
        ("a:m?x=http://h/?q=1%26r=2", ModelName("a", "m", {"x": "http://h/?q=1&r=2"})),
        ("planted:d=0.5", ModelName("planted", "d=0.5")),
        ("a:m?x=", ModelName("a", "m", {"x": ""})),
    ],
)
def test_parse(text: str, expected: ModelName) -> None:
    """Everything up to the first question mark is the model; the same string comes back."""
    assert parse_model(text) == expected
    assert str(parse_model(text)) == text


_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(
    model=_TEXTS.filter(lambda text: text and "?" not in text and "@" not in text),
    options=st.dictionaries(
        st.sampled_from(["a", "base_url", "max_tokens", "key_column"]),
        _TEXTS.filter(lambda text: "@" not in text),
    ),
)
def test_round_trip(model: str, options: dict[str, str]) -> None:
    """Any model and any option values survive being written and read again."""
    name = ModelName("backend", model, options)
    assert parse_model(str(name)) == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tiny", "the model 'tiny' names no backend; write BACKEND:MODEL"),
        ("", "the model '' names no backend; write BACKEND:MODEL"),
        ("local:", "the model 'local:' has nothing behind 'local:'; name a model"),
        (
            "C:\\model.gguf",
            "the model 'C:\\\\model.gguf' begins with 'C', which is not the name of a backend; "
            "write BACKEND:MODEL",
        ),
        (
            "a:m?",
            "the model 'a:m?' has '' among its options; write ?option=value&option=value",
        ),
        (
            "a:m?x=1&loud",
            "the model 'a:m?x=1&loud' has 'loud' among its options; "
            "write ?option=value&option=value",
        ),
        ("a:m?x=1&x=2", "the model 'a:m?x=1&x=2' gives the option 'x' twice"),
    ],
)
def test_malformed(text: str, message: str) -> None:
    """What is not of the form is refused with what to write."""
    with pytest.raises(UsageError) as caught:
        parse_model(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "option",
    [
        "api_key=Xa9",
        "apikey=Xa9",
        "apiKey=Xa9",
        "X-API-Key=Xa9",
        "key=Xa9",
        "access_token=Xa9",
        "hf-token=Xa9",
        "password=Xa9",
        "client_secret=Xa9",
        "authorization=Xa9",
        "auth=Xa9",
        "headers=Authorization: Xa9",
        "header=Bearer Xa9",
        "header=Bearer%20Xa9",
        "base_url=http://user:Xa9@host/v1",
        "base_url=http://user:Xa9/x@host/v1",
        "base_url=http://Xa9@host/v1",
        "base_url=user:Xa9@host/v1",
        "base_url=http://host/v1?api_key=Xa9",
        "base_url=http://host/v1%3Fsubscription-key=Xa9",
        "base_url=https://host/f?x=1%26sig=Xa9",
        "base_url=https://host/f?code=Xa9",
        "base_url=https://gateway/sk-proj-Xa9Xa9Xa9Xa9Xa9Xa9/v1",
        "tag=hf_Xa9Xa9Xa9Xa9Xa9Xa9",
    ],
)
def test_secrets_are_refused(option: str) -> None:
    """A secret is refused before anything else is said, and is not repeated."""
    name = option.partition("=")[0]
    for text in (f"echo:m?{option}", f"no colon?{option}", f"nothing:m?wrong&{option}"):
        with pytest.raises(UsageError) as caught:
            make_backend(catalogue(), text)
        assert str(caught.value) == (
            f"the option {name!r} of a model string looks like it holds a secret, and model "
            "strings are stored with every run; put the secret into the backend's environment "
            "variable instead"
        )
        assert "Xa9" not in str(caught.value)


def test_a_secret_in_the_model_part() -> None:
    """A password in an address is refused wherever the address stands."""
    for text in ("http:https://user:Xa9@host/v1", "http:sk-Xa9Xa9Xa9Xa9Xa9Xa9?base_url=http://h"):
        with pytest.raises(UsageError) as caught:
            parse_model(text)
        assert str(caught.value) == (
            "this model string looks like it holds a secret, and model strings are stored with every "
            "run; put the secret into the backend's environment variable instead"
        )


@pytest.mark.parametrize("name", ["max_tokens", "tokenizer", "key_column", "api_key_env", "author"])
def test_names_that_only_sound_like_secrets(name: str) -> None:
    """Counts of tokens, columns and names of environment variables are no secrets."""
    assert parse_model(f"a:m?{name}=1").options == {name: "1"}


@pytest.mark.parametrize(
    "text",
    [
        "a:m@v2",
        "a:org/m:tag@v2",
        "a:m?base_url=http://h:8000/m@v2/v1",
        "a:m?at=https://h/f?keys=3",
        "a:task-sk-learn-classifier-of-words",
        "hf:org/sk-small-model-v2-instruct",
    ],
)
def test_addresses_that_hold_no_secret(text: str) -> None:
    """A revision, a port, a query and names that begin alike are none."""
    assert str(parse_model(text)) == text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", Echo(model="m")),
        ("?slots=2&heat=0.5", Echo(model="m", slots=2, heat=0.5)),
        ("?heat=2", Echo(model="m", heat=2.0)),
        ("?loud=true", Echo(model="m", loud=True)),
        ("?loud=False", Echo(model="m", loud=False)),
        ("?stops=a,b", Echo(model="m", stops=("a", "b"))),
        ("?stops=", Echo(model="m")),
        ("?mode=slow&base_url=true", Echo(model="m", mode="slow", base_url="true")),
    ],
)
def test_options_are_read_as_their_types(options: str, expected: Echo) -> None:
    """Text from a command line becomes the declared type."""
    assert make_backend(catalogue(), f"echo:m{options}") == expected


def test_all_faults_at_once() -> None:
    """Unknown, unreadable and unsettable options come in one message."""
    text = "echo:m?slots=2.5&heat=nan&loud=yes&mode=quik&table=a&lod=1&zebra=2"
    with pytest.raises(UsageError) as caught:
        make_backend(catalogue(), text)
    assert str(caught.value).splitlines() == [
        f"the model '{text}': {fault}"
        for fault in (
            "the option 'slots' is a whole number, and '2.5' is not",
            "the option 'heat' is a number, and 'nan' is not",
            "the option 'loud' is true or false, and 'yes' is not",
            "the option 'mode' is one of \"quick\", \"slow\", and 'quik' is not "
            "(did you mean 'quick'?)",
            "the option 'table' is a table of strings, which a model string cannot hold",
            "there is no option 'lod' (did you mean 'loud'?)",
            "there is no option 'zebra'; the backend takes: base_url, heat, loud, mode, slots, "
            "stops, table",
        )
    ]


def test_a_backend_that_refuses() -> None:
    """What the backend's own check says is shown with the model."""
    with pytest.raises(UsageError) as caught:
        make_backend(catalogue(), "echo:m?slots=0")
    assert str(caught.value) == "the model 'echo:m?slots=0': 'slots' is at least 1, not 0"


def test_unknown_backend() -> None:
    """The nearest backend and the list."""
    with pytest.raises(CatalogueError) as caught:
        make_backend(catalogue(), "ecco:m")
    assert str(caught.value) == "there is no backend 'ecco' (did you mean 'echo'?); there are: echo"
