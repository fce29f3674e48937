"""The committed messages are what the build makes of the .proto files."""

import subprocess
import sys
from pathlib import Path

from tests.house.tree import ROOT

FOLDER = Path("gateway/wire/protobuf")


def generated(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in folder.glob("*_pb2.py*")}


def test_the_generated_messages_are_those_of_the_proto_files(tmp_path: Path) -> None:
    files = [str(path.relative_to(ROOT)) for path in sorted((ROOT / FOLDER).glob("*.proto"))]
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I.", f"--python_out={tmp_path}", f"--pyi_out={tmp_path}"]
    subprocess.run([*command, *files], cwd=ROOT, check=True, timeout=60)

    assert len(generated(ROOT / FOLDER)) == 2 * len(files) > 0
    assert generated(ROOT / FOLDER) == generated(tmp_path / FOLDER)


def test_a_module_without_a_proto_file_is_not_kept() -> None:
    protos = {path.stem for path in (ROOT / FOLDER).glob("*.proto")}

    assert {name.partition("_pb2")[0] for name in generated(ROOT / FOLDER)} == protos
