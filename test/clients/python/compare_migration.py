"""
Compares guide/from-azure-ml.md with azureml-core and with scoring_functions.

Argument: the page. Prints what does not fit as JSON: names that Azure ML does not have, those that are said to be "the same" and are
not here, and calls and parameters of Azure ML that the page leaves out.
"""

import inspect
import json
import logging
import re
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

import azureml.core
import azureml.core.image
import scoring_functions
from azureml.core.model import InferenceConfig, ModelPackage
from azureml.core.webservice import AciWebservice, AksEndpoint, AksWebservice, LocalWebservice
from azureml.core.webservice.aks import AksServiceAccessToken

WEBSERVICES = (azureml.core.Webservice, AciWebservice, AksWebservice, LocalWebservice, AksEndpoint)
CLASSES = (azureml.core.Workspace, azureml.core.Model, InferenceConfig, ModelPackage, AksServiceAccessToken, *WEBSERVICES)
#: Of azureml-pipeline-steps.
OTHERS = {"ParallelRunStep"}
#: Public by their names only: they are called by other classes of azureml-core.
INTERNAL = {"check_for_existing_webservice", "deserialize"}


def names_of(kinds: Iterable[type]) -> set[str]:
    """Classes, their members, what instances have, and all parameters."""
    found: set[str] = set()
    for kind in kinds:
        found |= {kind.__name__, *dir(kind)}
        for each in kind.__mro__:
            if each.__module__.startswith(("azureml", "scoring_functions")):
                source = inspect.getsource(each)
                found |= {*getattr(each, "__annotations__", {}), *re.findall(r"\bself\.([a-z]\w*)", source)}
                found |= set(re.findall(r":(?:var|param) (\w+):", source))
        for _, member in inspect.getmembers(kind, inspect.isroutine):
            try:
                found |= set(inspect.signature(member).parameters)
            except ValueError:
                continue  # written in C
    return found


def rows_of(page: str, title: str) -> list[list[str]]:
    """The cells of a section's table."""
    table = page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    return [row.strip("| ").split(" | ") for row in rows[2:]]


def words_of(cell: str) -> set[str]:
    """The names in the code of a cell, without values, and without `cmk_*` and the like."""
    code = " ".join(re.findall(r"`([^`]+)`", cell))
    return set(re.findall(r"[A-Za-z_]\w{2,}", re.sub(r'"[^"]*"|\w+_\*|\bservice\.', "", code))) - {"True", "False"}


def is_named(name: str, page: str) -> bool:
    return re.search(rf"\b{name}\b", page) is not None or any(name.startswith(start) for start in re.findall(r"`(\w+_)\*`", page))


def main() -> None:
    page = Path(sys.argv[1]).read_text(encoding="utf-8")
    theirs = names_of(CLASSES) | OTHERS | {*dir(azureml.core), *dir(azureml.core.image)}
    ours = names_of(each for each in vars(scoring_functions).values() if isinstance(each, type))
    ours |= set(scoring_functions.configuration._OF_SERVICE)  # its parameters are checked by name
    calls, parameters = rows_of(page, "SDK v1"), rows_of(page, "Deployment configuration")
    methods = {
        name
        for kind in (azureml.core.Model, ModelPackage, *WEBSERVICES)
        for name, _ in inspect.getmembers(kind, inspect.isroutine)
        if not name.startswith("_") and name not in INTERNAL
    }
    given = {name for kind in (AciWebservice, AksWebservice, LocalWebservice) for name in inspect.signature(kind.deploy_configuration).parameters}
    found = {
        "rows": len(calls) + len(parameters),
        "not in Azure ML": sorted({word for cells in calls + parameters for word in words_of(cells[0]) - theirs}),
        "not the same": sorted({word for cells in calls + parameters if cells[1].startswith("the same") for word in words_of(cells[0]) - ours}),
        "not on the page": sorted(name for name in methods | given if not is_named(name, page)),
    }
    print(json.dumps(found))


main()
