"""Where the client finds the address and the key."""

from pathlib import Path

import pytest

from playhead import BadSetting, Client
from playhead.settings import Settings
from tests.integration.client.script import Script, job, ok


def test_without_anything_it_is_this_machine_and_no_key(tmp_path: Path) -> None:
    found = Settings.find(environ={"PLAYHEAD_DATA_DIR": str(tmp_path)})
    assert (found.url, found.api_key, found.local) == ("http://127.0.0.1:8000", None, True)


def test_what_is_given_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "api-key").write_text("from-file\n")
    environ = {"PLAYHEAD_DATA_DIR": str(tmp_path)}
    assert Settings.find(environ=environ).api_key == "from-file"
    assert Settings.find(environ={**environ, "PLAYHEAD_API_KEY": "from-environment"}).api_key == "from-environment"
    assert Settings.find(api_key="given", environ={**environ, "PLAYHEAD_API_KEY": "from-environment"}).api_key == "given"
    assert Settings.find("http://[::1]:9/", environ={"PLAYHEAD_URL": "http://elsewhere"}).url == "http://[::1]:9"


def test_the_key_of_this_machine_is_sent_to_no_other(tmp_path: Path) -> None:
    (tmp_path / "api-key").write_text("from-file")
    for url in ("https://elsewhere.example", "http://127.0.0.1.elsewhere.example", "http://localhost@elsewhere.example"):
        assert Settings.find(url, environ={"PLAYHEAD_DATA_DIR": str(tmp_path)}).api_key is None


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host", "http://", "http://a b:c", "nonsense"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(BadSetting, match="is not an address"):
        Settings.find(url, environ={})


def test_a_key_that_could_not_be_a_header_is_told_and_not_shown() -> None:
    with pytest.raises(BadSetting, match="Copy it again") as raised:
        Settings.find(api_key="se\ncret", environ={})
    assert "cret" not in str(raised.value)
    assert "secret" not in repr(Settings.find(api_key="secret", environ={}))


def test_a_proxy_from_the_environment_is_not_asked_for_this_machine(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    script.on("/v1/jobs/j1", ok(job()))
    with Client(script.url) as client:
        assert client.job("j1").id == "j1"
