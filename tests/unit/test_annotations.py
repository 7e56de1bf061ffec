"""Public annotations, in the forms in which they are published."""

import json
from pathlib import Path

import pytest

from benchmarks.live.annotations import Moment, read

FAMILY = {"qid": 8737, "query": "A family plays", "duration": 126, "vid": "bP5K_660.0_810.0", "relevant_windows": [[0, 16], [20, 24]]}
DOG = {"qid": 8738, "query": "A dog barks", "duration": 126, "vid": "bP5K_660.0_810.0", "relevant_windows": [[40.5, 42]]}
FAMILY_MOMENT = Moment("bP5K_660.0_810.0", "A family plays", ((0, 16), (20, 24)))


def written(folder: Path, text: str) -> Path:
    path = folder / "annotations"
    path.write_text(text, encoding="utf-8")
    return path


def test_qvhighlights_has_an_object_a_line(tmp_path: Path) -> None:
    text = f"{json.dumps(FAMILY)}\n{json.dumps(DOG)}\n"
    assert read(written(tmp_path, text)) == {
        "bP5K_660.0_810.0": [FAMILY_MOMENT, Moment("bP5K_660.0_810.0", "A dog barks", ((40.5, 42),))],
    }


def test_a_file_of_one_line_is_read_too(tmp_path: Path) -> None:
    assert read(written(tmp_path, json.dumps(FAMILY))) == {"bP5K_660.0_810.0": [FAMILY_MOMENT]}


def test_what_the_test_split_withholds_is_left_out(tmp_path: Path) -> None:
    hidden = {key: value for key, value in DOG.items() if key != "relevant_windows"}
    assert read(written(tmp_path, f"{json.dumps(FAMILY)}\n{json.dumps(hidden)}\n")) == {"bP5K_660.0_810.0": [FAMILY_MOMENT]}


def test_charades_sta_has_a_sentence_a_line(tmp_path: Path) -> None:
    text = "3MSZA 24.3 30.4##person turn a light on.\n3MSZA 24.3 30.4##person flipped the light switch.\nAO8RW 0.0 6.9##a person is.\n"
    assert read(written(tmp_path, text)) == {
        "3MSZA": [
            Moment("3MSZA", sentence, ((24.3, 30.4),)) for sentence in ("person turn a light on.", "person flipped the light switch.")
        ],
        "AO8RW": [Moment("AO8RW", "a person is.", ((0.0, 6.9),))],
    }


def test_activitynet_captions_is_one_object(tmp_path: Path) -> None:
    text = json.dumps(
        {"v_a": {"duration": 82.73, "timestamps": [[0.83, 19.86], [17.37, 60.81]], "sentences": [" He talks. ", "He jumps."]}}
    )
    assert read(written(tmp_path, text)) == {
        "v_a": [Moment("v_a", "He talks.", ((0.83, 19.86),)), Moment("v_a", "He jumps.", ((17.37, 60.81),))],
    }


@pytest.mark.parametrize("text", ["", "hello", "3MSZA 30.4 24.3##ends before it starts"])
def test_anything_else_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match="QVHighlights"):
        read(written(tmp_path, text))
