"""Settings as a program reads them when it starts."""

import re
import sys
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsError

S = TypeVar("S", bound=BaseSettings)


def read(kind: type[S]) -> S:
    """Settings from the environment. What is wrong with them ends the program with one line that names the variables."""
    try:
        return kind()
    except ValidationError as error:
        wrong = [f"{_variable(kind, str(each['loc'][0]))}: {each['msg']}" for each in error.errors(include_url=False)]
    except SettingsError as error:  # what is read as JSON and is none
        named = re.search(r'field "(\w+)"', str(error))
        wrong = [f"{_variable(kind, named[1])}: Input should be JSON" if named else str(error)]
    sys.exit(f"Playhead can't start: {'; '.join(wrong)}")


def _variable(kind: type[BaseSettings], name: str) -> str:
    """Fields that go by another name in the environment are told by that one."""
    fields: dict[str, Any] = kind.model_fields
    return f"{kind.model_config['env_prefix']}{name.upper()}" if name in fields else name
