#!/usr/bin/env python3
"""The deployment files hold together: containers, compose, Kubernetes, Ansible, cloud-init.
No engine is needed; what needs one to be seen is named in docs/howto/fleet.md.

  deploy.py REPOSITORY
"""
import pathlib
import re
import sys

import yaml

repo = pathlib.Path(sys.argv[1])
deploy = repo / "deploy"
checks = failed = 0


def check(what, holds):
    global checks, failed
    checks += 1
    if not holds:
        failed += 1
        print(f"deploy: {what}")


def documents(path):
    return [d for d in yaml.safe_load_all(path.read_text()) if d is not None]


# ---- Dockerfile --------------------------------------------------------------------------


def stages(text):
    """Each stage's name and its instructions as (word, rest), continuations joined."""
    out, name = {}, None
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        found = re.match(r"([A-Z]+) (.*)", line)
        if not found:
            continue
        if found[1] == "FROM":
            origin, _, name = found[2].partition(" AS ")
            out[name] = [("FROM", origin)]
        else:
            out[name].append((found[1], found[2]))
    return out


def check_dockerfile():
    found = stages((deploy / "containers/Dockerfile").read_text())
    for name, steps in found.items():
        for word, rest in steps:
            if word == "COPY" and "--from=" not in rest:
                for source in [w for w in rest.split() if not w.startswith("--")][:-1]:
                    check(f"Dockerfile: {source} is not there", (repo / source).exists())
        origin = steps[0][1]
        check(f"Dockerfile: {name} begins with {origin}", ":" in origin or origin in found)
    for target in ("coordinator", "agent"):
        steps = dict(found.get(target, []))
        user = steps.get("USER", "0")
        check(f"Dockerfile: {target} runs as {user}", re.fullmatch(r"[1-9]\d*:[1-9]\d*", user))
        check(f"Dockerfile: {target} has no health check", "parallax" in steps.get("HEALTHCHECK", ""))
        check(f"Dockerfile: {target} has no entry", "ENTRYPOINT" in steps and "VOLUME" in steps)
    return set(found)


def check_compose(targets):
    doc = documents(deploy / "containers/compose.yaml")[0]
    services, volumes = doc["services"], set(doc["volumes"])
    check("compose: three agents", sum(n.startswith("agent-") for n in services) == 3)
    for name, service in services.items():
        check(f"compose: {name}: the root is writable", service.get("read_only") is True)
        check(f"compose: {name}: capabilities", service.get("cap_drop") == ["ALL"])
        for other in service.get("depends_on", {}):
            check(f"compose: {name} waits for {other}", other in services)
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            there = (deploy / "containers" / source).exists() if source.startswith(".") else source in volumes
            check(f"compose: {name}: volume {source}", there)
        if "build" in service:
            check(f"compose: {name}: target", service["build"]["target"] in targets)


# ---- Kubernetes --------------------------------------------------------------------------


def pod_of(doc):
    return doc["spec"]["template"]["spec"]


def check_container(where, container, volumes):
    security = container.get("securityContext", {})
    check(f"{where}: may gain privileges", security.get("allowPrivilegeEscalation") is False)
    check(f"{where}: the root is writable", security.get("readOnlyRootFilesystem") is True)
    check(f"{where}: capabilities", security.get("capabilities") == {"drop": ["ALL"]})
    for mount in container.get("volumeMounts", []):
        check(f"{where}: no volume {mount['name']}", mount["name"] in volumes)


def check_workload(where, doc):
    pod, spec = pod_of(doc), doc["spec"]
    labels = spec["template"]["metadata"]["labels"]
    check(f"{where}: selects other pods", spec["selector"]["matchLabels"].items() <= labels.items())
    check(f"{where}: runs as root", pod["securityContext"].get("runAsNonRoot") is True)
    check(f"{where}: seccomp", pod["securityContext"].get("seccompProfile") == {"type": "RuntimeDefault"})
    check(f"{where}: has a service account's token", pod.get("automountServiceAccountToken") is False)
    volumes = {v["name"] for v in pod.get("volumes", [])}
    volumes |= {c["metadata"]["name"] for c in spec.get("volumeClaimTemplates", [])}
    for container in pod.get("initContainers", []) + pod["containers"]:
        check_container(f"{where}/{container['name']}", container, volumes)


def named_ports(workload):
    return {p["name"] for c in pod_of(workload)["containers"] for p in c.get("ports", [])}


def matching(selector, workloads):
    return [w for w in workloads
            if selector.items() <= w["spec"]["template"]["metadata"]["labels"].items()]


