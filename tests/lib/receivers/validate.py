#!/usr/bin/env python3
"""Whether all bodies that webhook_peer.py recorded have the shape of their service.

   validate.py SCHEMAS.json DIR NAME…

NAME is a key of the schemas and DIR/NAME.jsonl the record. Exits 1 and says what is wrong
at the first body that has not, or if there is none."""
import json
import sys

import jsonschema


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schemas = json.load(file)
    for name in sys.argv[3:]:
        jsonschema.Draft7Validator.check_schema(schemas[name])
        validator = jsonschema.Draft7Validator(schemas[name])
        n = 0
        with open(f"{sys.argv[2]}/{name}.jsonl", encoding="utf-8") as lines:
            for line in lines:
                body = json.loads(json.loads(line)["body"])
                n += 1
                for error in validator.iter_errors(body):
                    sys.exit(f"{name}: body {n}: {error.message} at {list(error.path)}")
        if n == 0:
            sys.exit(f"{name}: nothing was recorded")


if __name__ == "__main__":
    main()
