"""Whether a dashboard of Grafana is as its schema says, and asks for nothing that is not exported.

    python dashboard.py DASHBOARD.json SQL-EXPORTER.yml

The types of grafana-foundation-sdk are made from Grafana's schema: what they do not know is lost on the way through them.
"""
import json
import re
import sys

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(given, kept, path="dashboard"):
    """Members that the schema does not know, or that it keeps in another form."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key not in kept:
                # A null stands for a member that is not there.
                if value is not None:
                    yield f"{path}.{key}"
            else:
                yield from lost(value, kept[key], f"{path}.{key}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for place, (one, other) in enumerate(zip(given, kept)):
            yield from lost(one, other, f"{path}[{place}]")
    elif given != kept:
        yield f"{path}: {given!r} became {kept!r}"


def main(dashboard, exporter):
    register_default_plugins()
    given = json.loads(open(dashboard).read())
    kept = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(json.loads(json.dumps(given)))))
    faults = list(lost(given, kept))
    exported = {"sql_" + query["name"] for job in yaml.safe_load(open(exporter))["jobs"] for query in job["queries"]}
    targets = [target for panel in given["panels"] for target in panel["targets"]]
    for target in targets:
        asked = set(re.findall(r"\bsql_\w+", target["expr"]))
        faults += [f"{target['expr']}: nothing exports {name}" for name in asked - exported]
        faults += [f"{target['expr']}: asks for nothing"] * (not asked)
    for fault in faults:
        print(fault)
    if not faults:
        print(f"{len(given['panels'])} panels with {len(targets)} questions")
    sys.exit(1 if faults or len(targets) < 10 else 0)


main(*sys.argv[1:])
