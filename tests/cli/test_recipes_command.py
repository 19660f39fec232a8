"""`maskprep recipes`: the list, one file, and names that there are not."""

from importlib import resources

import pytest
from typer.testing import CliRunner

from maskprep.cli.app import app
from maskprep.cli.recipe_files import read_recipe, read_recipe_file, recipe_names


def invoke(*words, **env):
    return CliRunner().invoke(app, ["recipes", *words], env=env)


def test_every_recipe_is_listed_with_its_source():
    result = invoke(COLUMNS="80")
    assert result.exit_code == 0
    listed = [line for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in listed] == recipe_names()
    assert "Devlin, Chang, Lee, Toutanova" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


@pytest.mark.parametrize("columns", ["1", "20", "500"])
def test_the_list_fits_any_terminal_that_can_hold_it(columns):
    result = invoke(COLUMNS=columns)
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 100


@pytest.mark.parametrize("name", recipe_names())
def test_show_prints_the_file_to_the_byte_and_config_reads_it(name, tmp_path):
    result = invoke("show", name)
    assert result.exit_code == 0
    path = resources.files("maskprep.recipes").joinpath(f"{name}.toml")
    assert result.stdout_bytes == path.read_bytes()
    copy = tmp_path / "my.toml"
    copy.write_bytes(result.stdout_bytes)
    assert read_recipe_file(copy) == read_recipe(name)


def test_an_unknown_name_is_a_usage_error_that_names_the_nearest():
    result = invoke("show", "bret")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "no recipe is called 'bret'; expected one of: albert, bert" in result.stderr
    assert "Did you mean 'bert'?" in result.stderr


def test_a_name_without_show_gets_help():
    result = invoke("bert")
    assert result.exit_code == 2
    assert "No such command 'bert'" in result.stderr