def check_selectors(where, doc, workloads):
    """Services, budgets and policies must mean pods and ports that are there."""
    spec = doc.get("spec", {})
    if doc["kind"] == "Service":
        chosen = matching(spec["selector"], workloads)
        check(f"{where}: nobody is behind it", chosen)
        ports = {p["targetPort"] for p in spec.get("ports", [])}
    elif doc["kind"] == "PodDisruptionBudget":
        chosen, ports = matching(spec["selector"]["matchLabels"], workloads), set()
        check(f"{where}: protects nobody", chosen)
    elif doc["kind"] == "NetworkPolicy":
        chosen = matching(spec["podSelector"].get("matchLabels", {}), workloads)
        check(f"{where}: is about nobody", chosen)
        ports = {p["port"] for rule in spec.get("ingress", []) for p in rule.get("ports", [])}
    else:
        return
    known = set().union(*(named_ports(w) for w in chosen)) if chosen else set()
    check(f"{where}: ports {ports - known}", ports <= known)


def at_pointer(doc, pointer):
    for word in pointer.strip("/").split("/"):
        word = word.replace("~1", "/").replace("~0", "~")
        doc = doc[int(word)] if isinstance(doc, list) else doc[word]
    return doc


def check_kustomization(path, seen):
    """Returns the documents it yields, before its patches."""
    kust, out = documents(path / "kustomization.yaml")[0], []
    for name in kust.get("resources", []):
        target = (path / name).resolve()
        check(f"{path.name}: {name} is not there", target.exists())
        out += check_kustomization(target, seen) if target.is_dir() else documents(target)
    for generator in kust.get("configMapGenerator", []):
        for entry in generator["files"]:
            check(f"{path.name}: {entry}", (path / entry.split("=")[-1]).exists())
        seen["maps"].add(generator["name"])
    for patch in kust.get("patches", []):
        target = [d for d in out if d["kind"] == patch["target"]["kind"]
                  and d["metadata"]["name"] == patch["target"]["name"]]
        check(f"{path.name}: a patch of nothing", target)
        for op in yaml.safe_load(patch["patch"]):
            check(f"{path.name}: {op['path']} is not there", target and at_pointer(target[0], op["path"]))
    return out


def check_kubernetes():
    seen = {"maps": set()}
    for path in sorted((deploy / "kubernetes").rglob("kustomization.yaml")):
        docs = check_kustomization(path.parent, seen)
        where = str(path.parent.relative_to(deploy))
        workloads = [d for d in docs if d["kind"] in ("StatefulSet", "Deployment", "DaemonSet")]
        check(f"{where}: no workload", workloads)
        for doc in docs:
            label = f"{where}: {doc['kind']} {doc['metadata']['name']}"
            if doc in workloads:
                check_workload(label, doc)
                for volume in pod_of(doc).get("volumes", []):
                    if "configMap" in volume:
                        check(f"{label}: no such map", volume["configMap"]["name"] in seen["maps"])
            check_selectors(label, doc, workloads)


# ---- fleets ------------------------------------------------------------------------------


def check_ansible():
    role = deploy / "ansible/roles/parallax_agent"
    defaults = documents(role / "defaults/main.yml")[0]
    handlers = {h["name"] for h in documents(role / "handlers/main.yml")[0]}
    text = (role / "tasks/main.yml").read_text()
    registered = set(re.findall(r"register: (\w+)", text)) | set(re.findall(r"^\s+(parallax_\w+):", text, re.M))
    for task in documents(role / "tasks/main.yml")[0]:
        check(f"ansible: a task without a name: {task}", task.get("name"))
        if "notify" in task:
            check(f"ansible: {task['name']}: no handler", task["notify"] in handlers)
    for name in set(re.findall(r"\b(parallax_\w+)", text)):
        check(f"ansible: {name} has no default", name in defaults or name in registered)


def check_cloud_init():
    text = (deploy / "cloud-init/agent.yaml").read_text()
    check("cloud-init: the first line", text.startswith("#cloud-config\n"))
    doc = yaml.safe_load(text)
    check("cloud-init: keys", {"write_files", "runcmd"} <= set(doc))
    module = (deploy / "terraform/agent/main.tf").read_text()
    for word in ('"TOKEN"', "PACKAGE_SHA256  /", "'PACKAGE_URL'"):
        check(f"cloud-init: {word} is not there once", text.count(word) == 1)
        check(f"terraform: {word} is not put in", word.replace('"', '\\"') in module or word in module)


def main():
    for path in sorted([*deploy.rglob("*.yaml"), *deploy.rglob("*.yml")]):
        try:
            documents(path)
            check(str(path), True)
        except yaml.YAMLError as error:
            check(f"{path}: {error}", False)
    check_compose(check_dockerfile())
    check_kubernetes()
    check_ansible()
    check_cloud_init()
    print(f"{checks} checks, {failed} failed")
    return 1 if failed or checks < 100 else 0


sys.exit(main())
