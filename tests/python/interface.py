"""Judges what a server said of itself: its OpenAPI document by the validator, every answer by the schema that the document
has for it, and its figures by Prometheus' own parser.

Is given a folder with document.json, answers.json (a list of operation, status, media and body) and metrics.txt. Fails at
the first fault, and prints what it has judged.
"""

import json
import sys
from pathlib import Path

from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator
from prometheus_client.parser import text_string_to_metric_families

folder = Path(sys.argv[1])
document = json.loads((folder / "document.json").read_text())
answers = json.loads((folder / "answers.json").read_text())

OpenAPIV31SpecValidator(document).validate()

operations = {o["operationId"]: o for path in document["paths"].values() for o in path.values()}


def judge(schema, body):
    # References are looked up from the root, so the schema is judged together with what it may name.
    whole = {"components": document["components"], **schema}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(body)


for answer in answers:
    schema = answer["schema"]
    if schema is None:
        responses = operations[answer["operation"]]["responses"]
        response = responses.get(str(answer["status"]), responses["default"])
        schema = response["content"][answer["media"]].get("schema", {})
    judge(schema, answer["body"])

families = list(text_string_to_metric_families((folder / "metrics.txt").read_text()))
for family in families:
    assert family.documentation and family.type in ("counter", "gauge", "histogram"), family
    assert family.samples, family

print(f"interface: {len(operations)} operations, {len(answers)} answers, {len(families)} families of figures")
