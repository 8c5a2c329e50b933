"""Checks manifests against the schemas of Kubernetes, and writes the queries of KEDA's triggers.

    python manifests.py MANIFESTS.yaml QUERIES.sql
"""
import sys

import kubernetes_validate
import yaml

VERSION = "1.37"
# Members of a ScaledJob and of its trigger for PostgreSQL, from KEDA's pages scaledjob-spec and scalers/postgresql.
SCALED_JOB = {"jobTargetRef", "pollingInterval", "successfulJobsHistoryLimit", "failedJobsHistoryLimit",
              "minReplicaCount", "maxReplicaCount", "rollout", "scalingStrategy", "triggers"}
TRIGGER = {"connectionFromEnv", "targetQueryValue", "query"}
STRATEGIES = {"default", "custom", "accurate", "eager"}


def wrong(kind, condition, text):
    if condition:
        sys.exit(f"{kind}: {text}")


def plain_job(scaled):
    """The Job that KEDA makes of a ScaledJob, after a look at what is KEDA's own."""
    spec = scaled["spec"]
    wrong("ScaledJob", set(spec) - SCALED_JOB, f"unknown members {set(spec) - SCALED_JOB}")
    wrong("ScaledJob", spec["scalingStrategy"]["strategy"] not in STRATEGIES, "unknown strategy")
    wrong("ScaledJob", spec["rollout"]["strategy"] not in {"default", "gradual"}, "unknown rollout")
    for trigger in spec["triggers"]:
        wrong("trigger", trigger["type"] != "postgresql", f"type {trigger['type']}")
        wrong("trigger", set(trigger["metadata"]) != TRIGGER, f"members {set(trigger['metadata'])}")
        names = {one["name"] for one in spec["jobTargetRef"]["template"]["spec"]["containers"][0]["env"]}
        wrong("trigger", trigger["metadata"]["connectionFromEnv"] not in names, "no such variable in the container")
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": scaled["metadata"], "spec": spec["jobTargetRef"]}


def drains(job):
    """The time until Kubernetes kills must be longer than that which a worker gives its stages."""
    pod = job["spec"]["template"]["spec"]
    for container in pod["containers"]:
        words = container["args"]
        if words[0] == "worker":
            drain = int(words[words.index("--drain") + 1])
            grace = pod.get("terminationGracePeriodSeconds", 30)
            wrong(job["kind"], grace < drain + 15, f"grace of {grace} s is too near to --drain {drain}")


def main(manifests, queries):
    with open(queries, "w") as asked:
        for one in yaml.safe_load_all(open(manifests)):
            if one["kind"] == "ScaledJob":
                asked.writelines(trigger["metadata"]["query"] + "\n" for trigger in one["spec"]["triggers"])
                one = plain_job(one)
            if one["kind"] in ("Deployment", "Job"):
                drains(one)
            try:
                kubernetes_validate.validate(one, VERSION, strict=True)
            except kubernetes_validate.ValidationError as error:
                sys.exit(f"{one['kind']} {one['metadata']['name']}: {error.message} at {list(error.path)}")


main(*sys.argv[1:])
