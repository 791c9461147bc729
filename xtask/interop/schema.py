"""The built-in recipes against `distill schema`. Called by `cargo xtask interop`: schema.py SCHEMA RECIPE..."""

import json
import pathlib
import sys
import tomllib

import jsonschema

schema = json.loads(pathlib.Path(sys.argv[1]).read_text())
validator = jsonschema.validators.validator_for(schema)
validator.check_schema(schema)
for recipe in map(pathlib.Path, sys.argv[2:]):
    validator(schema).validate(tomllib.loads(recipe.read_text()))
print(f"{len(sys.argv) - 2} recipes are as the schema says")
