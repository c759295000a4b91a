"""Starts a fresh test gateway and lets schemathesis ask it everything; called by `check`."""

import json
import os
import pathlib
import re
import select
import subprocess
import sys
import tempfile
import urllib.request

import jsonschema_rs

import shop

HERE = pathlib.Path(__file__).resolve().parent

# Those that are left out, and why:
# negative_data_rejection     wants a 4xx; the protocol refuses with 200 and errCode. Ours looks at errCode instead.
# positive_data_acceptance    a request that fits its schema can still be about a bill that does not allow it.
# use_after_free, ensure_resource_availability, object_level_authorization
#                             follow resources through REST's methods; here everything is posted.
# missing_required_header     no operation has a required header beside the signature, which ignored_auth is about.
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
    "only_what_is_described_is_done",
    "EverythingIsDoneOnce",
]


def main(binary, seed):
    binary = str(pathlib.Path(binary).resolve())
    examples_fit(json.loads(pathlib.Path("docs/openapi.json").read_text()))
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}

        def run(*words):
            command = [binary, *words, "--data-dir", folder]
            return subprocess.run(command, env=environment, cwd=folder, check=True, capture_output=True, text=True, timeout=60).stdout

        notice_key = secret(run("merchant", "add", shop.MID, "--name", "测试商户"))
        run("merchant", "add", shop.OTHER_MID, "--name", "分店")
        app_key = secret(run("app", "add", "--mid", shop.MID, "--id", shop.APP, "--msg-src", shop.SOURCE))
        log = pathlib.Path(folder, "log")
        with log.open("w") as stderr:
            gateway = subprocess.Popen(
                [binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", folder],
                env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=stderr, text=True,
            )
        try:
            ready, _, _ = select.select([gateway.stdout], [], [], 60)
            said = re.search(r"http://\S+", gateway.stdout.readline()) if ready else None
            if said is None:
                sys.exit("the gateway did not start:\n" + log.read_text())
            url = said.group()
            failed = ask_everything(url, app_key, notice_key, seed, folder)
            alive = urllib.request.urlopen(url + "/healthz", timeout=30).status == 200
        finally:
            gateway.terminate()
            try:
                ended = gateway.wait(60)
            except subprocess.TimeoutExpired:
                gateway.kill()
                ended = gateway.wait()
        broken = [line for line in log.read_text().splitlines() if "panicked" in line or "ended badly" in line]
        run("ledger", "verify")
        if failed or not alive or ended or broken:
            print(*broken, sep="\n", file=sys.stderr)
            sys.exit(f"the gateway is not as described; the same requests again: conformance/openapi/check {seed}")
    print(f"the gateway is as described (seed {seed}), and its ledger is proven")


def secret(text):
    """The key that is shown when a merchant or an app is added."""
    return re.search(r"KEY=(\S+)", text).group(1)


def ask_everything(url, app_key, notice_key, seed, folder):
    environment = {
        **os.environ,
        "GATEWAY_URL": url,
        "GATEWAY_APP_KEY": app_key,
        "GATEWAY_NOTICE_KEY": notice_key,
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": str(HERE),
        "PYTHONHASHSEED": "0",
    }
    command = [
        pathlib.Path(sys.executable).with_name("schemathesis"), "run", url + "/openapi.json",
        "--checks", ",".join(CHECKS), "--seed", seed, "--max-examples", os.environ.get("EXAMPLES", "25"),
        "--phases", "examples,coverage,fuzzing", "--continue-on-failure", "--request-timeout", "30",
        "--suppress-health-check", "all", "--warnings", "off",
    ]
    return subprocess.run(command, env=environment, cwd=folder, timeout=900).returncode != 0


def examples_fit(document):
    """Every example in the document fits the schema beside it."""
    count = 0

    def walk(node):
        nonlocal count
        if isinstance(node, dict):
            if isinstance(node.get("schema"), dict):
                schema = {**node["schema"], "components": document["components"]}
                given = [one["value"] for one in node.get("examples", {}).values()] if isinstance(node.get("examples"), dict) else []
                for example in given + ([node["example"]] if "example" in node else []):
                    jsonschema_rs.Draft202012Validator(schema).validate(example)
                    count += 1
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(document)
    assert count > 50, count
    print(f"docs/openapi.json: {count} examples fit their schemas")


if __name__ == "__main__":
    main(*sys.argv[1:])
